package strict

import (
	"net"
	"sync"
	"time"
)

// parkAfter is how long a connection may have no request before it is parked. A page has loaded by then.
const parkAfter = time.Second

// A Lot is where connections wait that have no request. net/http keeps two buffers of 4 KiB and a stack of 8 KiB for each
// connection; parked ones need a quarter of that. To the server it looks as if the client had closed an idle connection. It is
// the listener from which the server gets the connection again, as a new one, when more comes:
//
//	rules.Lot = strict.NewLot(listener.Addr())
//	go server.Serve(rules.Listener(listener))
//	server.Serve(rules.Lot)
//
// The server must have an IdleTimeout, which holds for parked connections too.
type Lot struct {
	addr    net.Addr
	resumed chan net.Conn
	keepers sync.WaitGroup

	mu     sync.Mutex
	parked map[net.Conn]struct{}
	done   chan struct{} // closed by Close
	closed bool
}

// NewLot returns a lot that says it listens on that address.
func NewLot(addr net.Addr) *Lot {
	return &Lot{addr: addr, resumed: make(chan net.Conn), parked: map[net.Conn]struct{}{}, done: make(chan struct{})}
}

// Accept waits for a parked connection on which something has come.
func (l *Lot) Accept() (net.Conn, error) {
	select {
	case c := <-l.resumed:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Addr is the address that NewLot was given.
func (l *Lot) Addr() net.Addr { return l.addr }

// Close closes all parked connections. What is to be parked later is closed, too.
func (l *Lot) Close() error {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		close(l.done)
		for c := range l.parked {
			c.Close()
		}
	}
	l.mu.Unlock()
	l.keepers.Wait()
	return nil
}

// Len is how many connections are parked.
func (l *Lot) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.parked)
}

// park takes a connection over until a time, and says whether it did.
func (l *Lot) park(c net.Conn, rules *Rules, until time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.parked[c] = struct{}{}
	l.keepers.Go(func() { l.keep(c, rules, until) })
	return true
}

// keep is the goroutine of a parked connection; Close waits for it.
func (l *Lot) keep(c net.Conn, rules *Rules, until time.Time) {
	first := make([]byte, 1)
	c.SetReadDeadline(until)
	n, _ := c.Read(first)
	l.mu.Lock()
	delete(l.parked, c)
	l.mu.Unlock()
	if n == 0 {
		c.Close()
		return
	}
	c.SetReadDeadline(time.Time{})
	select {
	case l.resumed <- rules.resume(c, first):
	case <-l.done:
		c.Close()
	}
}

// resume returns a connection that was parked, with the byte that has come.
func (r *Rules) resume(c net.Conn, first []byte) net.Conn {
	conn := r.Conn(c)
	inner, ok := conn.(*Conn)
	if !ok {
		inner = conn.(tlsConn).Conn
	}
	inner.early = first
	inner.scan.prefaced = true // HTTP/2 begins at the beginning
	return conn
}
