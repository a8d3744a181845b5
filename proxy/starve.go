package proxy

import (
	"context"
	"os"
	"time"
)

// A server that serves one connection at a time (Python's http.server with HTTP/1.1, and what students write) reads on from
// a connection that we keep idle, while others wait to be accepted. Here that is found out, and such a worker gets none kept.

const (
	// starvePatience is how long an answer over a fresh connection takes before an idle one is suspected to be in its way. A worker that
	// takes about as long for every answer looks as if it had been blocked, so the proof is wanted once more after surePatience.
	starvePatience = 150 * time.Millisecond
	surePatience   = 400 * time.Millisecond
	// freedWithin says how soon a worker answers that was only blocked by an idle connection.
	freedWithin = 50 * time.Millisecond
	// starveLimit ends the suspicion. Until then connections are not kept, which must not last: closing thousands a second
	// uses up the ports.
	starveLimit = time.Second
)

// readFirstHead is readHead for the first answer over a connection.
func (h *head) readFirstHead(c *conn) error {
	sure := c.up.isSuspected()
	patience := starvePatience
	if sure {
		patience = surePatience
	}
	err := h.readWithin(c, patience)
	if isTimeout(err) && c.taking.Load() != hedged {
		err = h.readStarving(c, sure)
	}
	if err == nil {
		c.up.sawAnswer(c)
	}
	return err
}

// readStarving reads on when the suspicion arises; sure says that it is not the first time.
func (h *head) readStarving(c *conn, sure bool) error {
	before, suspected := c.up.starve()
	if !suspected {
		return h.readHead(&c.in)
	}
	err := h.readWithin(c, starveLimit)
	c.up.fed(before, err == nil, sure)
	if isTimeout(err) && c.taking.Load() != hedged {
		return h.readHead(&c.in)
	}
	return err
}

// readWithin is readHead with a timeout; what was read until then stays in the buffer.
func (h *head) readWithin(c *conn, patience time.Duration) error {
	c.sock.SetReadDeadline(time.Now().Add(patience))
	defer c.sock.SetReadDeadline(time.Time{})
	if c.taking.Load() == hedged { // whose deadline may have been overwritten
		return os.ErrDeadlineExceeded
	}
	return h.readHead(&c.in)
}

// starve closes the idle connections, and until fed is called each one that would become idle; unless it is known that the
// worker serves several at a time. It returns how many were closed before for this reason.
func (u *upstream) starve() (before int, suspected bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.several {
		return 0, false
	}
	u.starved++
	before = u.freed
	if n := u.dropIdle(); n > 0 {
		u.free(n)
	}
	return before, true
}

// free notes that connections were closed because they may be in the way of others; u.mu is held.
func (u *upstream) free(n int) {
	u.freed += n
	u.freedAt = time.Now()
}

// fed ends what starve began. An answer that came as soon as connections were closed raises the suspicion, and the next time proves it.
func (u *upstream) fed(before int, answered, sure bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.starved--
	u.suspected = answered && u.freed != before && time.Since(u.freedAt) <= freedWithin
	u.oneOnly = u.oneOnly || u.suspected && sure
}

// isSuspected says whether the worker seemed to be blocked by an idle connection the last time.
func (u *upstream) isSuspected() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.suspected
}

// sawAnswer looks for a sign that the worker serves several connections at a time: the first answer over one of them
//   - while another one, over which it has answered before, is open, or
//   - before that over another one that was there earlier, with so few that none can have been left out of its queue.
func (u *upstream) sawAnswer(c *conn) {
	u.mu.Lock()
	if u.several || u.oneOnly {
		u.mu.Unlock()
		return
	}
	u.several = u.overtakes(c)
	n := len(u.idle)
	if u.several || n == 0 {
		u.mu.Unlock()
		return
	}
	other := u.idle[n-1]
	u.idle[n-1] = nil
	u.idle = u.idle[:n-1]
	u.own(&other.hold, nil)
	u.mu.Unlock()
	if !other.quiet() { // the worker had closed it
		u.drop(other)
		return
	}
	u.mu.Lock()
	u.several = true
	left := other.until - u.tick
	u.mu.Unlock()
	u.put(other, left)
}

const (
	// shortQueue is how many connections fit into every server's queue; Python's has room for five.
	shortQueue = 4
	// clearlyEarlier is a time after which it is certain who came first.
	clearlyEarlier = 20 * time.Millisecond
)

// overtakes says whether an older connection still waits for its first answer; u.mu is held.
func (u *upstream) overtakes(c *conn) bool {
	waits, n := false, 0
	for h := u.busy; h != nil; h = h.next {
		n++
		older, ok := h.way.(*conn)
		waits = waits || ok && !older.kept && older.waiting.Load() && c.born.Sub(older.born) > clearlyEarlier
	}
	return waits && n <= shortQueue
}

// oneOnlySlots is how many connections a worker has that serves one at a time: more would not fit into its queue, and one that is
// left out of it is tried again by TCP only after a second.
const oneOnlySlots = 4

// awaitSlot waits until a worker that serves one connection at a time has room for one more, and says whether that is to be given
// back. It does not wait for one that has been given up.
func (u *upstream) awaitSlot(ctx context.Context) bool {
	u.mu.Lock()
	wanted := u.oneOnly
	u.mu.Unlock()
	for wanted && !u.away.Load() && !u.hedging.Load() && ctx.Err() == nil {
		t := time.NewTimer(sweepEvery)
		select {
		case u.slots <- struct{}{}:
			t.Stop()
			return true
		case <-ctx.Done():
		case <-t.C:
		}
		t.Stop()
	}
	return false
}
