package proxy

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// streamGrace is how long a response of unknown length may go on after Shutdown. Many are pages that are nearly complete; the
// others would never end.
const streamGrace = 250 * time.Millisecond

// streams are the exchanges that may never end by themselves, for Shutdown. Ordinary ones are not in it.
type streams struct {
	closing atomic.Bool

	mu      sync.Mutex
	open    map[*exchange]bool // true = endless: an event stream or a tunnel
	over    bool               // streamGrace is over
	begun   chan struct{}      // closed when Shutdown begins; made when somebody asks for it
	drained chan struct{}      // has room for one; told when a request ends after that
}

// add registers an exchange; with Shutdown under way it may be ended at once.
func (s *streams) add(x *exchange, endless bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = map[*exchange]bool{}
	}
	s.open[x] = endless
	if s.closing.Load() && (endless || s.over) {
		x.endStream()
	}
}

func (s *streams) remove(x *exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, x)
}

func (s *streams) wasEnded(x *exchange) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return x.ended
}

// endStream ends a stream from outside; streams.mu is held, so it is still one.
func (x *exchange) endStream() {
	x.ended = true
	x.way.abort()
}

// ending is closed when Shutdown begins.
func (s *streams) ending() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.make()
	return s.begun
}

func (s *streams) make() {
	if s.begun == nil {
		s.begun = make(chan struct{})
		s.drained = make(chan struct{}, 1)
	}
}

// begin lets held requests go and ends the endless streams.
func (s *streams) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.make()
	if !s.closing.Swap(true) {
		close(s.begun)
	}
	s.end(false)
}

// end ends the endless streams, or all.
func (s *streams) end(all bool) {
	for x, endless := range s.open {
		if (endless || all) && !x.ended {
			x.endStream()
		}
	}
}

func (s *streams) graceOver() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	s.end(true)
}

// Shutdown lets held requests go with 503, ends event streams and tunnels at once, other responses of unknown length a
// moment later, and waits for the requests in flight until ctx ends; then it returns ctx's error and requests are left.
// Idle connections to workers are closed, and faults end. Requests that still come are served, but not held.
func (p *Proxy) Shutdown(ctx context.Context) error {
	p.streams.begin()
	p.Pool.endFaults()
	defer p.Pool.closeIdle()
	grace := time.NewTimer(streamGrace)
	defer grace.Stop()
	for p.counts.stats().InFlight > 0 {
		select {
		case <-p.streams.drained:
		case <-grace.C:
			p.streams.graceOver()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// told is called after each request.
func (s *streams) told() {
	if s.closing.Load() {
		select {
		case s.drained <- struct{}{}:
		default:
		}
	}
}
