package entry

import (
	"net"
	"sync"
)

// A Handoff is a listener whose connections come from within the program.
type Handoff struct {
	addr   net.Addr
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// NewHandoff returns one that says it listens on that address.
func NewHandoff(addr net.Addr) *Handoff {
	return &Handoff{addr: addr, conns: make(chan net.Conn), closed: make(chan struct{})}
}

// Give hands a connection to whoever accepts next; it closes it when the listener is closed before.
func (h *Handoff) Give(conn net.Conn) {
	select {
	case h.conns <- conn:
	case <-h.closed:
		conn.Close()
	}
}

// Accept waits for a connection.
func (h *Handoff) Accept() (net.Conn, error) {
	select {
	case conn := <-h.conns:
		return conn, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

// Addr is the address that NewHandoff was given.
func (h *Handoff) Addr() net.Addr { return h.addr }

// Close ends it.
func (h *Handoff) Close() error {
	h.once.Do(func() { close(h.closed) })
	return nil
}
