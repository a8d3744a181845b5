package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/lbdev/lbdev/proxy"
)

// A worker that has requests and sends nothing may be frozen, or only slow. Whether its processes stand still is looked at after
// 50 ms, because it costs little and is certain. What the system does not know is found out by a probe, which costs a line in the
// app's log and so is made later, and only on suspicion.

const (
	// suspicious is how long the silence lasts that leads to a probe, and inquiryPatience how long its answer may take: together
	// they are what a client waits for a worker that is frozen in a way that does not show.
	suspicious      = 500 * time.Millisecond
	inquiryPatience = 500 * time.Millisecond
	// inquiryGap is the least time between two probes of a worker that answers.
	inquiryGap = 5 * time.Second
	// lull is how long the proxy tells of no silence when there is none any more: the worker was heard, or nobody waits for it.
	lull = 150 * time.Millisecond
	// doubtTick is how often a worker that does not answer is looked at.
	doubtTick = 50 * time.Millisecond
	// inquireAgain is when a probe that was refused is made again.
	inquireAgain = 100 * time.Millisecond
	// longRequest is when the oldest request of a worker that does not answer goes to another one too. Until then it is taken for
	// the one that keeps the worker busy, as in a server with one thread, and is not run twice.
	longRequest = 10 * time.Second
)

// A verdict is what a watcher tells its worker's loop.
type verdict struct {
	answers bool
	frozen  bool // certainly; else it may be busy
	all     bool // no request is to wait for it
	silent  time.Duration
}

func (v *verdict) reason() string {
	switch {
	case v.answers:
		return "answers again after " + seconds(v.silent)
	case v.frozen:
		return "its process is stopped (SIGSTOP)"
	}
	return "no answer for " + seconds(v.silent)
}

// seconds is a time as people say it: 2.3 s.
func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// onSilence passes on what the proxy has noticed.
func (c *Cluster) onSilence(s proxy.Silence) {
	for _, w := range c.all() {
		if w.backend == s.Backend {
			select {
			case w.silences <- s:
			default: // the watcher is at it
			}
		}
	}
}

// A watcher finds out whether a silent incarnation is alive.
type watcher struct {
	w *worker
	r *run

	last  time.Duration // the silence that was told last
	at    time.Duration // the length of this silence that leads to the next probe
	asked time.Time     // the last probe
}

// watch is the goroutine that watches an incarnation.
func (w *worker) watch(ctx context.Context, r *run) {
	d := watcher{w: w, r: r}
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.proc.Done():
			return
		case s := <-w.silences:
			if s.Incarnation == r.incarnation {
				d.look(ctx, s.For)
			}
		}
	}
}

// look decides whether a silence is worth more than a look.
func (d *watcher) look(ctx context.Context, silent time.Duration) {
	if silent < d.last {
		d.at = 0 // it is another one
	}
	d.last = silent
	frozen, known := d.r.proc.Frozen(d.w.port)
	switch {
	case frozen:
		d.interrogate(ctx, silent, true, known)
	case silent >= max(d.at, suspicious) && time.Since(d.asked) >= inquiryGap:
		d.interrogate(ctx, silent, false, known)
		d.at = 2 * silent
		d.asked = time.Now()
	}
}

// interrogate asks the worker once and returns when it has answered, or is gone. Meanwhile the loop hears what becomes of it.
func (d *watcher) interrogate(ctx context.Context, silent time.Duration, frozen, known bool) {
	began, lately := time.Now().Add(-silent), time.Now() // of the silence; when it was told of last
	ctx, cancel := context.WithCancel(ctx)
	answered := make(chan struct{})
	asking := make(chan struct{})
	go d.ask(ctx, answered, asking)
	defer func() { cancel(); <-asking }()
	var told *verdict
	tell := func(v verdict) {
		v.silent = time.Since(began)
		told = &v
		d.tell(ctx, v)
	}
	if frozen {
		tell(verdict{frozen: true})
	}
	patience, long := time.NewTimer(inquiryPatience), time.NewTimer(longRequest)
	defer patience.Stop()
	defer long.Stop()
	tick := time.NewTicker(doubtTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.r.proc.Done():
			return
		case <-answered:
			if told != nil {
				tell(verdict{answers: true})
			}
			return
		case s := <-d.w.silences:
			if told != nil || s.Incarnation != d.r.incarnation {
				break
			}
			lately = time.Now()
			if since := lately.Add(-s.For); since.Sub(began) > lull {
				began = since // it is another one
			}
		case <-patience.C:
			left := suspicious + inquiryPatience - time.Since(began)
			switch {
			case told != nil && told.frozen && !frozen: // it goes on, and does not answer all the same
				tell(verdict{all: !known || d.w.mute()})
			case told != nil:
			case time.Since(lately) > lull: // it has answered somebody, though not the probe yet
				patience.Reset(inquiryPatience)
			case left > 0:
				patience.Reset(left)
			default:
				tell(verdict{all: !known || d.w.mute()})
			}
		case <-long.C:
			if !frozen {
				tell(verdict{all: true})
			}
		case <-tick.C:
			was := frozen
			switch frozen, known = d.r.proc.Frozen(d.w.port); {
			case frozen && !was:
				tell(verdict{frozen: true})
			case was && !frozen:
				patience.Reset(inquiryPatience) // mostly it answers at once
			}
		}
	}
}

func (d *watcher) tell(ctx context.Context, v verdict) {
	select {
	case d.r.verdicts <- v:
	case <-ctx.Done():
	case <-d.r.proc.Done():
	}
}

// ask is the goroutine that asks the worker. It asks again only where it was refused: what is in the worker's queue already
// will be answered, and a second request would be one more line in its log.
func (d *watcher) ask(ctx context.Context, answered, over chan<- struct{}) {
	defer close(over)
	for !d.w.cluster.world.inquire(ctx, d.w, d.r) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(inquireAgain):
		}
	}
	close(answered)
}

// inquire asks a worker for its ready path, and says whether it did anything at all about it: a server that closes the
// connection lives too. The kernel alone accepts connections for a frozen process, but answers nothing.
func inquire(ctx context.Context, w *worker, r *run) bool {
	if !w.awaitVoice(ctx) {
		return false
	}
	path := "/"
	if ready := r.config.ReadyPath; ready != "" {
		path = w.expand(ready)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s:%d%s", workerHost, w.port, path), nil)
	if err != nil {
		return false
	}
	req.Header.Set("User-Agent", "lbdev (are you there?)")
	if w.cluster.config.Upstream == UpstreamH2C {
		return w.inquireHTTP2(req)
	}
	conn, err := w.dial(ctx, "", "")
	if err != nil {
		return false
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	req.Close = true
	if err := req.Write(conn); err != nil {
		return false
	}
	var one [1]byte
	_, err = conn.Read(one[:])
	if ctx.Err() != nil {
		return false
	}
	if err == nil {
		io.CopyN(io.Discard, conn, maxInquiry) // else it would see its answer reset
	}
	return true
}

// inquireHTTP2 is the same for a worker that speaks HTTP/2.
func (w *worker) inquireHTTP2(req *http.Request) bool {
	resp, err := w.client().Do(req)
	if err == nil {
		io.CopyN(io.Discard, resp.Body, maxInquiry)
		resp.Body.Close()
	}
	op, ok := errors.AsType[*net.OpError](err)
	return req.Context().Err() == nil && !(ok && op.Op == "dial")
}

// maxInquiry is how much of an answer is read that nobody wants.
const maxInquiry = 64 << 10

// onVerdict takes the worker out of rotation, or puts it back. What it has goes to others as far as may be.
func (w *worker) onVerdict(v verdict) {
	r := w.run
	if r.exited || r.ending || r.freezing != nil && !v.answers {
		return // it is dead, or frozen by us: who resumes it needs no verdict
	}
	was := r.doubt
	r.doubt = &v
	if v.answers {
		r.doubt = nil
	}
	switch w.state {
	case Ready, Unresponsive:
		if (was == nil) != (r.doubt == nil) || was != nil && r.doubt != nil && was.frozen != v.frozen {
			w.rotate(Event{Reason: v.reason()})
		}
	case Starting, Drained, Paused, Stopping, Stopped, Backoff, Failed:
	}
	switch {
	case v.answers:
	case v.frozen:
		w.backend.Abandon()
	default:
		w.backend.Hedge(v.all)
	}
}

// rotate puts a worker whose process runs into rotation, or keeps it out of it while it does not answer.
func (w *worker) rotate(e Event) {
	switch r := w.run; {
	case r.doubt != nil:
		w.set(Unresponsive, Event{Reason: r.doubt.reason()})
	case r.unwell != "":
		w.set(Unresponsive, Event{Reason: r.unwell})
	default:
		w.set(Ready, e)
	}
}

// status is what the proxy is to know of the worker in a state. One that may only be busy is asked when nobody else can be.
func (w *worker) status(s State) proxy.Status {
	if s == Unresponsive && w.run != nil && !(w.run.doubt != nil && w.run.doubt.frozen) {
		return proxy.Suspect
	}
	if (s == Failed || s == Stopped) && w.onTrial() {
		return proxy.Coming
	}
	return s.status(w.wanted)
}
