package proxy

import (
	"context"
	"math/rand/v2"
	"slices"

	"github.com/lbdev/lbdev/proxy/fault"
)

// SetFault makes the worker misbehave, from the next attempt on, until another fault is set or the pool loses the worker;
// its incarnations don't matter. The zero Plan ends that. Requests that wait because of the fault before go on.
func (b *Backend) SetFault(p fault.Plan) {
	b.pool.mu.Lock()
	defer b.pool.mu.Unlock()
	b.endFault()
	if p != (fault.Plan{}) && slices.Contains(b.pool.backends, b) {
		b.fault.Store(fault.Begin(p, rand.Uint64()))
	}
}

// Fault is what is wrong with the worker.
func (b *Backend) Fault() fault.Plan {
	if live := b.fault.Load(); live != nil {
		return live.Plan()
	}
	return fault.Plan{}
}

// Died says that the worker's process has ended. Connections to it tell that by themselves; those that only a fault has taken
// don't. An owner that forgets it lets them wait until the next incarnation.
func (b *Backend) Died() {
	b.pool.mu.Lock()
	defer b.pool.mu.Unlock()
	b.hasDied()
}

// hasDied is Died; pool.mu is held.
func (b *Backend) hasDied() {
	b.up.end()
	if live := b.fault.Load(); live != nil {
		live.Sever()
	}
}

// recallFault gives the requests back that a fault keeps from the worker.
func (b *Backend) recallFault() {
	if live := b.fault.Load(); live != nil {
		live.Recall()
	}
}

// endFault ends the fault; pool.mu is held.
func (b *Backend) endFault() {
	if live := b.fault.Swap(nil); live != nil {
		live.End()
	}
}

// endFaults ends those of all workers.
func (p *Pool) endFaults() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.backends {
		b.endFault()
	}
}

// misbehave draws what the worker is to do wrong with a request: nothing, which is nil, or it returns a connection to one
// that does it. Without a fault it costs the load of a pointer.
func (u *upstream) misbehave() (*fault.StandIn, error) {
	live := u.backend.fault.Load()
	if live == nil {
		return nil, nil
	}
	return live.Meet(func(ctx context.Context) (fault.Conn, error) { return u.reach(ctx) })
}

// kept makes the loss of a request that a fault has kept from the worker one of a request that was never sent.
func (x *exchange) kept(g *leg, l loss) loss {
	if bad := g.way.held().bad; bad != nil && l.stage == sent && !bad.Reached() && x.upload.replayable() {
		l.stage = unsent
		x.recordOf(g).Sent = false
	}
	return l
}
