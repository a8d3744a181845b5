package dashboard

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/cluster/control"
)

const (
	// home is where everything lies: cookies can be kept to a path, and not to a port.
	home = "/dashboard/"
	// closePatience is how long Close waits for answers that are under way.
	closePatience = time.Second
)

// A Server serves the dashboard of one cluster. Set the fields, Open it, and Close it in the end.
type Server struct {
	// Cluster is what is shown. It must be open.
	Cluster *cluster.Cluster
	// API answers under v1/, as control.Server's API does.
	API http.Handler
	// Files are the page: index.html and what it loads.
	Files fs.FS
	// Token is the secret that lets in, ReadToken one that lets only look; that may be empty, the first must not.
	Token, ReadToken string
	// Version is lbdev's, for the page.
	Version string

	address net.Addr
	host    string // the machine's name; empty while nobody but us can come
	files   map[string]file
	http    *http.Server
	served  chan struct{}
	live    hub
	sender  *sender
	mux     *http.ServeMux
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	closed  sync.Once
}

// Open begins to answer on a listener, which is the server's from then on. It returns at once. The error is one of Files.
func (s *Server) Open(listener net.Listener) (err error) {
	if s.Token == "" {
		panic("dashboard: a Server without a token")
	}
	if s.files, err = readFiles(s.Files); err != nil {
		return err
	}
	s.address = listener.Addr()
	if !s.private() {
		s.host, _ = os.Hostname() // without it, addresses still do
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.sender = newSender(s.ctx, s.Cluster)
	s.live.open(s)
	s.mux = s.routes()
	s.served = make(chan struct{})
	s.http = control.NewHTTP(s)
	go s.serve(listener)
	return nil
}

// serve is the goroutine that accepts connections; Close waits for it.
func (s *Server) serve(listener net.Listener) {
	defer close(s.served)
	s.http.Serve(listener) // its error is that of Close
}

// routes is everything that there is below home.
//
//	GET  v1/live                 one stream of all that happens, see hello and frame
//	POST v1/send                 {"n":10,"path":"/"}: requests to the front, now
//	PUT  v1/load                 {"rps":5,"path":"/"}: so many a second from now on; 0 = none
//	GET  v1/requests/{seq}       one that is over, with all that is known of it
//	POST v1/requests/{seq}/replay
//	     v1/…                    the control API
//	GET  …                       the page's files
func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+home+"v1/live", s.live.serve)
	mux.HandleFunc("POST "+home+"v1/send", s.sender.send)
	mux.HandleFunc("PUT "+home+"v1/load", s.sender.load)
	mux.HandleFunc("GET "+home+"v1/requests/{seq}", s.request)
	mux.HandleFunc("POST "+home+"v1/requests/{seq}/replay", s.replay)
	mux.Handle(home+"v1/", http.StripPrefix(strings.TrimSuffix(home, "/"), s.API))
	mux.HandleFunc(home, s.file)
	mux.Handle("GET /{$}", http.RedirectHandler(home, http.StatusSeeOther))
	return mux
}

// URL is what to open in a browser.
func (s *Server) URL() string { return s.Address() + "/?token=" + s.Token }

// ReadURL is what those get who may look and nothing else; empty if there is no token for that.
func (s *Server) ReadURL() string {
	if s.ReadToken == "" {
		return ""
	}
	host, port, _ := net.SplitHostPort(s.address.String())
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = outward(ip.To4() != nil)
	}
	return "http://" + net.JoinHostPort(host, port) + "/?token=" + s.ReadToken
}

// outward is the address at which other machines are likely to reach this one; loopback if it has none.
func outward(four bool) string {
	addresses, _ := net.InterfaceAddrs() // without them nobody can come
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() && (n.IP.To4() != nil || !four) {
			return n.IP.String()
		}
	}
	return "127.0.0.1"
}

// Address is where it is, without the token.
func (s *Server) Address() string { return "http://" + reachable(s.address) }

// private says whether the address can be reached from this machine only.
func (s *Server) private() bool {
	address, ok := s.address.(*net.TCPAddr)
	return ok && address.IP.IsLoopback()
}

// Close stops answering and closes the listener; streams are told that it is over. A second call does nothing.
func (s *Server) Close(ctx context.Context) (err error) {
	s.closed.Do(func() {
		s.cancel()
		s.live.close()
		ctx, cancel := context.WithTimeout(ctx, closePatience)
		defer cancel()
		if err = s.http.Shutdown(ctx); err != nil {
			err = fmt.Errorf("cannot wait for those who still look at the dashboard: %w", err)
		}
		s.http.Close()
		<-s.served
		s.sender.close()
	})
	return err
}
