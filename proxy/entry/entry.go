// Package entry makes accepted connections ready to be served: it reads the header of the PROXY protocol and does the TLS
// handshake, each connection in a goroutine of its own and within a time, so that a slow client keeps nobody waiting. A
// server then gets connections from an ordinary net.Listener:
//
//	l := entry.New(listener, entry.Config{TLS: tlsConfig})
//	server.Serve(l)
//
// Connections that speak HTTP/2 over TLS come out as the *tls.Conn by which net/http knows them. A client that speaks no
// TLS where TLS is expected is handed to Config.Plain.
package entry

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/lbdev/lbdev/proxy/proxyproto"
)

// defaultPatience is how long a client may take until its connection is ready.
const defaultPatience = 10 * time.Second

// Config says what is expected before a connection is served. The zero value expects nothing.
type Config struct {
	// ProxyProtocol expects a header of the PROXY protocol, before everything else. Connections without it are closed.
	ProxyProtocol bool

	// Refused is told of a client whose first bytes are no such header, before its connection is closed. It is called in the
	// goroutine of the connection. nil = nobody is told.
	Refused func(client net.Addr, err error)

	// TLS is how to speak TLS; nil = the connections are plain.
	TLS *tls.Config

	// Plain takes over a connection whose client speaks no TLS where TLS is expected. It is called in the goroutine of the
	// connection. nil = such connections are closed.
	Plain func(net.Conn)

	// Wrap, if not nil, wraps what comes out: plain connections, and those over TLS that do not speak HTTP/2. net/http sets
	// Request.TLS for what has the method ConnectionState of a *tls.Conn.
	Wrap func(net.Conn) net.Conn

	// Patience is how long all of that may take; 0 = 10 s.
	Patience time.Duration
}

func (c *Config) patience() time.Duration {
	if c.Patience == 0 {
		return defaultPatience
	}
	return c.Patience
}

// A listener hands out connections that are ready.
type listener struct {
	inner  net.Listener
	config Config
	ready  chan accepted
	ctx    context.Context // ends when it is closed
	cancel context.CancelFunc
	work   sync.WaitGroup
}

type accepted struct {
	conn net.Conn
	err  error
}

// New returns a listener of connections that are ready. It owns the inner one, and begins to accept at once if something is
// expected of them. Close also closes the connections that nobody has accepted yet, and waits for their goroutines.
func New(inner net.Listener, config Config) net.Listener {
	switch {
	case config.TLS != nil, config.ProxyProtocol:
	case config.Wrap == nil:
		return inner
	default:
		return &wrapping{inner, config.Wrap}
	}
	l := &listener{inner: inner, config: config, ready: make(chan accepted)}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.work.Go(l.acceptAll)
	return l
}

// Accept waits for the next connection that is ready.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case a := <-l.ready:
		return a.conn, a.err
	case <-l.ctx.Done():
		return nil, net.ErrClosed
	}
}

// Addr is where it listens.
func (l *listener) Addr() net.Addr { return l.inner.Addr() }

// Close is described at New.
func (l *listener) Close() error {
	l.cancel()
	err := l.inner.Close()
	l.work.Wait()
	return err
}

// acceptAll is the goroutine that accepts. How many connections are being made ready at a time is not bounded here: each
// counts for the limit that the inner listener has.
func (l *listener) acceptAll() {
	for {
		conn, err := l.inner.Accept()
		switch {
		case err == nil:
			l.work.Go(func() { l.prepare(conn) })
		case !l.pass(accepted{err: err}), errors.Is(err, net.ErrClosed): // passing blocks until the server, which waits after an error, asks again
			return
		}
	}
}

// pass hands something to Accept, and says whether anybody took it.
func (l *listener) pass(a accepted) bool {
	select {
	case l.ready <- a:
		return true
	case <-l.ctx.Done():
		return false
	}
}

// prepare is the goroutine that makes one connection ready.
func (l *listener) prepare(conn net.Conn) {
	raw := conn
	stop := context.AfterFunc(l.ctx, func() { raw.Close() })
	raw.SetDeadline(time.Now().Add(l.config.patience()))
	conn, err := l.open(conn)
	if !stop() || err != nil { // the client sees by the end of the connection that something is wrong
		raw.Close()
		return
	}
	if conn == nil { // Plain has it
		return
	}
	raw.SetDeadline(time.Time{})
	if !l.pass(accepted{conn: conn}) {
		raw.Close()
	}
}

// open reads what is expected. It returns nil without an error when Config.Plain has taken the connection over.
func (l *listener) open(conn net.Conn) (net.Conn, error) {
	if l.config.ProxyProtocol {
		c, err := proxyproto.Accept(conn)
		if err != nil {
			l.refused(conn, err)
			return nil, err
		}
		conn = c
	}
	if l.config.TLS == nil {
		return l.wrap(conn), nil
	}
	first := [1]byte{}
	if _, err := conn.Read(first[:]); err != nil {
		return nil, err
	}
	conn = &peeked{Conn: conn, first: first[:]}
	if first[0] != recordHandshake {
		if l.config.Plain == nil {
			return nil, errNoTLS
		}
		conn.SetDeadline(time.Time{})
		l.config.Plain(conn)
		return nil, nil
	}
	secure := tls.Server(conn, l.config.TLS)
	if err := secure.HandshakeContext(l.ctx); err != nil {
		return nil, err
	}
	if secure.ConnectionState().NegotiatedProtocol == "h2" {
		return secure, nil
	}
	return l.wrap(secure), nil
}

// refused tells of a client that said something wrong. One that says nothing, as browsers connect in advance, is nobody's business.
func (l *listener) refused(conn net.Conn, err error) {
	if _, broken := errors.AsType[net.Error](err); !broken && !errors.Is(err, io.ErrUnexpectedEOF) && l.config.Refused != nil {
		l.config.Refused(conn.RemoteAddr(), err)
	}
}

var errNoTLS = errors.New("the client speaks no TLS")

// recordHandshake is the first byte of every client that speaks TLS (RFC 8446 section 5.1).
const recordHandshake = 22

func (l *listener) wrap(conn net.Conn) net.Conn {
	if l.config.Wrap == nil {
		return conn
	}
	return l.config.Wrap(conn)
}
