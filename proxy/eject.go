package proxy

import "time"

// A worker that answers one request after the other with an error of its own (5xx), or loses them, can be taken out of rotation
// for a while: Pool.EjectAfter. It is off by default, as a page with a bug is then a bug of all workers, which developers want to see.

const (
	// firstEjection doubles each time up to longestEjection. A worker that stays for as long as it was out begins anew.
	firstEjection   = 5 * time.Second
	longestEjection = 5 * time.Minute
)

// An Ejection says that a worker was taken out of rotation because of its answers, or that it is back.
type Ejection struct {
	Backend *Backend
	For     time.Duration // 0 = it is back
	Errors  int           // in a row
}

// An ejection is what a backend knows of its own; guarded by pool.mu.
type ejection struct {
	out   bool
	times int           // in a row
	last  time.Duration // how long it was out
	until time.Time     // when it came back, or will
	timer *time.Timer
}

// judge counts answers with errors. It is called for each answer, so without EjectAfter it costs a comparison.
func (b *Backend) judge(up *upstream, failed bool) {
	limit := b.pool.EjectAfter
	switch {
	case limit <= 0:
	case !failed:
		if b.errors.Load() != 0 {
			b.errors.Store(0)
		}
	case int(b.errors.Add(1)) >= limit:
		b.eject(up)
	}
}

// eject takes the worker out of rotation, unless half of the workers are out: when all answer with errors, it is not the worker.
func (b *Backend) eject(up *upstream) {
	p := b.pool
	p.mu.Lock()
	if b.up != up || b.ejected.out || b.status != Ready || !p.maySpare() {
		p.mu.Unlock()
		return
	}
	e, now := &b.ejected, time.Now()
	if now.Sub(e.until) > e.last {
		e.times = 0
	}
	d := min(firstEjection<<min(e.times, 10), longestEjection)
	e.out, e.times, e.last, e.until = true, e.times+1, d, now.Add(d)
	e.timer = time.AfterFunc(d, func() { b.readmit(up) })
	n := int(b.errors.Swap(0))
	p.publish()
	p.mu.Unlock()
	p.tellEjection(Ejection{Backend: b, For: d, Errors: n})
}

// maySpare says whether one more worker may go; p.mu is held.
func (p *Pool) maySpare() bool {
	ready, out := 0, 0
	for _, b := range p.backends {
		if b.status == Ready {
			ready++
			if b.ejected.out {
				out++
			}
		}
	}
	return 2*(out+1) <= ready
}

// readmit is the end of an ejection.
func (b *Backend) readmit(up *upstream) {
	p := b.pool
	p.mu.Lock()
	if b.up != up || !b.ejected.out {
		p.mu.Unlock()
		return
	}
	b.ejected.out = false
	p.publish()
	p.mu.Unlock()
	p.tellEjection(Ejection{Backend: b})
}

// pardon forgets what an incarnation did wrong; pool.mu is held.
func (b *Backend) pardon() {
	if b.ejected.timer != nil {
		b.ejected.timer.Stop()
	}
	b.ejected = ejection{}
	b.errors.Store(0)
}

func (p *Pool) tellEjection(e Ejection) {
	if p.OnEject != nil {
		p.OnEject(e)
	}
}

// Ejected says for how long the worker is still out of rotation because of its answers; 0 = it is not.
func (b *Backend) Ejected() time.Duration {
	b.pool.mu.Lock()
	defer b.pool.mu.Unlock()
	if !b.ejected.out {
		return 0
	}
	return max(time.Until(b.ejected.until), time.Nanosecond)
}
