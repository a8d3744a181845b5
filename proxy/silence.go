package proxy

import "time"

// silentSweeps is how many sweeps in a row hear nothing before a worker's owner is told: between 50 and 100 ms. It may look then
// whether the process stands still, which costs little; most often the request only takes that long.
const silentSweeps = 2

// A Silence says that a worker has requests that wait for an answer, and has sent nothing at all over any connection.
type Silence struct {
	Backend     *Backend
	Incarnation uint64
	For         time.Duration // a bit less than it lasts
}

// listen counts silence and returns how long it lasts, if that is worth telling; u.mu is held.
func (u *upstream) listen(waits bool) time.Duration {
	if u.heard.Swap(false) || !waits {
		u.silence = 0
		return 0
	}
	u.silence++
	if u.silence < silentSweeps {
		return 0
	}
	return time.Duration(u.silence-1) * sweepEvery
}

func (p *Pool) tellSilence(u *upstream, d time.Duration) {
	if p.OnSilence != nil {
		p.OnSilence(Silence{Backend: u.backend, Incarnation: u.incarnation, For: d})
	}
}

// Hedge sends the requests that the worker has also to others, as far as they may be run twice and no answer has begun to come.
// The first answer counts. It is for a worker that is Suspect: frozen, or busy with one thing at a time. The oldest request is
// left alone unless all are meant, as it is the one that a server of the second kind works on: it would be run twice for nothing.
// What is sent to the worker until it is Ready again goes to others at once.
func (b *Backend) Hedge(all bool) {
	b.pool.mu.Lock()
	up, suspect := b.up, b.status == Suspect
	b.pool.mu.Unlock()
	if suspect {
		up.hedge(all)
	}
}

func (u *upstream) hedge(all bool) {
	u.hedging.Store(true)
	u.mu.Lock()
	defer u.mu.Unlock()
	last := u.oldest()
	for h := u.busy; h != nil; h = h.next {
		if all || h != last {
			h.hedge()
		}
	}
}

// oldest is the line that has waited for an answer for the longest time; u.mu is held.
func (u *upstream) oldest() (last *hold) {
	for h := u.busy; h != nil; h = h.next {
		if h.waiting.Load() {
			last = h
		}
	}
	return last
}
