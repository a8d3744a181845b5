package proxy

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lbdev/lbdev/proxy/balance"
	"github.com/lbdev/lbdev/proxy/fault"
)

const (
	// dialTimeout bounds connecting. On one machine the kernel connects at once, without the worker, unless the worker's queue
	// is full (Python's socketserver: five connections). Then it drops the SYN and Linux sends the next after 1 s; until then
	// another worker has answered, or a new SYN has found room.
	dialTimeout = 200 * time.Millisecond
	// maxIdle bounds the idle connections to one worker.
	maxIdle = 256
	// sweepEvery is the unit in which idle time is measured. Counting ticks saves two looks at the clock per request.
	sweepEvery = 50 * time.Millisecond
	// watchAfter is how many sweeps find a request before its client is watched.
	watchAfter = 5
	// idleTicks is the idle limit of a worker that names none. It has to be below the worker's own, else a request meets a
	// connection that is being closed; gunicorn's is the shortest common one with 2 s.
	idleTicks = int64(1500 * time.Millisecond / sweepEvery)
)

// An upstream is one incarnation of a worker as the proxy reaches it: where it listens and the idle connections to it.
// Connections of one incarnation are never used for another.
type upstream struct {
	backend     *Backend
	worker      int
	port        int
	incarnation uint64
	lanes       *lanes        // its connections of HTTP/2; nil = it is spoken to in HTTP/1
	number      string        // of the worker, as text
	served      bool          // it was ready; guarded by pool.mu, as is cold
	cold        time.Time     // when it became ready, as long as its share grows
	label       []string      // value of X-Lbdev-Worker; shared by all responses, so nobody may change it
	addresses   [2]string     // 127.0.0.1 and ::1: some dev servers bind only the second
	died        chan struct{} // closed when its process has ended; pool.mu is held for that
	reachable   atomic.Int32  // which of them worked last
	excused     atomic.Bool   // somebody killed it
	speed       balance.Speed
	away        atomic.Bool // it is out of rotation, or gone
	abandoned   atomic.Bool // its requests are taken back
	hedging     atomic.Bool // its requests go to others too
	heard       atomic.Bool // something came from it since the last sweep

	mu      sync.Mutex
	idle    []*conn // the one used last is taken first, so that the others can go
	busy    *hold   // the list of the lines that requests have
	tick    int64   // counts sweeps
	sweeper *time.Timer
	armed   bool // sweeper is going to fire
	retired bool // keep nothing any more
	silence int  // sweeps in a row that found requests waiting and heard nothing

	// See starve.
	starved   int  // attempts that wait although the worker may only be blocked by an idle connection
	suspected bool // it seemed so the last time
	oneOnly   bool // it was: the worker serves one connection at a time, so none is kept
	several   bool // it was not: the worker serves several
	freed     int  // connections that were closed because of it
	freedAt   time.Time
	slots     chan struct{} // see awaitSlot
}

func newUpstream(b *Backend, incarnation uint64) *upstream {
	port := strconv.Itoa(b.port)
	u := &upstream{
		slots:   make(chan struct{}, oneOnlySlots),
		backend: b, worker: b.worker, port: b.port, incarnation: incarnation,
		number:    strconv.Itoa(b.worker),
		label:     []string{port},
		addresses: [2]string{net.JoinHostPort("127.0.0.1", port), net.JoinHostPort("::1", port)},
		died:      make(chan struct{}),
	}
	if b.wire.HTTP2 {
		u.lanes = newLanes(u)
	}
	return u
}

// take returns an idle connection that is still open, for the request with that context; nil if there is none. The caller
// gives it back with put or drop.
func (u *upstream) take(ctx context.Context) *conn {
	for {
		u.mu.Lock()
		n := len(u.idle)
		if n == 0 {
			u.mu.Unlock()
			return nil
		}
		c := u.idle[n-1]
		u.idle[n-1] = nil
		u.idle = u.idle[:n-1]
		u.own(&c.hold, ctx)
		u.mu.Unlock()
		if c.quiet() {
			return c
		}
		u.drop(c)
	}
}

// own notes that a request has the line; u.mu is held, as for disown.
func (u *upstream) own(h *hold, ctx context.Context) {
	h.ctx, h.sweeps = ctx, 0
	if h.next = u.busy; h.next != nil {
		h.next.prev = h
	}
	u.busy = h
	u.arm()
}

// disown takes a line from its request and says whether it is unharmed.
func (u *upstream) disown(h *hold) bool {
	if h.prev != nil {
		h.prev.next = h.next
	} else {
		u.busy = h.next
	}
	if h.next != nil {
		h.next.prev = h.prev
	}
	unharmed := h.unwatch == nil || h.unwatch()
	h.prev, h.next, h.ctx, h.unwatch = nil, nil, nil, nil
	return unharmed
}

// drop closes a connection of a request.
func (u *upstream) drop(c *conn) {
	u.mu.Lock()
	u.disown(&c.hold)
	u.mu.Unlock()
	c.close()
}

// put keeps a connection for the next request, for as long as the worker said or the default; or closes it.
func (u *upstream) put(c *conn, ticks int64) {
	c.in.reset()
	u.mu.Lock()
	if !u.disown(&c.hold) || u.retired || u.oneOnly || u.starved > 0 || ticks <= 0 || len(u.idle) >= maxIdle {
		if u.starved > 0 {
			u.free(1)
		}
		u.mu.Unlock()
		c.close()
		return
	}
	c.until, c.kept = u.tick+ticks, true
	u.idle = append(u.idle, c)
	u.arm()
	u.mu.Unlock()
}

// arm sees to it that sweep is called; u.mu is held.
func (u *upstream) arm() {
	switch {
	case u.armed:
		return
	case u.sweeper == nil:
		u.sweeper = time.AfterFunc(sweepEvery, u.sweep)
	default:
		u.sweeper.Reset(sweepEvery)
	}
	u.armed = true
}

// sweep closes connections that were idle for too long, and lets those that are busy end with their client. That a client
// goes away is watched for from here because it costs four allocations (context.AfterFunc), which a request that is over
// before the next sweep does not need. A timer calls sweep while there are connections, so nothing runs when there are
// none, and nobody has to be told to stop.
func (u *upstream) sweep() {
	if silence := u.sweepOnce(); silence > 0 {
		u.backend.pool.tellSilence(u, silence)
	}
}

func (u *upstream) sweepOnce() (silence time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.tick++
	kept := u.idle[:0]
	for _, c := range u.idle {
		if c.until <= u.tick {
			c.close()
		} else {
			kept = append(kept, c)
		}
	}
	clear(u.idle[len(kept):])
	u.idle = kept
	waits := false
	for h := u.busy; h != nil; h = h.next {
		waits = waits || h.waiting.Load()
		if h.sweeps++; h.sweeps == watchAfter && h.ctx != nil {
			h.unwatch = context.AfterFunc(h.ctx, h.abortFunc)
		}
	}
	u.armed = false
	if len(kept) > 0 || u.busy != nil {
		u.arm()
	}
	return u.listen(waits)
}

// retire closes the idle connections and keeps none from now on.
func (u *upstream) retire() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.retired = true
	u.away.Store(true)
	u.dropIdle()
	u.lanes.closeIdle(true)
}

// takeBack aborts the lines whose requests may go to another worker.
func (u *upstream) takeBack() {
	u.abandoned.Store(true)
	u.mu.Lock()
	defer u.mu.Unlock()
	for h := u.busy; h != nil; h = h.next {
		h.takeBack()
	}
}

// revive lets connections be kept again.
func (u *upstream) revive() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.retired = false
	u.lanes.revive()
	u.away.Store(false)
	u.abandoned.Store(false)
	u.hedging.Store(false)
}

// suspect prepares for a worker that gets requests only when no other can.
func (u *upstream) suspect() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.retired = false
	u.lanes.revive()
	u.dropIdle()
	u.away.Store(false)
	u.abandoned.Store(false)
}

func (u *upstream) closeIdle() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.dropIdle()
	u.lanes.closeIdle(false)
}

// dropIdle closes the idle connections and says how many there were; u.mu is held.
func (u *upstream) dropIdle() int {
	n := len(u.idle)
	for _, c := range u.idle {
		c.close()
	}
	clear(u.idle)
	u.idle = u.idle[:0]
	if u.armed && u.busy == nil && u.sweeper.Stop() {
		u.armed = false
	}
	return n
}

// open gives a request its way to the worker; or to somebody who plays the worker, if that is to misbehave.
func (u *upstream) open(x *exchange) (line, error) {
	ctx := x.r.Context()
	bad, err := u.misbehave()
	switch {
	case err != nil:
		return nil, err
	case u.lanes != nil && x.upgrade == "": // HTTP/2 has no Upgrade (RFC 9113 section 8.6); many that speak it speak HTTP/1 too
		return u.lanes.open(ctx, bad)
	case bad != nil:
		return u.adopt(ctx, bad, bad), nil
	}
	if c := u.take(ctx); c != nil {
		return c, nil
	}
	slot := u.awaitSlot(ctx)
	sock, err := u.reach(ctx)
	if err != nil {
		if slot {
			<-u.slots
		}
		return nil, err
	}
	c := u.adopt(ctx, sock, nil)
	c.slot = slot
	return c, nil
}

// adopt makes a connection of HTTP/1 the request's with that context. bad is whom it leads to instead of the worker; mostly nil.
func (u *upstream) adopt(ctx context.Context, sock socket, bad *fault.StandIn) *conn {
	c := newConn(u, sock)
	c.bad = bad
	u.mu.Lock()
	defer u.mu.Unlock()
	u.own(&c.hold, ctx)
	return c
}

// reach connects to the worker, first where it was reached before.
func (u *upstream) reach(ctx context.Context) (socket, error) {
	if u.backend.wire.Socket != "" {
		return u.reachSocket(ctx)
	}
	first := u.reachable.Load()
	s, err := u.reachAt(ctx, first)
	if err == nil || ctx.Err() != nil || isTimeout(err) {
		return s, err
	}
	s, otherErr := u.reachAt(ctx, 1-first)
	if otherErr != nil {
		return nil, err // of the address that is the likelier one
	}
	u.reachable.Store(1 - first)
	return s, nil
}

func (u *upstream) reachAt(ctx context.Context, which int32) (socket, error) {
	d := net.Dialer{Timeout: dialTimeout, KeepAlive: -1} // both ends are on this machine: a dead peer shows by itself
	for again := false; ; again = true {
		began := time.Now()
		nc, err := d.DialContext(ctx, "tcp", u.addresses[which])
		if err == nil {
			return nc.(socket), nil
		}
		// If it took longer than it may, it was us who got no time. Then the timeout says nothing of the worker: the connection may have
		// been there long before.
		if again || !isTimeout(err) || ctx.Err() != nil || time.Since(began) < dialTimeout*5/4 {
			return nil, err
		}
	}
}

func isTimeout(err error) bool {
	ne, ok := errors.AsType[net.Error](err)
	return ok && ne.Timeout()
}

// end says that the worker's process has ended; pool.mu is held.
func (u *upstream) end() {
	if !u.hasDied(0) {
		close(u.died)
	}
}

// hasDied says whether the worker's process has ended, or does within a time.
func (u *upstream) hasDied(within time.Duration) bool {
	select {
	case <-u.died:
		return true
	default:
	}
	if within <= 0 {
		return false
	}
	t := time.NewTimer(within)
	defer t.Stop()
	select {
	case <-u.died:
		return true
	case <-t.C:
		return false
	}
}
