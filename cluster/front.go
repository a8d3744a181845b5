package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/lbdev/lbdev/proxy"
)

// headerTimeout is how long a client may take to send a request's head.
const headerTimeout = 30 * time.Second

// flushPatience is how long the server may take to write the end of an answer whose request is done.
const flushPatience = 250 * time.Millisecond

// ErrPrivileged says that the system gives the front's port to privileged users only.
var ErrPrivileged = errors.New("only a privileged user may listen on this port")

// A front is the address that users open, and the server behind it.
type front struct {
	listener net.Listener
	server   *http.Server
	served   chan error // Serve's end
}

// openFront listens on an address. A port that is taken is a *PortTakenError.
func openFront(address string, handler http.Handler) (*front, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, listenError(address, err)
	}
	f := &front{
		listener: listener,
		served:   make(chan error, 1),
		server: &http.Server{
			Handler:                      handler,
			ReadHeaderTimeout:            headerTimeout,
			DisableGeneralOptionsHandler: true,                       // OPTIONS * belongs to the app
			ErrorLog:                     log.New(io.Discard, "", 0), // what a client did wrong is the client's to see
		},
	}
	return f, nil
}

func listenError(address string, err error) error {
	_, portText, _ := net.SplitHostPort(address)
	if port, convErr := strconv.Atoi(portText); convErr == nil && isAddrInUse(err) {
		return &PortTakenError{Port: port, Holder: holderOf(port, longLook)}
	}
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("cannot open the front on %s: %w", address, ErrPrivileged)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	return fmt.Errorf("cannot open the front on %s: %w", address, err)
}

// serve is the goroutine that accepts the clients' connections.
func (f *front) serve() { f.served <- f.server.Serve(f.listener) }

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
	<-f.served
}

// shutdown is the goroutine that ends idle connections, and the others as they become idle; close waits for it.
func (f *front) shutdown(ctx context.Context, closed chan<- struct{}) {
	defer close(closed)
	f.server.Shutdown(ctx)
}

// addr is the address that it listens on.
func (f *front) addr() *net.TCPAddr { return f.listener.Addr().(*net.TCPAddr) }

// url is where people on this machine open the front.
func (f *front) url() string {
	host := f.addr().IP.String()
	if f.addr().IP.IsUnspecified() {
		host = workerHost
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(f.addr().Port))
}
