package fault

import (
	"context"
	"fmt"
	"net"
	"time"
)

// pairPatience bounds the making of a pair, which takes a tenth of a millisecond.
const pairPatience = 5 * time.Second

// pair returns the two ends of a connection within this process: of TCP, so that it can end in every way in which a
// worker's can, on every system. The near end leaves no port behind that waits (TIME_WAIT), as it ends with a reset.
func pair() (near, far *net.TCPConn, err error) {
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, nil, fmt.Errorf("cannot stand in for the worker: %w", err)
	}
	defer listener.Close()
	ctx, cancel := context.WithTimeout(context.Background(), pairPatience)
	defer cancel()
	d := net.Dialer{KeepAlive: -1}
	conn, err := d.DialContext(ctx, "tcp", listener.Addr().String())
	if err != nil {
		return nil, nil, fmt.Errorf("cannot stand in for the worker: %w", err)
	}
	near = conn.(*net.TCPConn)
	near.SetLinger(0)
	listener.SetDeadline(time.Now().Add(pairPatience))
	for {
		if far, err = listener.AcceptTCP(); err != nil {
			near.Close()
			return nil, nil, fmt.Errorf("cannot stand in for the worker: %w", err)
		}
		if far.RemoteAddr().String() == near.LocalAddr().String() {
			return near, far, nil
		}
		far.Close() // somebody else on this machine
	}
}

// reset ends a connection so that the other end gets an error, not an end.
func reset(c *net.TCPConn) {
	c.SetLinger(0)
	c.Close()
}
