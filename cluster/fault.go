package cluster

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/lbdev/lbdev/proxy/fault"
)

// A standing is how long a worker's fault stands.
type standing struct {
	mu    sync.Mutex
	turn  int         // counts the faults that were set
	until time.Time   // zero means without an end
	timer *time.Timer // nil means the same
}

// SetFault makes a worker misbehave towards the proxy; its process knows nothing of it. That stands through restarts, until
// another fault is set, for the given time (0 = without an end), or until the worker is taken away. The zero Plan ends it.
func (c *Cluster) SetFault(id int, p fault.Plan, d time.Duration) error {
	w, err := c.find(id)
	if err != nil {
		return err
	}
	if err := c.needsProxy(fmt.Sprintf("make worker %d misbehave", w.worker)); err != nil {
		return err
	}
	if c.config.Mode == ModeTCP && p.Errors != (fault.Errors{}) {
		return &ModeError{What: fmt.Sprintf("have worker %d answer with errors", w.worker), Hint: "latency, blackhole, reset, refuse and bandwidth work"}
	}
	w.setFault(p, d)
	return nil
}

func (w *worker) setFault(p fault.Plan, d time.Duration) {
	s := &w.fault
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
	}
	s.turn++
	s.until, s.timer = time.Time{}, nil
	had := w.backend.Fault()
	w.backend.SetFault(p)
	none := fault.Plan{}
	if p != none && d > 0 {
		s.until = time.Now().Add(d)
		turn := s.turn
		s.timer = time.AfterFunc(d, func() { w.faultOver(turn) })
	}
	if p != none || had != none {
		w.tellFault(p)
	}
}

// faultOver ends the fault of that turn when its time is over.
func (w *worker) faultOver(turn int) {
	s := &w.fault
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.turn != turn {
		return // another one was set in this moment
	}
	s.until, s.timer = time.Time{}, nil
	if w.backend.Fault() != (fault.Plan{}) { // else the worker is gone
		w.backend.SetFault(fault.Plan{})
		w.tellFault(fault.Plan{})
	}
}

// mute says that a fault has the worker answer nothing at all.
func (w *worker) mute() bool { return w.backend.Fault().Blackhole == fault.All }

// awaitVoice waits while the worker is mute, as it is to be found unresponsive then. False means that ctx has ended before.
func (w *worker) awaitVoice(ctx context.Context) bool {
	for w.mute() {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(doubtTick):
		}
	}
	return true
}

func (w *worker) tellFault(p fault.Plan) {
	w.cluster.publish(Event{
		Kind: KindFault, Worker: w.worker, Port: w.port, Incarnation: w.seen.Load().Incarnation, Text: p.String(),
	})
}

// left is for how long the fault still stands; 0 means without an end.
func (s *standing) left(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.until.IsZero() {
		return 0
	}
	return max(s.until.Sub(now), time.Millisecond)
}
