//go:build unix

package proxy

import (
	"errors"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// prepareLook makes what quiet needs: a closure made per request would be an allocation per request.
func (c *conn) prepareLook() {
	c.raw, _ = c.sock.SyscallConn() // its one error is a nil conn
	var one [1]byte
	c.look = func(fd uintptr) bool {
		n, _, err := unix.Recvfrom(int(fd), one[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		c.silent, c.speaks = err == unix.EAGAIN, n > 0
		return true
	}
}

// quiet says that an idle connection is open and the worker sent nothing over it. A worker that died or closed it has left
// an end of file or a reset there; anything else that it sent belongs to no request.
func (c *conn) quiet() bool {
	return c.raw.Read(c.look) == nil && c.silent
}

// lives says that the worker has neither closed the connection nor lost it.
func (c *conn) lives() bool {
	return c.raw.Read(c.look) == nil && (c.silent || c.speaks)
}

// isThere says that whoever is at the other end of a connection has neither closed nor lost it. It asks without waiting: with a
// deadline, however near, the runtime does not ask at all when it gets no time before that has passed.
func isThere(c net.Conn) (there bool) {
	s, ok := beneath(c).(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return false
	}
	var one [1]byte
	err = raw.Control(func(fd uintptr) {
		n, _, err := unix.Recvfrom(int(fd), one[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		there = err == unix.EAGAIN || n > 0
	})
	if err != nil || !there || c == beneath(c) {
		return there && err == nil
	}
	// TLS may be broken on a connection that is whole: then it says so before it looks at the deadline.
	c.SetReadDeadline(time.Now())
	_, err = c.Read(one[:])
	return err == nil || isTimeout(err)
}

// isRefused says that nobody listens. A unix socket that was not made yet, or was removed, is a missing file.
func isRefused(err error) bool {
	return errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.ENOENT)
}

// isFull says that a unix socket has a listener that does not accept as fast as others connect.
func isFull(err error) bool { return errors.Is(err, unix.EAGAIN) }

func isReset(err error) bool {
	return errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNABORTED)
}
