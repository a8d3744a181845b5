package proxy

import (
	"context"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/lbdev/lbdev/proxy/fault"
)

const (
	// lanesIdle is how long a connection of HTTP/2 may be without a request. A worker that ends one says so with GOAWAY, and
	// what was not begun is safe to send again, so this need not be below the worker's limit.
	lanesIdle = 30 * time.Second
	// maxResponseHead bounds a response's head: what it has in memory is several times that.
	maxResponseHead = 256 << 10
)

// lanes are the connections over which one incarnation of a worker is spoken to in HTTP/2. A connection takes as many
// requests at a time as the worker allows; another one is made when it is full.
type lanes struct {
	up        *upstream
	transport *http.Transport
	dialing   chan struct{} // has room for the one that dials, so that a burst makes one connection and not a hundred

	mu      sync.Mutex
	conns   []*http.ClientConn
	retired bool // no connection outlives its requests
}

func newLanes(u *upstream) *lanes {
	l := &lanes{up: u, dialing: make(chan struct{}, 1)}
	l.transport = l.newTransport(l.dial)
	return l
}

func (l *lanes) newTransport(dial func(ctx context.Context, network, address string) (net.Conn, error)) *http.Transport {
	t := &http.Transport{
		Protocols:              new(http.Protocols),
		DialContext:            dial,
		DisableCompression:     true,
		IdleConnTimeout:        lanesIdle,
		ExpectContinueTimeout:  continuePatience,
		MaxResponseHeaderBytes: maxResponseHead,
	}
	t.Protocols.SetUnencryptedHTTP2(true)
	return t
}

// dial is the transport's way to the worker: it knows no address but a name.
func (l *lanes) dial(ctx context.Context, _, _ string) (net.Conn, error) { return l.up.reach(ctx) }

// open finds a lane on a connection that has room, or on a new one.
func (l *lanes) open(ctx context.Context, bad *fault.StandIn) (line, error) {
	if bad != nil {
		return l.openBad(ctx, bad)
	}
	if cc := l.reserve(); cc != nil {
		return newLane(l, ctx, cc, 1), nil
	}
	select {
	case l.dialing <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-l.dialing }()
	if cc := l.reserve(); cc != nil { // somebody else has dialed
		return newLane(l, ctx, cc, 1), nil
	}
	cc, err := l.transport.NewClientConn(ctx, "http", l.up.addresses[0])
	if err != nil {
		return nil, err
	}
	if err := cc.Reserve(); err != nil {
		cc.Close()
		return nil, err
	}
	l.add(cc)
	return newLane(l, ctx, cc, 0), nil
}

// openBad makes a connection for one request to a worker that is to misbehave. A stand-in that answers by itself does it in HTTP/1.
func (l *lanes) openBad(ctx context.Context, bad *fault.StandIn) (line, error) {
	if bad.Kind == fault.KindErrors {
		return l.up.adopt(ctx, bad, bad), nil
	}
	transport := l.newTransport(func(context.Context, string, string) (net.Conn, error) { return bad, nil })
	cc, err := transport.NewClientConn(ctx, "http", l.up.addresses[0])
	if err != nil {
		bad.Close()
		return nil, err
	}
	cc.Reserve() // a connection that was lost already says so when it is used
	lane := newLane(l, ctx, cc, 0)
	lane.bad = bad
	return lane, nil
}

// reserve returns a connection that takes one more request, the one used first if there are several, so that the others can
// become idle; nil if there is none.
func (l *lanes) reserve() *http.ClientConn {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns = slices.DeleteFunc(l.conns, func(cc *http.ClientConn) bool { return cc.Err() != nil })
	for _, cc := range l.conns {
		if cc.Reserve() == nil {
			return cc
		}
	}
	return nil
}

func (l *lanes) add(cc *http.ClientConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns = append(l.conns, cc)
	cc.SetStateHook(l.changed)
}

// changed is called when a request on a connection is over. The last one ends a connection that is not to be kept.
func (l *lanes) changed(cc *http.ClientConn) {
	if cc.InFlight() > 0 {
		return
	}
	l.mu.Lock()
	retired := l.retired
	l.mu.Unlock()
	if retired {
		cc.Close()
	}
}

// closeIdle closes the connections that have no request, and with retire later the others; nil = there are no lanes.
func (l *lanes) closeIdle(retire bool) {
	if l == nil {
		return
	}
	l.mu.Lock()
	l.retired = l.retired || retire
	conns := slices.Clone(l.conns)
	l.mu.Unlock()
	for _, cc := range conns {
		if cc.InFlight() == 0 {
			cc.Close()
		}
	}
}

// revive lets connections be kept again.
func (l *lanes) revive() {
	if l != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.retired = false
	}
}
