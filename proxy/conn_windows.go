package proxy

import (
	"errors"
	"net"
	"time"

	"golang.org/x/sys/windows"
)

func (c *conn) prepareLook() {}

// quiet says that an idle connection is open and the worker sent nothing over it. There is no peeking at an overlapped
// socket, so it is read with the shortest deadline that makes the runtime try; what such a read would take belongs to no
// request anyway. A connection that was idle for less than a tick is taken as it is: the read costs about a millisecond.
func (c *conn) quiet() bool {
	c.up.mu.Lock()
	fresh := c.until > c.up.tick+idleTicks-1
	c.up.mu.Unlock()
	if fresh {
		return true
	}
	c.sock.SetReadDeadline(time.Now().Add(time.Millisecond))
	var one [1]byte
	_, err := c.sock.Read(one[:])
	c.sock.SetReadDeadline(time.Time{})
	return isTimeout(err)
}

// lives is for glide, which there is not here.
func (c *conn) lives() bool { return false }

// isThere says that whoever is at the other end of a connection has neither closed nor lost it, with the deadline that quiet has. What
// comes in that time is lost, so it is for connections that are of no use any more.
func isThere(c net.Conn) bool {
	c.SetReadDeadline(time.Now().Add(time.Millisecond))
	_, err := c.Read(make([]byte, 1))
	return err == nil || isTimeout(err)
}

// isFull is about unix sockets, which lbdev does not use here.
func isFull(error) bool { return false }

func isRefused(err error) bool { return errors.Is(err, windows.WSAECONNREFUSED) }

func isReset(err error) bool {
	return errors.Is(err, windows.WSAECONNRESET) || errors.Is(err, windows.WSAECONNABORTED) || errors.Is(err, windows.WSAESHUTDOWN)
}
