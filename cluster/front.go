package cluster

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/lbdev/lbdev/proxy"
	"github.com/lbdev/lbdev/proxy/entry"
	"github.com/lbdev/lbdev/proxy/limit"
	"github.com/lbdev/lbdev/proxy/strict"
)

const (
	// headerTimeout is how long a client may take to send a request's head.
	headerTimeout = 30 * time.Second
	// idleTimeout is how long a client's connection may have no request. Whoever uses it later opens another one. Most of that
	// time it is parked (strict.Lot).
	idleTimeout = 3 * time.Minute
	// maxHeader is more than the rules allow: what is too long is theirs to tell.
	maxHeader = 128 << 10
	// flushPatience is how long the server may take to write the end of an answer whose request is done.
	flushPatience = 250 * time.Millisecond
	// maxStreams is how many requests a client may have under way on one HTTP/2 connection. Most servers allow 100 to 256; a
	// page that opens many event streams needs them. That streams which are reset at once count as long as their requests run
	// (CVE-2023-44487) net/http sees to.
	maxStreams = 250
	// pingAfter is how long an HTTP/2 connection may be silent before its client is asked whether it is there, and pingPatience
	// how long the answer may take: a laptop that was closed says no goodbye.
	pingAfter    = time.Minute
	pingPatience = 15 * time.Second
	// stuckWrite is how long a client of HTTP/2 may take nothing at all of what is being written.
	stuckWrite = 30 * time.Second
)

// A server is an http.Server or a proxy.TCPServer.
type server interface {
	Serve(net.Listener) error
	Shutdown(context.Context) error
	Close() error
}

// A front is the addresses that users open, and the server behind them.
type front struct {
	openings []opening // the first is the front
	server   server
	rules    *strict.Rules
	limiter  *limit.Limiter
	redirect *redirect // nil = nothing leads from http to https
	refused  func(client net.Addr, err error)
	serving  sync.WaitGroup
}

// An opening is one address of the front.
type opening struct {
	net.Listener
	scheme string
}

// openFront listens on an address, and on more. refused is told of clients that don't send the PROXY protocol's header. A port that is taken is a *PortTakenError. After an error nothing is left open.
func openFront(address string, config *Config, p *proxy.Proxy, refused func(net.Addr, error)) (*front, error) {
	if config.Front != nil {
		return reserveFront(address, config)
	}
	f := &front{rules: config.rules(p), limiter: config.limiter(p), refused: refused}
	if config.Mode == ModeTCP {
		s := proxy.NewTCPServer(p)
		s.ConnState = f.limiter.State
		f.server = s
	} else {
		s := newServer(p)
		s.ConnState = f.limiter.State
		f.server = s
	}
	if err := f.open(append([]string{address}, config.MoreListen...), config); err != nil {
		f.abandon()
		return nil, err
	}
	return f, nil
}

func (f *front) open(addresses []string, config *Config) (err error) {
	for _, address := range addresses {
		listener, err := listen(address)
		if err != nil {
			return err
		}
		f.openings = append(f.openings, opening{f.limiter.Listener(listener), config.scheme()})
	}
	if config.TLS != nil && config.Mode != ModeTCP {
		if f.redirect, err = openRedirect(f, config); err != nil {
			return err
		}
	}
	f.rules.Lot = strict.NewLot(f.openings[0].Addr())
	for i := range f.openings {
		f.openings[i].Listener = f.enter(f.openings[i].Listener, config)
	}
	return nil
}

// newServer is the server for HTTP/1 and, over TLS or from a client that knows it beforehand, HTTP/2.
func newServer(handler http.Handler) *http.Server {
	s := &http.Server{
		Handler:                      handler,
		ReadHeaderTimeout:            headerTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeader,
		DisableGeneralOptionsHandler: true,                       // OPTIONS * belongs to the app
		ErrorLog:                     log.New(io.Discard, "", 0), // what a client did wrong is the client's to see
		Protocols:                    &http.Protocols{},
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: maxStreams,
			SendPingTimeout:      pingAfter,
			PingTimeout:          pingPatience,
			WriteByteTimeout:     stuckWrite,
		},
	}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetHTTP2(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	return s
}

// enter puts before a server what a connection needs first, and the rules for HTTP/1.
func (f *front) enter(inner net.Listener, config *Config) net.Listener {
	c := entry.Config{ProxyProtocol: config.ProxyProtocol, Refused: f.refused}
	if config.TLS != nil {
		c.TLS = config.TLS.Clone()
		c.TLS.MinVersion = max(c.TLS.MinVersion, tls.VersionTLS12)
	}
	if config.Mode != ModeTCP {
		c.Wrap = f.rules.Conn
		if c.TLS != nil {
			c.TLS.NextProtos = []string{"h2", "http/1.1"}
			c.Plain = f.redirect.take
		}
	}
	return entry.New(inner, c)
}

// abandon closes what openFront had opened before it failed.
func (f *front) abandon() {
	for _, o := range f.openings {
		o.Close()
	}
	f.redirect.abandon()
}

// serve accepts the clients' connections until close.
func (f *front) serve() {
	for _, o := range f.openings {
		f.serving.Go(func() { f.server.Serve(o) }) // its error is that the server is closed
	}
	f.serving.Go(func() { f.server.Serve(f.rules.Lot) })
	f.redirect.serve(&f.serving)
}

// close ends the front: no new connections, then the requests in flight, for at most the given time, then whatever is
// left. The server is told first, so that a client's connection ends with the request that it is at; the proxy knows when
// the last one is done. The server alone does not: a connection that a browser opened in advance, without a request, keeps
// its Shutdown waiting for 5 s (go.dev/issue/22682).
func (f *front) close(ctx context.Context, p *proxy.Proxy, patience time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	closed := make(chan struct{})
	go f.shutdown(ctx, closed)
	p.Shutdown(ctx) // its error says that requests are left; they are cut below
	select {
	case <-closed:
	case <-time.After(flushPatience):
	}
	f.server.Close()
	cancel()
	<-closed
	f.redirect.close()
	f.serving.Wait()
}

// shutdown is the goroutine that ends idle connections, and the others as they become idle; close waits for it.
func (f *front) shutdown(ctx context.Context, closed chan<- struct{}) {
	defer close(closed)
	f.server.Shutdown(ctx)
}

// An Opening is an address at which the front is reached.
type Opening struct {
	URL       string   // where people on this machine open it: http://127.0.0.1:8080, tcp://127.0.0.1:8080, or unix:/run/shop.sock
	Addr      net.Addr // where it listens
	Redirects bool     // it only leads to https
}

// all are the addresses: the front, the further ones, and last the one that leads to https.
func (f *front) all() []Opening {
	var all []Opening
	for _, o := range f.openings {
		all = append(all, Opening{URL: urlOf(o.scheme, o.Addr()), Addr: o.Addr()})
	}
	if l := f.redirect.own(); l != nil {
		all = append(all, Opening{URL: urlOf("http", l.Addr()), Addr: l.Addr(), Redirects: true})
	}
	return all
}

// url is where people on this machine open the front.
func (f *front) url() string { return f.all()[0].URL }

// has says whether the front listens on a TCP port.
func (f *front) has(port int) bool {
	for _, o := range f.all() {
		if a, ok := o.Addr.(*net.TCPAddr); ok && a.Port == port {
			return true
		}
	}
	return false
}
