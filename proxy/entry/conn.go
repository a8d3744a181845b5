package entry

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
)

// A peeked connection gives back the first byte, which was read to see what the client speaks.
type peeked struct {
	net.Conn
	first []byte
}

func (c *peeked) Read(p []byte) (int, error) {
	if len(c.first) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.first)
	c.first = c.first[n:]
	return n, nil
}

func (c *peeked) CloseWrite() error { return closeWrite(c.Conn) }

// overTLS is a wrapped connection that lets net/http know that TLS lies below: it sets Request.TLS for whatever has a
// ConnectionState.
type overTLS struct {
	net.Conn
	tls *tls.Conn
}

func (c *overTLS) ConnectionState() tls.ConnectionState { return c.tls.ConnectionState() }

func (c *overTLS) CloseWrite() error { return closeWrite(c.Conn) }

func (c *overTLS) ReadFrom(r io.Reader) (int64, error) { return io.Copy(c.Conn, r) }

func closeWrite(c net.Conn) error {
	half, ok := c.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	return half.CloseWrite()
}
