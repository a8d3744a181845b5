package proxy

import (
	"os"
	"time"
)

// A server that serves one connection at a time (Python's http.server with HTTP/1.1, and what students write) reads on from
// a connection that we keep idle, while others wait to be accepted. Here that is found out, and such a worker gets none kept.

const (
	// starvePatience is how long an answer over a fresh connection takes before an idle one is suspected to be in its way.
	starvePatience = 150 * time.Millisecond
	// freedWithin says how soon a worker answers that was only blocked by an idle connection.
	freedWithin = 50 * time.Millisecond
	// starveLimit ends the suspicion. Until then connections are not kept, which must not last: closing thousands a second
	// uses up the ports.
	starveLimit = time.Second
)

// readFirstHead is readHead for the first answer over a connection.
func (h *head) readFirstHead(c *conn) error {
	err := h.readWithin(c, starvePatience)
	if isTimeout(err) && c.taking.Load() != hedged {
		err = h.readStarving(c)
	}
	if err == nil {
		c.up.sawAnswer(c)
	}
	return err
}

// readStarving reads on when the suspicion arises.
func (h *head) readStarving(c *conn) error {
	dropped, suspected := c.up.starve()
	if !suspected {
		return h.readHead(&c.in)
	}
	began := time.Now()
	err := h.readWithin(c, starveLimit)
	c.up.fed(c, err == nil && dropped > 0 && time.Since(began) < freedWithin)
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
// worker serves several at a time.
func (u *upstream) starve() (dropped int, suspected bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.several {
		return 0, false
	}
	u.starved++
	return u.dropIdle(), true
}

// fed ends what starve began. An answer that came as soon as idle connections were dropped proves the suspicion. That a
// connection which was opened later got its answer first refutes it: the worker is only slow.
func (u *upstream) fed(c *conn, proof bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.starved--
	u.oneOnly = u.oneOnly || proof
	u.several = u.several || u.answered > c.number
}

func (u *upstream) sawAnswer(c *conn) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.answered = max(u.answered, c.number)
}
