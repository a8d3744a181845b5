package proxy

import (
	"strconv"
	"time"
)

// A birth is when an incarnation of a worker began.
type birth struct {
	incarnation uint64
	at          time.Time
}

// keepBirths is how many are remembered: a record comes at most as late as its request took.
const keepBirths = 8

// born notes that an incarnation begins; pool.mu is held.
func (b *Backend) born(incarnation uint64) {
	if len(b.births) == keepBirths {
		b.births = append(b.births[:0], b.births[1:]...)
	}
	b.births = append(b.births, birth{incarnation, time.Now()})
}

// incarnationAt is the one that there was at a time; pool.mu is held.
func (b *Backend) incarnationAt(at time.Time) uint64 {
	for i := len(b.births) - 1; i > 0; i-- {
		if !b.births[i].at.After(at) {
			return b.births[i].incarnation
		}
	}
	if len(b.births) > 0 {
		return b.births[0].incarnation
	}
	return b.up.incarnation
}

// Observed counts a request that another program has served in our place, and tells OnAccess of it, as if we had served it. The
// workers in it are found by their ports; their numbers and incarnations are filled in. Port 0 is a worker that the program does
// not name. The record belongs to the proxy until Observed returns.
func (p *Proxy) Observed(a *Access) {
	p.counts.total.Add(1)
	if by := p.Pool.observed(a); by != nil {
		by.answered(a.Status, a.Total)
	}
	p.tell(a)
}

// observed counts the attempts at their workers, fills in who those are, and returns the one that answered; nil = none did, or it is gone.
func (p *Pool) observed(a *Access) (by *Backend) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range a.Attempts {
		at := &a.Attempts[i]
		if b := p.find(at.Port); b != nil {
			at.Worker, at.Incarnation = b.worker, b.incarnationAt(a.Start.Add(at.Start))
			b.observed(at)
		}
	}
	if b := p.find(a.Port); b != nil {
		a.Worker, by = b.worker, b
	}
	return by
}

// observed counts an attempt.
func (b *Backend) observed(at *Attempt) {
	b.requests.Add(1)
	if at.FirstByte > 0 {
		b.latency.add(at.FirstByte)
		b.firstBytes.add(at.FirstByte)
	}
	if wentWrong(at.Result) {
		b.failures.Add(1)
	}
}

// wentWrong says whether an attempt came to nothing because of its worker.
func wentWrong(result string) bool {
	_, err := strconv.Atoi(result)
	return err != nil && result != ResultCanceled && result != ResultEnded
}

// find is the worker with a port; p.mu is held.
func (p *Pool) find(port int) *Backend {
	for _, b := range p.backends {
		if b.port == port && port != 0 {
			return b
		}
	}
	return nil
}
