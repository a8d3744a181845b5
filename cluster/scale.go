package cluster

import (
	"context"
	"errors"
	"fmt"
)

// A ScaleError says that there can't be so many workers.
type ScaleError struct {
	N   int
	Why string
}

func (e *ScaleError) Error() string {
	return fmt.Sprintf("cannot scale to %s: %s", countWorkers(e.N), e.Why)
}

// ErrScaling says that the number of workers is being changed, and that this was not over in the time that there was.
var ErrScaling = errors.New("cannot scale: another change of the number of workers is under way")

// Scale changes the number of workers: new ones come at the end, on the ports that follow; the last ones are drained and
// go. It returns when those that go are gone, and those that come are ready; one that does not become ready is a
// *ComeBackError, and stays. When ctx ends Scale stops waiting, and what has begun goes on; if another Scale was under way all
// the time nothing has, which is ErrScaling. Ports that are in use are a *PortTakenError, and nothing is changed. step, if not
// nil, is told of each worker.
func (c *Cluster) Scale(ctx context.Context, n int, step func(Step)) error {
	events := c.events.Reader(c.events.Last(), false)
	defer events.Close()
	added, err := c.resize(ctx, n, step)
	p := progress{of: len(added), tell: step}
	for _, w := range added {
		p.at(w, Starting)
	}
	for _, w := range added {
		late := w.awaitBack(ctx, events, 0)
		if late == nil && w.seen.Load().State == Stopped { // by somebody, or by a later Scale that has taken it away
			late = &ComeBackError{Worker: w.worker, Port: w.port, Reason: "it was stopped meanwhile"}
		}
		err = errors.Join(err, late)
		if ctx.Err() != nil {
			return err
		}
		if late == nil {
			p.done(w)
		}
	}
	return err
}

// resize is Scale without the wait for those that come; it returns these.
func (c *Cluster) resize(ctx context.Context, n int, step func(Step)) (added []*worker, err error) {
	if err := c.scaling.enter(ctx); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrScaling, err)
	}
	workers := c.all()
	if n >= len(workers) {
		defer c.scaling.leave()
		if err := c.reserve(func(p Promises) ([]int, error) { return c.portsFor(n, p) }); err != nil {
			return nil, err
		}
		c.grow(n)
		return c.all()[len(workers):], nil
	}
	if err := c.mayScale(n, nil); err != nil {
		c.scaling.leave()
		return nil, err
	}
	dismiss(workers[n:])
	gone := make(chan struct{})
	c.goroutines.Go(func() { c.shrink(n, gone) })
	p := progress{of: len(workers) - n, tell: step}
	return nil, awaitGone(ctx, workers[n:], &p, gone)
}

// shrink is the goroutine that takes the workers behind the n-th off the list when they are gone, and ends the change then.
func (c *Cluster) shrink(n int, gone chan<- struct{}) {
	defer close(gone)
	defer c.scaling.leave()
	workers := c.all()
	awaitAll(workers[n:])
	for _, w := range workers[n:] {
		c.last[w.worker] = w.seen.Load().Incarnation
	}
	rest := workers[:n:n]
	if !c.ending.Load() { // else the report has them too
		c.list.Store(&rest)
		c.following.poke()
		c.settle() // those who stay may have come to their end before
	}
}

// awaitGone waits for workers that are being taken away, and tells of each.
func awaitGone(ctx context.Context, workers []*worker, p *progress, gone <-chan struct{}) error {
	for _, w := range workers {
		p.at(w, Stopping)
	}
	for _, w := range workers {
		select {
		case <-w.done:
			p.done(w)
		case <-ctx.Done():
			return fmt.Errorf("cannot wait for worker %d: %w", w.worker, context.Cause(ctx))
		}
	}
	<-gone
	return nil
}

// A gate lets one in at a time, and those who wait give up with their context. It has room for one.
type gate chan struct{}

func (g gate) enter(ctx context.Context) error {
	select {
	case g <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (g gate) leave() { <-g }

// portsFor are the ports of n workers, if there may be so many.
func (c *Cluster) portsFor(n int, promised Promises) ([]int, error) {
	if err := c.mayScale(n, promised); err != nil {
		return nil, err
	}
	return c.ports(n), nil
}

// mayScale says why there can't be n workers; scaling is held.
func (c *Cluster) mayScale(n int, promised Promises) error {
	if most := min(MaxWorkers, 65536-c.base); n < 1 || n > most {
		return &ScaleError{n, fmt.Sprintf("the number must be 1 to %d", most)}
	}
	if c.ending.Load() {
		return &ScaleError{n, errEnding.Error()}
	}
	for i := len(c.all()); i < n; i++ {
		port := c.base + i
		if c.front.has(port) {
			return &ScaleError{n, fmt.Sprintf("worker %d would have port %d, which is the front's", i+1, port)}
		}
		if promised.taken(port) {
			return &PortTakenError{Worker: i + 1, Port: port, Holder: promised.holder(port)}
		}
	}
	return nil
}

// retire ends workers side by side and returns when they are gone.
func retire(workers []*worker) {
	dismiss(workers)
	awaitAll(workers)
}

func dismiss(workers []*worker) {
	for _, w := range workers {
		w.ask(verbRetire) // its one error says that it is gone already
	}
}

func awaitAll(workers []*worker) {
	for _, w := range workers {
		<-w.done
	}
}
