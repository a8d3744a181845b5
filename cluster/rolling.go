package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// ErrRolling says that a rolling restart is under way already.
var ErrRolling = errors.New("cannot restart the workers one by one: that is under way already")

// errEnding is why an action that was under way goes no further.
var errEnding = errors.New("the cluster is ending")

// A Step tells how far an action on several workers has come.
type Step struct {
	Worker int    `json:"worker"`
	Port   int    `json:"port"`
	State  State  `json:"state"` // what the worker has come to
	Done   int    `json:"done"`  // workers that are finished
	Of     int    `json:"of"`    // workers to be dealt with
	Text   string `json:"text"`  // the same for people: "8001 ready (2 of 4)"
}

// A ComeBackError says that a worker did not come back from a restart, or did not become ready after a Scale.
type ComeBackError struct {
	Worker, Port int
	Reason       string   // why, in words
	Lines        []string // its last words
	Left         int      // workers that were not restarted because of that
}

func (e *ComeBackError) Error() string {
	return fmt.Sprintf("cannot bring back worker %d on port %d: %s", e.Worker, e.Port, e.Reason)
}

// RollingRestart restarts the workers that run, one after the other: drain, stop, start, ready, next. Those that are
// starting, in backoff or failed are first: they serve nobody, and if they come back the others will. It stops at the first
// that does not come back with a *ComeBackError; the others serve on as they are. A worker that somebody stops meanwhile is
// passed over. When ctx ends it finishes the worker that it is at and then stops. step, if not nil, is told of each worker
// that begins and that is done. A second one at the same time is ErrRolling.
func (c *Cluster) RollingRestart(ctx context.Context, step func(Step)) error {
	if !c.rolling.TryLock() {
		return ErrRolling
	}
	defer c.rolling.Unlock()
	return c.roll(ctx, c.rollingOrder(), step)
}

// roll is RollingRestart of these workers; rolling is held.
func (c *Cluster) roll(ctx context.Context, workers []*worker, step func(Step)) error {
	began := time.Now()
	c.notice("rolling restart of %s", countWorkers(len(workers)))
	err := c.restartEach(ctx, workers, progress{of: len(workers), tell: step})
	if err != nil {
		if !c.ending.Load() {
			c.notice("rolling restart stopped: %v%s", err, c.othersServe(err))
		}
		return err
	}
	c.notice("rolling restart done in %.1f s", time.Since(began).Seconds())
	return nil
}

// rollingOrder is the workers that shall run, those first that serve nobody.
func (c *Cluster) rollingOrder() []*worker {
	workers := slices.DeleteFunc(slices.Clone(c.all()), func(w *worker) bool {
		s := w.seen.Load().State
		return s == Stopped || s == Stopping
	})
	slices.SortStableFunc(workers, func(a, b *worker) int {
		return cmp.Compare(servesSome(a.seen.Load().State), servesSome(b.seen.Load().State))
	})
	return workers
}

func servesSome(s State) int {
	switch s {
	case Starting, Backoff, Failed:
		return 0
	}
	return 1
}

func (c *Cluster) restartEach(ctx context.Context, workers []*worker, p progress) error {
	events := c.events.Reader(c.events.Last(), false)
	defer events.Close()
	for i, w := range workers {
		if c.ending.Load() {
			return fmt.Errorf("cannot restart the rest: %w", errEnding)
		}
		if ctx.Err() != nil {
			return &calledOffError{len(workers) - i, context.Cause(ctx)}
		}
		before := w.seen.Load().Incarnation
		if w.ask(verbRenew) != nil {
			continue // taken away or stopped meanwhile
		}
		p.at(w, Stopping)
		if err := w.awaitBack(c.patience, events, before); err != nil {
			if back, ok := errors.AsType[*ComeBackError](err); ok {
				back.Left = len(workers) - i - 1
			}
			return err
		}
		p.done(w)
	}
	return nil
}

// awaitBack waits until the worker is ready in a later incarnation than before, or it is clear that it will not be.
func (w *worker) awaitBack(ctx context.Context, events *Reader[Event], before uint64) error {
	for {
		s := w.seen.Load()
		switch {
		case s.State == Failed, s.State == Stopped && s.over && s.Reason != "", // by its restart policy, not by somebody
			s.waits, s.State == Backoff && s.late && s.Incarnation > before:
			return &ComeBackError{Worker: w.worker, Port: w.port, Reason: s.Reason, Lines: s.LastWords}
		case s.Incarnation > before && wasReady(s.State):
			return nil
		case s.State == Stopped: // its last state, too, when it is taken away
			if w.cluster.ending.Load() { // it was not somebody who wanted only this one to stop
				return fmt.Errorf("cannot wait for worker %d: %w", w.worker, errEnding)
			}
			return nil
		}
		if _, _, err := events.Next(ctx, nil); err != nil {
			if errors.Is(err, io.EOF) || w.cluster.patience.Err() != nil {
				err = errEnding
			}
			return fmt.Errorf("cannot wait for worker %d: %w", w.worker, err)
		}
	}
}

// wasReady says whether a worker comes to this state only after it was ready.
func wasReady(s State) bool {
	return s == Ready || s == Unresponsive || s == Drained || s == Paused
}

// A calledOffError says that an action ended before its time because whoever asked for it went away.
type calledOffError struct {
	left  int
	cause error
}

func (e *calledOffError) Error() string {
	return fmt.Sprintf("cannot restart %s more: it was called off", countWorkers(e.left))
}

func (e *calledOffError) Unwrap() error { return e.cause }

// othersServe says that the cluster goes on without a worker that did not come back, if it does.
func (c *Cluster) othersServe(err error) string {
	if _, ok := errors.AsType[*ComeBackError](err); !ok {
		return ""
	}
	n := 0
	for _, w := range c.all() {
		if w.seen.Load().State == Ready {
			n++
		}
	}
	switch n {
	case 0:
		return ""
	case 1:
		return "; the other one serves on"
	}
	return fmt.Sprintf("; the other %d serve on", n)
}

// A progress tells somebody how far an action has come.
type progress struct {
	finished, of int
	tell         func(Step) // may be nil
}

func (p *progress) at(w *worker, s State) {
	if p.tell != nil {
		p.tell(Step{
			Worker: w.worker, Port: w.port, State: s, Done: p.finished, Of: p.of,
			Text: fmt.Sprintf("%d %s (%d of %d)", w.port, s, p.finished, p.of),
		})
	}
}

func (p *progress) done(w *worker) {
	p.finished++
	p.at(w, w.seen.Load().State)
}

func countWorkers(n int) string {
	if n == 1 {
		return "1 worker"
	}
	return fmt.Sprintf("%d workers", n)
}
