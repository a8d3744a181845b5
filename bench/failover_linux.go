package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	getters, posters = 24, 8 // clients
	kills            = 8
	killEvery        = time.Second
	massKills        = 3
	frozenFor        = 2 * time.Second
	thawedFor        = 500 * time.Millisecond
	normalFor        = 2 * time.Second
)

// A rival is a front that is compared. It begins anew for each trial, so that none suffers from the one before.
type rival struct {
	name  string
	start func() (port int, stop func(), err error)
}

// A trial is something that goes wrong while clients ask.
type trial struct {
	title string
	run   func(*bench, *cluster, *load) error
}

var trials = []trial{
	{fmt.Sprintf("a worker killed each second, %d kills", kills), (*bench).killInTurn},
	{fmt.Sprintf("all workers killed at once, %d times", massKills), (*bench).killAll},
	{fmt.Sprintf("each worker frozen (SIGSTOP) for %v", frozenFor), (*bench).freezeInTurn},
}

// failover does to workers what goes wrong with them while clients ask, through one front after the other. In all cases lbdev brings
// the workers back, so the others have it as easy.
func (b *bench) failover() error {
	posts := filepath.Join(b.dir, "posts")
	c, err := b.up(postsVar + "=" + posts)
	if err != nil {
		return err
	}
	defer c.stop()
	for _, t := range trials {
		out := newTable(fmt.Sprintf("Failover: %d clients, requests that take 20 ms, %s", getters+posters, t.title),
			"", "GETs", "failed", "slowest", "POSTs", "failed", "run twice", "while frozen")
		for _, r := range b.rivals(c) {
			l, err := b.try(c, r, t, posts)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", t.title, r.name, err)
			}
			out.row(r.name, thousands(int(l.gets.sent.Load())), thousands(int(l.gets.failed.Load())), millis(time.Duration(l.gets.slowest.Load())),
				thousands(int(l.posts.sent.Load())), thousands(int(l.posts.failed.Load())), thousands(l.twice), l.share())
		}
		out.print()
	}
	return nil
}

func (b *bench) rivals(c *cluster) []rival {
	nginx := func(keepAlive bool) func() (int, func(), error) {
		return func() (int, func(), error) {
			s, err := b.startNginx(c.base, keepAlive)
			if err != nil {
				return 0, nil, err
			}
			return s.port, s.stop, nil
		}
	}
	haproxy := func(retries bool) func() (int, func(), error) {
		return func() (int, func(), error) {
			p, port, err := b.startHAProxy(c.base, retries)
			if err != nil {
				return 0, nil, err
			}
			return port, p.stop, nil
		}
	}
	return []rival{
		{"lbdev", func() (int, func(), error) { return c.front, func() {}, nil }},
		{"nginx, the tutorial's config", nginx(false)},
		{"nginx, upstream keep-alive", nginx(true)},
		{"HAProxy", haproxy(false)},
		{"HAProxy, redispatch and retries", haproxy(true)},
	}
}

// try runs one trial with one front.
func (b *bench) try(c *cluster, r rival, t trial, posts string) (*load, error) {
	for i := range workers {
		if _, err := b.pidOf(c, i); err != nil {
			return nil, err
		}
	}
	port, stop, err := r.start()
	if err != nil {
		return nil, err
	}
	defer stop()
	if err := os.RemoveAll(posts); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(b.ctx)
	l := newLoad(ctx, port)
	err = errors.Join(pause(ctx, killEvery), t.run(b, c, l))
	cancel()
	l.wait()
	if err == nil {
		l.twice, err = countTwice(posts)
	}
	return l, err
}

// killInTurn kills one worker after the other.
func (b *bench) killInTurn(c *cluster, l *load) error {
	for i := range kills {
		if err := b.signal(c, i%workers, syscall.SIGKILL); err != nil {
			return err
		}
		if err := pause(b.ctx, killEvery); err != nil {
			return err
		}
	}
	return nil
}

// killAll kills them together.
func (b *bench) killAll(c *cluster, l *load) error {
	for range massKills {
		var pids [workers]int
		for i := range pids {
			var err error
			if pids[i], err = b.pidOf(c, i); err != nil {
				return err
			}
		}
		for _, pid := range pids {
			syscall.Kill(pid, syscall.SIGKILL) // of a process that is gone: the result is the same
		}
		if err := pause(b.ctx, 2*killEvery); err != nil {
			return err
		}
	}
	return nil
}

// freezeInTurn freezes one after the other, and counts how much is answered meanwhile.
func (b *bench) freezeInTurn(c *cluster, l *load) error {
	count := func(d time.Duration) (float64, error) {
		before := l.gets.ok.Load()
		err := pause(b.ctx, d)
		return float64(l.gets.ok.Load()-before) / d.Seconds(), err
	}
	normal, err := count(normalFor)
	if err != nil {
		return err
	}
	sum := 0.0
	for i := range workers {
		pid, err := b.pidOf(c, i)
		if err != nil {
			return err
		}
		syscall.Kill(pid, syscall.SIGSTOP)
		rate, err := count(frozenFor)
		syscall.Kill(pid, syscall.SIGCONT)
		if err == nil {
			err = pause(b.ctx, thawedFor)
		}
		if err != nil {
			return err
		}
		sum += rate
	}
	l.frozen = sum / workers / normal
	return nil
}

func (b *bench) signal(c *cluster, i int, sig syscall.Signal) error {
	pid, err := b.pidOf(c, i)
	if err != nil {
		return err
	}
	return syscall.Kill(pid, sig)
}

// pidOf waits for a worker to be back from an earlier death.
func (b *bench) pidOf(c *cluster, i int) (pid int, err error) {
	back := func() bool {
		text, err := get(b.ctx, c.base+i, "/pid")
		if err == nil {
			pid, err = strconv.Atoi(text)
		}
		return err == nil
	}
	err = c.until(b.ctx, 10*time.Second, fmt.Sprintf("waiting for worker %d to be back", i+1), back)
	return pid, err
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// countTwice reads the file in which workers note the POSTs that they run.
func countTwice(name string) (int, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return 0, fmt.Errorf("cannot count the POSTs: %w", err)
	}
	seen := map[string]bool{}
	twice := 0
	for id := range strings.FieldsSeq(string(data)) {
		if seen[id] {
			twice++
		}
		seen[id] = true
	}
	return twice, nil
}
