package metrics

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 64 << 10
)

// A Server answers GET /metrics and nothing else, for a Prometheus that can't reach the control socket. There is nothing to
// be changed over it.
type Server struct {
	http     *http.Server
	served   chan struct{}
	loopback bool
	handler  http.Handler
}

// Serve begins to answer on a listener, which is the server's from then on. It returns at once; Close it in the end.
func Serve(listener net.Listener, handler http.Handler) *Server {
	s := &Server{served: make(chan struct{}), handler: handler}
	if tcp, ok := listener.Addr().(*net.TCPAddr); ok {
		s.loopback = tcp.IP.IsLoopback()
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", s.scrape)
	s.http = &http.Server{
		Handler: mux, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: log.New(io.Discard, "", 0), // what a client did wrong is the client's to see
	}
	go s.serve(listener)
	return s
}

// serve is the goroutine that accepts connections; Close waits for it.
func (s *Server) serve(listener net.Listener) {
	defer close(s.served)
	s.http.Serve(listener) // its error is that of Close
}

// Close lets a scrape that is under way end, until ctx does, and closes the listener.
func (s *Server) Close(ctx context.Context) {
	s.http.Shutdown(ctx) // its error is a client that does not read
	s.http.Close()
	<-s.served
}

func (s *Server) scrape(w http.ResponseWriter, r *http.Request) {
	if s.loopback && !local(r.Host) {
		http.Error(w, fmt.Sprintf("cannot answer as %q: ask for 127.0.0.1", r.Host), http.StatusForbidden)
		return
	}
	s.handler.ServeHTTP(w, r)
}

// local says whether a Host header can only mean this machine. A page from anywhere can make a browser connect to a loopback
// address under a name of the page's own (DNS rebinding); it has no power over addresses, over names without a dot, and over
// those that never were anybody's: Docker's host.docker.internal is a way for a Prometheus in a container to get here.
func local(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.ToLower(strings.Trim(name, "[]")), ".")
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return !strings.Contains(name, ".") || strings.HasSuffix(name, ".localhost") || strings.HasSuffix(name, ".internal")
}
