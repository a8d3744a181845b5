package proxy

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	defaultHold    = 30 * time.Second
	defaultMaxHeld = 1000
	// leaveAtOnce requests leave the queue when something becomes ready; then one for each that is answered, and one more after leavePause
	// in which none was: those are in the worker's hands, it seems, and take long.
	// The listen queue of a worker that has just started may be short (Django's takes ten), and what it has no room for waits a
	// second: the kernel drops the SYN.
	leaveAtOnce = 8
	leavePause  = 5 * time.Millisecond
	// retryAfter is what clients are told when trying again may help.
	retryAfter = 5 * time.Second
)

// A queue is the requests that wait for a worker, in the order in which they came.
//
// When a worker becomes ready the first one is woken. It picks, leaves, and wakes the next: so they go out in order
// however goroutines are scheduled, and not all at once. One that wakes and can't use what is ready stays and wakes the next.
type queue struct {
	mu          sync.Mutex
	first, last *place
	n           int
	burst       int          // how many may still leave at once
	pausing     bool         // endPause is going to be called
	turned      time.Time    // when one more was last let go
	waiting     atomic.Int64 // n, for those who only want to know
}

// A place is one request's in the queue.
type place struct {
	next, prev *place
	wake       chan struct{}
	queued     bool // the owner's; as is turn
	turn       bool // guarded by queue.mu: it was woken because something is ready, and is to wake the next
}

// join puts a request at the end, unless limit others wait.
func (q *queue) join(p *place, limit int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.n >= limit {
		return false
	}
	p.prev, p.next, p.turn, p.queued = q.last, nil, false, true
	if q.last != nil {
		q.last.next = p
	} else {
		q.first = p
	}
	q.last = p
	q.n++
	q.waiting.Store(int64(q.n))
	return true
}

// leave takes a request out. If it has the turn or was lucky, the next one gets it.
func (q *queue) leave(p *place, lucky bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	next, wasFirst := p.next, p.prev == nil
	if wasFirst {
		q.first = next
	} else {
		p.prev.next = next
	}
	if next == nil {
		q.last = p.prev
	} else {
		next.prev = p.prev
		if lucky || p.turn {
			q.goOn(next)
		} else if wasFirst {
			next.ring() // it has to know that it is the first now
		}
	}
	q.n--
	q.waiting.Store(int64(q.n))
	p.next, p.prev, p.turn, p.queued = nil, nil, false, false
	select {
	case <-p.wake:
	default:
	}
}

// goOn gives the turn to the next request. When several have left since something became ready it waits until one is answered,
// or a while; q.mu is held.
func (q *queue) goOn(next *place) {
	switch {
	case q.burst > 0:
		q.burst--
		q.giveTurn(next)
	case !q.pausing:
		q.pausing = true
		time.AfterFunc(leavePause, q.endPause)
	}
}

func (q *queue) endPause() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pausing = false
	if q.first == nil {
		return
	}
	if rest := leavePause - time.Since(q.turned); rest > 0 { // one was answered meanwhile
		q.pausing = true
		time.AfterFunc(rest, q.endPause)
		return
	}
	q.giveTurn(q.first)
}

// giveTurn lets one more go; q.mu is held.
func (q *queue) giveTurn(p *place) {
	q.turned = time.Now()
	p.giveTurn()
}

// answered lets one more go when a request is over. If the first one has been told to and has not left yet, it is one of those behind it:
// several are often answered in the same moment, and if that counted as one, a worker that could serve eight would soon have only one.
func (q *queue) answered() {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.first == nil:
	case q.first.turn:
		q.burst = min(q.burst+1, leaveAtOnce-1)
	default:
		q.giveTurn(q.first)
	}
}

// nudge has the first one look for room. It has no turn: nothing has changed for what it has tried.
func (q *queue) nudge() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.first != nil {
		q.first.ring()
	}
}

// pass gives the turn of a request that could not use it to the next one.
func (q *queue) pass(p *place) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if p.turn && p.next != nil {
		p.next.giveTurn()
	}
	p.turn = false
}

// drop ends the turn of a request that found no room: neither would the next one.
func (q *queue) drop(p *place) {
	q.mu.Lock()
	defer q.mu.Unlock()
	p.turn = false
}

// wake gives the first request the turn, as something has changed for all.
func (q *queue) wake() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.burst = leaveAtOnce - 1
	if q.first != nil {
		q.giveTurn(q.first)
	}
}

// look says whether a request is the first one, and whether it has the turn.
func (q *queue) look(p *place) (first, turn bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.first == p, p.turn
}

func (p *place) giveTurn() {
	p.turn = true
	p.ring()
}

func (p *place) ring() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *Proxy) maxHeld() int {
	if p.MaxHeld == 0 {
		return defaultMaxHeld
	}
	return p.MaxHeld
}

// wait is called when no worker can be picked. It returns true when picking is worth another try; otherwise the request
// has been answered, or its client has gone away.
func (x *exchange) wait() bool {
	q := &x.proxy.Pool.queue
	switch {
	case x.place.queued && x.full:
		q.drop(&x.place)
	case x.place.queued:
		q.pass(&x.place)
	}
	v := x.proxy.Pool.view.Load()
	switch {
	case x.r.Context().Err() != nil:
		x.cancel()
		return false
	case len(v.ready) == 0 && !v.hopeful:
		x.fail(http.StatusServiceUnavailable, v.hopeless(), retryAfter)
		return false
	case x.proxy.Holds() < 0:
		x.fail(http.StatusServiceUnavailable, x.shortage(), retryAfter)
		return false
	case !x.place.queued:
		// It looks again before it waits: a worker may have become ready before it had its place. It is held from here on all the same,
		// so that whoever sees it in the queue finds that in its record.
		x.heldSince = time.Now()
		if !q.join(&x.place, x.proxy.maxHeld()) {
			x.fail(http.StatusServiceUnavailable, x.shortage()+", and too many requests wait for one", retryAfter)
			return false
		}
		return true
	}
	return x.waitInQueue(q)
}

// shortage says what a request waits for.
func (x *exchange) shortage() string {
	if x.full {
		return "no worker has room for another request"
	}
	return "no worker is ready"
}

// waitInQueue waits for the turn, for the end of patience, and, if the request is the first one, until a worker that
// refused is worth another look: it may be up again before its owner says so, or its owner does not know that it is down.
func (x *exchange) waitInQueue(q *queue) bool {
	end := x.heldSince.Add(x.proxy.Holds() - x.record.Held)
	until := end
	if first, _ := q.look(&x.place); first {
		if again, ok := x.nextLook(); ok && again.Before(end) {
			until = again
		}
	}
	t := time.NewTimer(time.Until(until))
	defer t.Stop()
	select {
	case <-x.place.wake:
	case <-t.C:
		if until == end {
			x.fail(http.StatusServiceUnavailable, x.shortage()+": waited "+x.proxy.Holds().String(), retryAfter)
			return false
		}
	case <-x.r.Context().Done():
		x.cancel()
		return false
	case <-x.proxy.streams.ending():
		x.fail(http.StatusServiceUnavailable, "lbdev is shutting down", 0)
		return false
	}
	_, turn := q.look(&x.place)
	x.ripen(turn)
	return true
}

// nextLook is when the first of the ready workers that were tried is worth another look.
func (x *exchange) nextLook() (again time.Time, ok bool) {
	v := x.proxy.Pool.view.Load()
	for i := range x.tried {
		t := &x.tried[i]
		for _, up := range v.ready {
			if up == t.up && (!ok || t.again.Before(again)) {
				again, ok = t.again, true
			}
		}
	}
	return again, ok
}

// ripen marks the tried workers that are worth another look. With the turn that is all that refused: something has changed.
func (x *exchange) ripen(turn bool) {
	now := time.Now()
	for i := range x.tried {
		t := &x.tried[i]
		t.ripe = t.ripe || turn && !t.sent || !now.Before(t.again)
	}
	x.scouting = !turn
}

// leaveQueue ends being held.
func (x *exchange) leaveQueue(lucky bool) {
	if !x.place.queued {
		return
	}
	x.proxy.Pool.queue.leave(&x.place, lucky)
	x.scouting = false
	x.record.Held += time.Since(x.heldSince)
}
