package proxyproto

import (
	"errors"
	"io"
	"net"
)

// A Conn is a connection behind its header.
type Conn struct {
	net.Conn
	client net.Addr
	rest   []byte // what came with the header
}

func newConn(c net.Conn, h Header, rest []byte) *Conn {
	p := &Conn{Conn: c, client: c.RemoteAddr()}
	if h.Client.IsValid() {
		p.client = net.TCPAddrFromAddrPort(h.Client)
	}
	if len(rest) > 0 {
		p.rest = rest
	}
	return p
}

// RemoteAddr is the client's address, or the proxy's if it told none.
func (c *Conn) RemoteAddr() net.Addr { return c.client }

// NetConn is the connection beneath, which has the header behind it.
func (c *Conn) NetConn() net.Conn { return c.Conn }

// Read reads what follows the header.
func (c *Conn) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.rest)
	if c.rest = c.rest[n:]; len(c.rest) == 0 {
		c.rest = nil // lets the buffer go
	}
	return n, nil
}

// ReadFrom lets the kernel copy from a socket or file to this one, where it can.
func (c *Conn) ReadFrom(r io.Reader) (int64, error) { return io.Copy(c.Conn, r) }

// WriteTo lets the kernel copy what follows to another socket, where it can.
func (c *Conn) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(c.rest)
	c.rest = c.rest[n:]
	if err != nil {
		return int64(n), err
	}
	more, err := io.Copy(w, c.Conn)
	return int64(n) + more, err
}

// CloseWrite ends what we send.
func (c *Conn) CloseWrite() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	return half.CloseWrite()
}
