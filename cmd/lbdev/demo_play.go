package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/lbdev/lbdev/cluster"
)

const (
	// demoLook is how often the demo looks whether what it waits for has come.
	demoLook = 5 * time.Millisecond
	// sayAfter is how long a wait may last before people are told what is waited for, and how often again.
	sayAfter = 5 * time.Second
	// A text is left to stand for a moment and so much longer for each character, at speed 1. That is fast reading: it stays
	// on the screen while the requests come below it.
	glance  = 500 * time.Millisecond
	perRune = 20 * time.Millisecond
	// catchLook is how often it looks whether a request is at a worker: one to a fast page is gone in a few milliseconds.
	catchLook = 200 * time.Microsecond
	// catchPatience is how long the demo waits for a request to be at a worker before something happens to that. The sample
	// app's page is slow enough for that, a fast page of the user's app may not be.
	catchPatience = 50 * time.Millisecond
	// pouredPatience is how long the requests may take that were at a worker when something happened to it.
	pouredPatience = 3 * time.Second
)

// A demo is the act of lbdev demo: scenes with one worker after the other while a trickle of requests flows.
type demo struct {
	// What was asked for.
	own      bool   // the user's app, not the sample
	program  string // that is the front; empty = lbdev is
	logs     bool   // show what the workers print
	json     bool
	speed    float64 // 2 is twice as fast
	rate     float64 // requests a second
	path     string
	busy     string        // the page that is in hand when something happens to a worker
	busyFor  time.Duration // how long it takes, 0 = unknown
	next     string        // what to type next
	patience time.Duration // with whatever is waited for
	enter    *enter        // nil = go on by itself

	figures figures
	played  atomic.Bool // to the end

	// What follows belongs to play's goroutine.
	s         *session
	cluster   *cluster.Cluster
	text      look
	ports     []int
	events    *cluster.Reader[cluster.Event]
	backAt    map[int]time.Time // by port: when the worker was ready last
	trickle   *trickle
	scene     *scene
	number    int // of the scene, from 1
	of        int
	appErrors int          // so far
	missed    atomic.Int64 // by the program, as its clients saw it
	asked     atomic.Int64
}

// A scene is one step: what people are told before it, what is done, and what was seen.
type scene struct {
	name  string // for programs
	title string
	why   string
	watch string
	do    func(ctx context.Context) (sighting, error)
}

// A sighting puts into words what a scene's requests have met, once all of them are answered.
type sighting func(t tally) []string

// play is the demo from the first ready worker to the last scene.
func (d *demo) play(ctx context.Context, s *session) error {
	d.s, d.cluster, d.text, d.ports = s, s.cluster, s.out, s.cluster.Ports()
	d.backAt = map[int]time.Time{}
	d.events = d.cluster.Events().Reader(0, false)
	defer d.events.Close()
	if err := d.awaitStart(ctx); err != nil {
		return err
	}
	flow, stop := context.WithCancel(ctx)
	d.trickle = newTrickle(d.cluster.FrontURL(), d.path, d.rate, d.patience)
	d.trickle.program = d.program
	go d.trickle.run(flow)
	defer func() { <-d.trickle.over }()
	defer stop()
	scenes := d.scenes()
	d.of = len(scenes)
	for i := range scenes {
		d.number, d.scene = i+1, &scenes[i]
		if err := d.show(ctx); err != nil {
			return err
		}
	}
	d.played.Store(true)
	return d.verdict()
}

// show plays one scene.
func (d *demo) show(ctx context.Context) error {
	d.announce(ctx)
	if err := d.beginning(ctx); err != nil {
		return err
	}
	d.figures.reset()
	broken := d.trickle.errors.Load()
	d.trickle.turn(ctx, true)
	seen, err := d.scene.do(ctx)
	d.trickle.turn(ctx, false)
	if err == nil {
		err = d.settle(ctx)
	}
	if err != nil {
		return err
	}
	t := d.figures.sum()
	if seen := int(d.trickle.errors.Load() - broken); d.program != "" { // what its log says of that is one thing, what clients see the other
		t.failed = seen
		d.missed.Add(int64(seen))
		d.asked.Add(int64(t.requests))
	} else {
		t.failed = max(t.failed, seen)
	}
	d.appErrors += t.appErrors
	told := seen(t)
	d.report(ctx, t, told)
	if t.requests > 0 && t.appErrors == t.requests {
		return d.verdict() // nothing can be seen on a page that never works
	}
	return d.pause(ctx, strings.Join(told, ""))
}

// awaitStart waits until all workers have been ready. If all failed the session knows why, and ends.
func (d *demo) awaitStart(ctx context.Context) error {
	var failed *cluster.WorkerSnapshot
	err := d.until(ctx, "all workers to be ready", 4*d.patience, func() (bool, error) {
		failed = nil
		ready := 0
		workers := d.cluster.Snapshot().Workers
		for i := range workers {
			switch workers[i].State {
			case cluster.Ready:
				ready++
			case cluster.Failed:
				failed = &workers[i]
			default:
				return false, nil
			}
		}
		return failed == nil || ready > 0, nil
	})
	if err == nil && failed != nil {
		err = cannotGoOn(failed)
	}
	if err == nil {
		err = d.followed(ctx)
	}
	return err
}

func cannotGoOn(w *cluster.WorkerSnapshot) error {
	reason := w.Reason
	if reason != "" {
		reason = ": " + reason
	}
	return &commandError{
		code: exitFailed, err: fmt.Errorf("cannot go on with the demo: worker %d on port %d is %s%s", w.Worker, w.Port, w.State, reason),
		hint: "the demo needs all its workers;  lbdev demo --logs …  shows what they print",
	}
}

// until waits until come says yes or fails, and says after a while what it waits for.
func (d *demo) until(ctx context.Context, what string, limit time.Duration, come func() (bool, error)) error {
	began := time.Now()
	said := began
	tick := time.NewTicker(demoLook)
	defer tick.Stop()
	for {
		if yes, err := come(); yes || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case now := <-tick.C:
			if now.Sub(began) > limit {
				return &commandError{code: exitFailed, err: fmt.Errorf("cannot go on with the demo: waited %s in vain for %s", short(limit), what)}
			}
			if now.Sub(said) > sayAfter {
				said = now
				d.progress(ctx, fmt.Sprintf("waiting for %s, %s so far", what, short(now.Sub(began))))
			}
		}
	}
}

// untilCount waits until so many requests of the scene are answered for which is says yes.
func (d *demo) untilCount(ctx context.Context, what string, n int, is func(*visit) bool) error {
	return d.until(ctx, what, d.patience, func() (bool, error) { return d.figures.count(is) >= n, d.lost() })
}

func anyVisit(*visit) bool { return true }

// untilBack waits until workers are ready in a later incarnation than before, and returns when the last of them was.
func (d *demo) untilBack(ctx context.Context, before map[int]uint64) (time.Time, error) {
	what := joinInts(slices.Sorted(maps.Keys(before))) + " to be ready again"
	err := d.until(ctx, what, 4*d.patience, func() (bool, error) {
		for _, w := range d.cluster.Snapshot().Workers {
			if was, asked := before[w.Port]; asked && (w.State != cluster.Ready || w.Incarnation <= was) {
				return false, d.lost()
			}
		}
		return true, nil
	})
	var last time.Time
	if err == nil {
		d.takeEvents()
		for port := range before {
			if at := d.backAt[port]; at.After(last) {
				last = at
			}
		}
	}
	return last, err
}

// takeEvents notes when workers were ready.
func (d *demo) takeEvents() {
	events, _, _ := d.events.Take(nil, 0)
	for _, e := range events {
		if e.Kind == cluster.KindState && e.State == cluster.Ready {
			d.backAt[e.Port] = e.Time
		}
	}
}

// lost is the error of a worker that will not come back by itself.
func (d *demo) lost() error {
	for _, w := range d.cluster.Snapshot().Workers {
		if w.State == cluster.Failed || w.State == cluster.Stopped {
			return cannotGoOn(&w)
		}
	}
	return nil
}

// worker is one worker as it is now.
func (d *demo) worker(port int) cluster.WorkerSnapshot {
	workers := d.cluster.Snapshot().Workers
	if i := slices.IndexFunc(workers, func(w cluster.WorkerSnapshot) bool { return w.Port == port }); i >= 0 {
		return workers[i]
	}
	return cluster.WorkerSnapshot{Port: port} // somebody has scaled it away
}

func (d *demo) incarnations() map[int]uint64 {
	all := map[int]uint64{}
	for _, w := range d.cluster.Snapshot().Workers {
		all[w.Port] = w.Incarnation
	}
	return all
}

// untilPoured waits until the requests that catch sent are answered, but not for ever: one whose answer had begun when its
// worker was frozen waits for that worker.
func (d *demo) untilPoured(ctx context.Context) error {
	enough := time.Now().Add(pouredPatience)
	return d.until(ctx, "requests to be answered", d.patience, func() (bool, error) {
		return d.trickle.poured.Load() == 0 || time.Now().After(enough), nil
	})
}

// followed waits until the program that is the front knows of what was asked for.
func (d *demo) followed(ctx context.Context) error {
	return d.until(ctx, d.program+" to know of it", d.patience, func() (bool, error) {
		p := d.cluster.Snapshot().Program
		return p == nil || p.State == cluster.FrontReady, nil
	})
}

// settle waits until every request is answered and counted.
func (d *demo) settle(ctx context.Context) error {
	err := d.until(ctx, "the last requests to be answered", d.patience+d.patience, func() (bool, error) { return d.trickle.unanswered.Load() == 0, nil })
	if err != nil {
		return err
	}
	// A request's record comes a moment after its answer. Other people's requests may go on for ever.
	others := time.Now().Add(time.Second)
	return d.until(ctx, "the last records", d.patience, func() (bool, error) {
		return d.cluster.Snapshot().Requests.InFlight == 0 || time.Now().After(others), nil
	})
}

// beginning lets people read what the scene is about, or waits for Enter.
func (d *demo) beginning(ctx context.Context) error {
	if d.enter == nil {
		return d.pause(ctx, d.scene.why+d.scene.watch)
	}
	d.ask(ctx)
	select {
	case _, more := <-d.enter.lines:
		if !more {
			d.enter = nil
			d.progress(ctx, "the input has ended: going on without Enter")
		}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// pause gives people time to read a text; with --step they have it before the next Enter.
func (d *demo) pause(ctx context.Context, text string) error {
	if d.enter != nil {
		return nil
	}
	t := time.NewTimer(d.scaled(glance + time.Duration(utf8.RuneCountInString(text))*perRune))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (d *demo) scaled(t time.Duration) time.Duration { return time.Duration(float64(t) / d.speed) }

// verdict is nil if no request failed.
func (d *demo) verdict() error {
	all := d.cluster.Snapshot().Requests
	failed := max(all.Failed+all.Cut, uint64(d.trickle.errors.Load()))
	switch {
	case failed > 0 && d.program == "":
		hint := "their lines above say why;  lbdev demo --logs …  shows what the workers print"
		if first := d.trickle.first.Load(); first != nil && all.Failed+all.Cut == 0 {
			hint = "the first: " + *first
		}
		return &commandError{code: exitFailed, err: fmt.Errorf("cannot promise that nothing is lost: %s failed", count(int(failed), "request")), hint: hint}
	case d.appErrors > 0:
		return &commandError{
			code: exitFailed, err: fmt.Errorf("cannot show much: the app itself answered GET %s with an error, %s", d.path, count(d.appErrors, "time")),
			hint: "choose a page that works:  lbdev demo --path /health …",
		}
	}
	return nil
}
