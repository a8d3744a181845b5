package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// maxUnanswered is how many requests of the demo may wait for their answers; while so many do, no other is sent. Fewer than
// showPerSecond, so that each is shown when all are let go at once.
const maxUnanswered = 30

// A trickle sends the demo's requests: so many a second while it flows, each on its own, whatever becomes of those before.
type trickle struct {
	client  *http.Client
	program string // that is the front; empty = lbdev is
	front   string // http://127.0.0.1:8080
	path    string
	pace    time.Duration // between two requests

	flow  chan bool  // turns it on and off
	burst chan burst // sends some at once
	over  chan struct{}
	sent  sync.WaitGroup

	unanswered atomic.Int64
	poured     atomic.Int64           // those of bursts among them
	errors     atomic.Int64           // requests without an answer, or with one that broke off
	first      atomic.Pointer[string] // what the first of these was
}

// A burst is n requests at the same moment.
type burst struct {
	n    int
	path string
}

// newTrickle makes one that rests. Connections are not used again: net/http's client sends a request once more by itself
// when a connection that it kept turns out to be closed, which would hide what the demo is to show.
func newTrickle(front, path string, rate float64, patience time.Duration) *trickle {
	return &trickle{
		client: &http.Client{
			Transport:     &http.Transport{DisableKeepAlives: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Timeout:       patience,
		},
		front: front, path: path, pace: time.Duration(float64(time.Second) / rate),
		flow: make(chan bool), burst: make(chan burst), over: make(chan struct{}),
	}
}

// run is the goroutine that sends until ctx ends; it returns when the last request is over, which ends with ctx too.
func (t *trickle) run(ctx context.Context) {
	defer close(t.over)
	defer t.sent.Wait()
	tick := time.NewTicker(t.pace)
	defer tick.Stop()
	for flowing := false; ; {
		select {
		case <-ctx.Done():
			return
		case flowing = <-t.flow:
		case b := <-t.burst:
			for range b.n {
				t.unanswered.Add(1)
				t.poured.Add(1)
				t.sent.Go(func() { t.askPoured(ctx, b.path) })
			}
		case <-tick.C:
			if flowing && t.unanswered.Load() < maxUnanswered {
				t.unanswered.Add(1)
				t.sent.Go(func() { t.ask(ctx, t.path) })
			}
		}
	}
}

// ask sends one request and takes the whole answer, whatever its status is.
func (t *trickle) ask(ctx context.Context, path string) {
	defer t.unanswered.Add(-1)
	err := t.get(ctx, path)
	if err != nil && ctx.Err() == nil {
		t.errors.Add(1)
		text := err.Error()
		t.first.CompareAndSwap(nil, &text)
	}
}

func (t *trickle) askPoured(ctx context.Context, path string) {
	defer t.poured.Add(-1)
	t.ask(ctx, path)
}

func (t *trickle) get(ctx context.Context, path string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, t.front+path, nil)
	if err != nil {
		return err
	}
	r.Header.Set("User-Agent", "lbdev (demo)")
	resp, err := t.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return fmt.Errorf("cannot read the answer: %w", err)
	}
	if t.program != "" && resp.StatusCode >= http.StatusBadGateway && resp.StatusCode <= http.StatusGatewayTimeout && resp.Header.Get("X-Lbdev-Worker") == "" {
		return fmt.Errorf("%s answered with %s", t.program, resp.Status)
	}
	return nil
}

// turn turns the trickle on or off, unless ctx has ended.
func (t *trickle) turn(ctx context.Context, on bool) {
	select {
	case t.flow <- on:
	case <-ctx.Done():
	}
}

// pour sends n requests at once.
func (t *trickle) pour(ctx context.Context, n int, path string) {
	select {
	case t.burst <- burst{n, path}:
	case <-ctx.Done():
	}
}
