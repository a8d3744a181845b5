// Package limit keeps clients from using up what the others need: connections, and memory for what a client does not take.
//
//	l := &limit.Limiter{Max: 1000}
//	server.ConnState = l.State
//	server.Serve(l.Listener(listener))
//
// When there are as many connections as there may be, a new one takes the place of the one that has waited longest for a
// request, or for the rest of its head: a browser's idle connection, which it opens again when it needs one, or that of an
// attacker who sends slowly. So slow heads keep nobody out. Only when all are in the middle of a request new ones are turned
// away.
package limit

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// turnedAwayAtOnce is how many connections that are turned away get an answer at a time; further ones are only closed.
	turnedAwayAtOnce = 64
	// goodbye is how long such an answer may take. The connection is read meanwhile: closing it with unread data would reset it,
	// and the client might lose the answer (RFC 9112 section 9.6).
	goodbye = time.Second
	// onItsWay is how much later a new connection counts as having begun to wait: its client has opened it for a request, which is
	// worth more than the place of one that is idle after its last.
	onItsWay = time.Second
)

// A Limiter holds connections to its limits. Its fields must not be changed once it is used.
type Limiter struct {
	// Max is how many connections there may be at a time; 0 = any number.
	Max int

	// Stall is how long a client may take nothing at all of what is written to it. Then the write fails; 0 = 60 s, negative =
	// for ever. A connection to which nothing is written may stay as long as it likes.
	Stall time.Duration

	// Busy is what a client gets that is turned away; empty = its connection is only closed.
	Busy []byte

	// OnBusy is told of the address of each client that is turned away; nil = nobody. It may be called by several goroutines.
	OnBusy func(client net.Addr)

	mu     sync.Mutex
	open   map[*Conn]struct{}
	slots  chan struct{} // for those who are turned away; made with open
	leaves sync.WaitGroup
}

func (l *Limiter) stall() time.Duration {
	if l.Stall == 0 {
		return time.Minute
	}
	return l.Stall
}

// Listener returns a listener that keeps the limits. Several may share a Limiter.
func (l *Limiter) Listener(inner net.Listener) net.Listener { return &listener{inner, l} }

type listener struct {
	net.Listener
	limiter *Limiter
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if conn := l.limiter.admit(c); conn != nil {
			return conn, nil
		}
	}
}

// Close also waits for those who are turned away.
func (l *listener) Close() error {
	err := l.Listener.Close()
	l.limiter.leaves.Wait()
	return err
}

// admit returns the connection as one that is counted, or nil if it was turned away.
func (l *Limiter) admit(c net.Conn) *Conn {
	conn := &Conn{Conn: c, limiter: l}
	conn.waiting.Store(time.Now().Add(onItsWay).UnixNano())
	l.mu.Lock()
	if l.open == nil {
		l.open, l.slots = map[*Conn]struct{}{}, make(chan struct{}, turnedAwayAtOnce)
	}
	var oldest *Conn
	full := l.Max > 0 && len(l.open) >= l.Max
	if full {
		oldest = l.oldest()
	}
	if !full || oldest != nil {
		l.open[conn] = struct{}{}
	}
	l.mu.Unlock()
	switch {
	case oldest != nil:
		oldest.Close()
	case full:
		l.turnAway(c)
		return nil
	}
	return conn
}

// oldest takes the connection out that has waited longest; nil if none waits. It looks at all of them, which takes a moment
// only while the limit is reached; l.mu is held.
func (l *Limiter) oldest() *Conn {
	for {
		var oldest *Conn
		since := int64(0)
		for c := range l.open {
			if w := c.waiting.Load(); w != 0 && (oldest == nil || w < since) {
				oldest, since = c, w
			}
		}
		if oldest == nil {
			return nil
		}
		if oldest.waiting.CompareAndSwap(since, 0) { // else it has got its request at this moment
			delete(l.open, oldest)
			return oldest
		}
	}
}

// Count is how many connections there are.
func (l *Limiter) Count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open)
}

// State is for http.Server's ConnState: it learns which connections wait for a request.
func (l *Limiter) State(c net.Conn, state http.ConnState) {
	if state != http.StateActive && state != http.StateIdle && state != http.StateHijacked {
		return
	}
	for {
		if conn, ok := c.(*Conn); ok {
			conn.setWaiting(state == http.StateIdle)
			return
		}
		wrapper, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return
		}
		c = wrapper.NetConn()
	}
}

// turnAway tells a client that there is no room, if that can be done without keeping anybody waiting.
func (l *Limiter) turnAway(c net.Conn) {
	if l.OnBusy != nil {
		l.OnBusy(c.RemoteAddr())
	}
	select {
	case l.slots <- struct{}{}:
		l.leaves.Go(func() { l.sayBusy(c) })
	default:
		c.Close()
	}
}

// sayBusy is the goroutine of one client that is turned away; Close waits for it.
func (l *Limiter) sayBusy(c net.Conn) {
	defer func() { <-l.slots }()
	defer c.Close()
	if len(l.Busy) == 0 {
		return
	}
	c.SetDeadline(time.Now().Add(goodbye))
	if _, err := c.Write(l.Busy); err != nil || closeWrite(c) != nil {
		return
	}
	var unread [512]byte
	for {
		if _, err := c.Read(unread[:]); err != nil {
			return
		}
	}
}

// A Conn is a connection that is counted.
type Conn struct {
	net.Conn
	limiter *Limiter
	waiting atomic.Int64 // since when it has waited for a request, in Unix ns; 0 = it has one, or is being closed
	closed  atomic.Bool
	until   atomic.Int64 // the deadline that Write has set, in Unix ns
	theirs  atomic.Bool  // somebody else has set one
}

func (c *Conn) setWaiting(waiting bool) {
	since := int64(0)
	if waiting {
		since = time.Now().UnixNano()
	}
	c.waiting.Store(since)
}
