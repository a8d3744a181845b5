package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
)

// A conn is one connection to a worker. One request at a time owns it; otherwise it is idle and its upstream does.
type conn struct {
	up     *upstream
	tcp    *net.TCPConn
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

	// Whether the request may be taken back from the worker: see Backend.Abandon.
	taking atomic.Int32
}

// The values of conn.taking.
const (
	keeps     int32 = iota // the request stays with this worker
	mayTake                // it may be sent again, and the client has seen nothing of an answer
	takenBack              // it was taken back; the connection is closed
)

func newConn(u *upstream, tcp *net.TCPConn) *conn {
	c := &conn{up: u, tcp: tcp, in: newReader(tcp), out: make([]byte, 0, 1024)}
	c.abortFunc = c.abort
	c.prepareLook()
	return c
}

// lend marks the request that is about to be sent over the connection as one that may be taken back. Its worker may have been
// abandoned a moment ago.
func (c *conn) lend() {
	c.taking.Store(mayTake)
	if c.up.abandoned.Load() {
		c.takeBack()
	}
}

// claim ends that, because there is an answer; false means that the request was taken back before.
func (c *conn) claim() bool { return c.taking.Swap(keeps) != takenBack }

// takeBack aborts the connection if the request may be taken back.
func (c *conn) takeBack() {
	if c.taking.CompareAndSwap(mayTake, takenBack) {
		c.abort()
	}
}

// abort ends whatever the connection is at; the request that owns it sees an error. It may be called at any time.
func (c *conn) abort() { c.tcp.Close() }

// close ends a connection that nobody uses.
func (c *conn) close() {
	c.in.reset()
	c.tcp.Close()
}

// resultOf says in a word what an error of a connection means.
func resultOf(err error) string {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ResultClosed
	case isRefused(err):
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
