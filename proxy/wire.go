package proxy

import (
	"context"
	"net"
	"time"
)

// A Wire is how a worker is reached and spoken to. The zero Wire is HTTP/1.1 over TCP, on the worker's port.
type Wire struct {
	Socket string // the path of the unix socket that it listens on; "" = it listens on its port
	HTTP2  bool   // speak HTTP/2 from the first byte (h2c with prior knowledge, RFC 9113 section 3.3)
}

// Over says how the worker is spoken to. It is called before its first Set.
func (b *Backend) Over(w Wire) {
	b.pool.mu.Lock()
	defer b.pool.mu.Unlock()
	b.wire = w
	b.up = newUpstream(b, b.up.incarnation)
}

// backlogPoll is how often a unix socket is tried whose queue is full: unlike TCP, connecting to one fails at once then.
const backlogPoll = 5 * time.Millisecond

func (u *upstream) reachSocket(ctx context.Context) (socket, error) {
	var d net.Dialer
	for end := time.Now().Add(dialTimeout); ; {
		nc, err := d.DialContext(ctx, "unix", u.backend.wire.Socket)
		if err == nil {
			return nc.(socket), nil
		}
		if !isFull(err) || time.Now().After(end) {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(backlogPoll):
		}
	}
}
