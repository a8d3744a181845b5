package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// A TCPServer gives connections to workers, whatever they speak. Each counts as one request. It has the methods of an http.Server
// that whoever opens and closes a front needs.
//
// A connection stays with its worker to the end, since nothing is known of what goes over it. When connecting fails the next
// worker is tried, and without a worker that is ready the connection is held, as requests are. Its client is not looked at
// meanwhile: that it has closed its side may mean that it only waits for what the worker says.
type TCPServer struct {
	// ConnState, if not nil, is told that a connection is active, as by an http.Server. Set it before Serve.
	ConnState func(net.Conn, http.ConnState)

	proxy *Proxy
	work  sync.WaitGroup

	mu     sync.Mutex
	closed bool
	open   map[io.Closer]struct{} // listeners and connections
}

// NewTCPServer returns one that balances over the proxy's pool.
func NewTCPServer(p *Proxy) *TCPServer {
	return &TCPServer{proxy: p, open: map[io.Closer]struct{}{}}
}

// Serve accepts connections until Shutdown or Close; its error is http.ErrServerClosed then. It closes the listener.
func (s *TCPServer) Serve(l net.Listener) error {
	defer l.Close()
	if !s.add(l) {
		return http.ErrServerClosed
	}
	defer s.remove(l)
	for pause := time.Duration(0); ; {
		conn, err := l.Accept()
		switch {
		case err == nil && s.add(conn):
			pause = 0
			s.work.Go(func() { s.serve(conn) })
		case err == nil:
			conn.Close()
			return http.ErrServerClosed
		case s.isClosed():
			return http.ErrServerClosed
		case !isTemporary(err):
			return err
		default: // no file descriptor is left, most likely
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			time.Sleep(pause)
		}
	}
}

// isTemporary says whether it is worth to accept again.
func isTemporary(err error) bool {
	ne, ok := errors.AsType[net.Error](err)
	//lint:ignore SA1019 net/http asks the same: of Accept it is known what it means
	return ok && ne.Temporary()
}

// serve is the goroutine of a connection.
func (s *TCPServer) serve(conn net.Conn) {
	defer s.remove(conn)
	if s.ConnState != nil {
		s.ConnState(conn, http.StateActive)
	}
	s.proxy.serveTCP(conn)
}

// Shutdown stops accepting, and waits for the connections until ctx ends. They are ended by Proxy.Shutdown.
func (s *TCPServer) Shutdown(ctx context.Context) error {
	s.shut(func(c io.Closer) bool { _, ok := c.(net.Listener); return ok })
	done := make(chan struct{})
	go func() {
		s.work.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close closes everything and waits for the connections' goroutines.
func (s *TCPServer) Close() error {
	s.shut(func(io.Closer) bool { return true })
	s.work.Wait()
	return nil
}

func (s *TCPServer) shut(which func(io.Closer) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for c := range s.open {
		if which(c) {
			c.Close()
		}
	}
}

// add notes what has to be closed; false means that the server is closed.
func (s *TCPServer) add(c io.Closer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.open[c] = struct{}{}
	}
	return !s.closed
}

func (s *TCPServer) remove(c io.Closer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
}

func (s *TCPServer) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}
