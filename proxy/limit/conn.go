package limit

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// NetConn is what lies beneath.
func (c *Conn) NetConn() net.Conn { return c.Conn }

// Close implements net.Conn.
func (c *Conn) Close() error {
	if !c.closed.Swap(true) {
		c.limiter.mu.Lock()
		delete(c.limiter.open, c)
		c.limiter.mu.Unlock()
	}
	return c.Conn.Close()
}

// Write writes all of p as long as the client takes some of it from time to time.
func (c *Conn) Write(p []byte) (int, error) {
	stall, written := c.limiter.stall(), 0
	for {
		if stall > 0 && !c.theirs.Load() {
			c.extend(stall)
		}
		n, err := c.Conn.Write(p[written:])
		written += n
		if err == nil || n == 0 || c.theirs.Load() || !errors.Is(err, os.ErrDeadlineExceeded) {
			return written, err
		}
	}
}

// extend sets the deadline for writing, if the one that is set is near: not for each write, as that costs.
func (c *Conn) extend(stall time.Duration) {
	now := time.Now()
	if time.Duration(c.until.Load()-now.UnixNano()) < stall/2 {
		until := now.Add(stall)
		c.until.Store(until.UnixNano())
		c.Conn.SetWriteDeadline(until)
	}
}

// SetWriteDeadline implements net.Conn. While one is set a client that stalls is not looked for.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	if had := c.theirs.Swap(!t.IsZero()); t.IsZero() && !had {
		return nil // net/http clears it after each request
	}
	c.until.Store(0)
	return c.Conn.SetWriteDeadline(t)
}

// SetDeadline implements net.Conn.
func (c *Conn) SetDeadline(t time.Time) error {
	return errors.Join(c.Conn.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// CloseWrite ends what goes to the client.
func (c *Conn) CloseWrite() error { return closeWrite(c.Conn) }

func closeWrite(c net.Conn) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// ReadFrom lets the kernel copy from another socket or a file, where it can. No deadline for writing is set then: it would end the
// copying however much the client takes, as nobody sees it to move the deadline on. The kernel looks after that as well.
func (c *Conn) ReadFrom(r io.Reader) (int64, error) {
	if c.theirs.Load() {
		return io.Copy(c.Conn, r)
	}
	if !leaveToKernel(c.Conn, c.limiter.stall()) {
		return io.Copy(onlyWriter{c}, r)
	}
	if c.until.Swap(0) != 0 {
		c.Conn.SetWriteDeadline(time.Time{})
	}
	return io.Copy(c.Conn, r)
}

// An onlyWriter has none of the methods by which io.Copy comes back to where it was called.
type onlyWriter struct{ io.Writer }

// WriteTo lets the kernel copy to another socket, where it can.
func (c *Conn) WriteTo(w io.Writer) (int64, error) { return io.Copy(w, c.Conn) }

// SyscallConn gives access to the socket.
func (c *Conn) SyscallConn() (syscall.RawConn, error) {
	if s, ok := c.Conn.(syscall.Conn); ok {
		return s.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}
