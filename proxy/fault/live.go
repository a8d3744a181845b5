package fault

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// ErrRefused is the error of a connection that nobody takes.
var ErrRefused = errors.New("connection refused by a fault")

// A Conn is a connection over TCP or a unix socket.
type Conn interface {
	net.Conn
	CloseWrite() error
}

// A Dial connects to the worker itself.
type Dial func(context.Context) (Conn, error)

// A Live is a plan that is at work on one worker. Its methods may be called from any goroutine.
type Live struct {
	plan     Plan
	dice     *rand.Rand // its source may be used by several at once
	up, down throttle   // what goes to the worker, and what comes from it
	over     chan struct{}

	mu    sync.Mutex
	ended bool
	open  map[*StandIn]struct{}
}

// Begin puts a plan to work. The same seed draws the same faults. Its owner calls End.
func Begin(p Plan, seed uint64) *Live {
	l := &Live{plan: p, over: make(chan struct{}), open: map[*StandIn]struct{}{}}
	l.dice = rand.New(newSource(seed))
	l.up.rate, l.down.rate = p.Bandwidth.Rate, p.Bandwidth.Rate
	return l
}

// Plan is the plan.
func (l *Live) Plan() Plan { return l.plan }

// A draw is what happens to one request.
type draw struct {
	kind  Kind // how it ends, or else what delays it; empty = nothing happens
	delay time.Duration
	slow  bool
}

// draw throws the dice for one request.
func (l *Live) draw() draw {
	d := draw{kind: l.drawEnd()}
	if d.kind == KindRefuse {
		return d
	}
	if lat := l.plan.Latency; l.hits(lat.Share) {
		d.delay = lat.Mean - lat.Jitter + time.Duration(l.dice.Int64N(int64(2*lat.Jitter)+1))
		d.kind = cmp.Or(d.kind, KindLatency)
	}
	if l.hits(l.plan.Bandwidth.Share) {
		d.slow = true
		d.kind = cmp.Or(d.kind, KindBandwidth)
	}
	return d
}

// drawEnd throws the dice once for those faults of which a request meets one at most.
func (l *Live) drawEnd() Kind {
	at := Share(l.dice.Int64N(int64(All)))
	for _, part := range l.plan.ends() {
		if at < part.share {
			return part.kind
		}
		at -= part.share
	}
	return ""
}

func (l *Live) hits(s Share) bool { return s > 0 && Share(l.dice.Int64N(int64(All))) < s }

// Meet draws the faults of one request. It returns nil if there are none, or else a connection to use instead of one to the
// worker, which belongs to the caller; dial is how the stand-in reaches the worker. ErrRefused means that nobody takes the
// connection.
func (l *Live) Meet(dial Dial) (*StandIn, error) {
	d := l.draw()
	switch d.kind {
	case "":
		return nil, nil
	case KindRefuse:
		return nil, ErrRefused
	}
	near, far, err := pair()
	if err != nil {
		return nil, err
	}
	s := &StandIn{TCPConn: near, Kind: d.kind, live: l, far: far, dial: dial, draw: d}
	if d.kind == KindBlackhole && d.delay == 0 {
		s.phase.Store(swallowed) // from now on, and not when play comes to it
	}
	s.ctx, s.leave = context.WithCancel(context.Background())
	if !l.enter(s) {
		s.Close()
		far.Close()
		return nil, nil
	}
	return s, nil
}

// enter lets a stand-in begin, unless the fault is over. Its goroutine ends when the caller has closed its end.
func (l *Live) enter(s *StandIn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	l.open[s] = struct{}{}
	go s.play()
	return true
}

func (l *Live) exit(s *StandIn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, s)
}

// End ends the fault. Delayed requests go on at once, slow ones at full speed, and swallowed ones are given back: they count
// as never delivered. It waits for nothing.
func (l *Live) End() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		l.ended = true
		close(l.over)
	}
}

func (l *Live) isOver() bool {
	select {
	case <-l.over:
		return true
	default:
		return false
	}
}

// Sever says that the worker has died: the requests that have not reached it, and those that it has swallowed, lose their
// connection. Those that it has lose it by themselves.
func (l *Live) Sever() {
	l.each(func(s *StandIn) { s.dropIf(waiting, swallowed) })
}

// Recall gives the requests back that have not reached the worker.
func (l *Live) Recall() {
	l.each(func(s *StandIn) { s.dropIf(waiting) })
}

func (l *Live) each(do func(*StandIn)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for s := range l.open {
		do(s)
	}
}

// A source is SplitMix64 (Steele, Lea and Flood, 2014): its state is a counter, so that several may draw at once without
// a lock.
type source struct{ state atomic.Uint64 }

func newSource(seed uint64) *source {
	s := &source{}
	s.state.Store(seed)
	return s
}

// Uint64 implements rand.Source.
func (s *source) Uint64() uint64 {
	z := s.state.Add(0x9e3779b97f4a7c15)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
