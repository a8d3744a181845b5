package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/lbdev/lbdev/proxy/fault"
)

// A conn is one connection to a worker. One request at a time owns it; otherwise it is idle and its upstream does.
type conn struct {
	up     *upstream
	tcp    *net.TCPConn
	bad    *fault.StandIn // nil = tcp leads to the worker
	in     reader
	out    []byte // the request's head, built here
	used   int    // requests that were sent over it
	number int64  // of the upstream's connections
	until  int64  // the tick at which it was idle for too long

	raw    syscall.RawConn // for quiet
	look   func(fd uintptr) bool
	silent bool // what look saw

	// While a request owns it; guarded by upstream.mu.
	prev, next *conn
	ctx        context.Context // the request's, for sweep
	unwatch    func() bool     // ends watching ctx; nil = it is not watched yet

	abortFunc func() // abort as a value, made once

	waiting atomic.Bool  // for an answer, or for the rest of one that is held back; see upstream.listen
	taking  atomic.Int32 // whether the request may go to another worker
	sweeps  int          // that found it busy with this request; guarded by upstream.mu
}

// The values of conn.taking.
const (
	keeps     int32 = iota // the request stays with this worker
	mayTake                // no answer has begun to come: the request may be taken back, or go to somebody else too
	hedged                 // it goes to somebody else too
	begins                 // an answer has begun to come, of which the client has seen nothing: the request may be taken back
	takenBack              // it was taken back; the connection is closed
)

func newConn(u *upstream, tcp *net.TCPConn) *conn {
	c := &conn{up: u, tcp: tcp, in: newReader(tcp), out: make([]byte, 0, 1024)}
	c.in.heard = &u.heard
	c.abortFunc = c.abort
	c.prepareLook()
	return c
}

// enter counts a request as one that the worker has; false means that the worker has left rotation since it was picked.
// Whoever took it out waits for what is in flight, and only that.
func (c *conn) enter() bool {
	c.up.backend.inFlight.Add(1)
	if !c.up.away.Load() {
		return true
	}
	c.up.backend.inFlight.Add(-1)
	c.up.drop(c)
	return false
}

// exit is the other end of enter.
func (c *conn) exit() {
	c.waiting.Store(false)
	c.up.backend.inFlight.Add(-1)
}

// lend marks the request that is about to be sent over the connection as one that may be taken back, or go to another worker
// too (see Backend.Abandon and Backend.Hedge). Its worker may have been given up a moment ago.
func (c *conn) lend() {
	c.taking.Store(mayTake)
	if c.up.abandoned.Load() {
		c.takeBack()
	}
	if c.up.hedging.Load() {
		c.up.mu.Lock()
		c.hedge()
		c.up.mu.Unlock()
	}
}

// begin notes that an answer has begun to come; false means that the request was taken back before.
func (c *conn) begin() bool {
	for {
		now := c.taking.Load()
		switch now {
		case takenBack:
			return false
		case keeps, begins:
			return true
		}
		if c.taking.CompareAndSwap(now, begins) {
			if now == hedged {
				c.calm()
			}
			return true
		}
	}
}

// claim ends what lend began, because there is an answer; false means that the request was taken back before.
func (c *conn) claim() bool { return c.taking.Swap(keeps) != takenBack }

// takeBack aborts the connection if the request may be taken back.
func (c *conn) takeBack() {
	for _, lent := range []int32{mayTake, hedged, begins} {
		if c.taking.CompareAndSwap(lent, takenBack) {
			c.abort()
			return
		}
	}
}

// hedge ends the wait for an answer, if the request may go to another worker too; upstream.mu is held.
func (c *conn) hedge() {
	if c.taking.CompareAndSwap(mayTake, hedged) {
		c.tcp.SetReadDeadline(time.Unix(1, 0))
	}
}

// calm makes the connection one that can be read from again after hedge, which it waits for.
func (c *conn) calm() {
	c.up.mu.Lock()
	defer c.up.mu.Unlock()
	c.tcp.SetReadDeadline(time.Time{})
}

// abort ends whatever the connection is at; the request that owns it sees an error. It may be called at any time.
func (c *conn) abort() { c.hangUp() }

// close ends a connection that nobody uses.
func (c *conn) close() {
	c.in.reset()
	c.hangUp()
}

func (c *conn) hangUp() {
	if c.bad != nil {
		c.bad.Close()
		return
	}
	c.tcp.Close()
}

// resultOf says in a word what an error of a connection means.
func resultOf(err error) string {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ResultClosed
	case isRefused(err), errors.Is(err, fault.ErrRefused):
		return ResultRefused
	case isReset(err):
		return ResultReset
	case isTimeout(err):
		return ResultTimeout
	case errors.Is(err, errNonsense):
		return ResultNonsense
	}
	return ResultUnreachable
}
