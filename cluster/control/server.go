package control

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lbdev/lbdev/cluster"
)

const (
	maxBody       = 64 << 10
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	// closePatience is how long Close waits for answers that are under way, where its context allows more: a reader that
	// takes nothing would wait for ever.
	closePatience = 2 * time.Second
)

// A Server answers for one running cluster. Set the fields, Open it, and Close it in the end.
type Server struct {
	// Cluster is what is shown and acted on. It must be open.
	Cluster *cluster.Cluster
	// Down asks whoever runs the cluster to end it. It returns at once, is called at most once however many ask, and is to be
	// followed by Finish. Nil refuses POST /v1/shutdown.
	Down func()
	// Reload reads the config file again and returns when all of it is done. Its error is a *ConfigError where the file is at fault.
	// Nil refuses POST /v1/reload.
	Reload func(context.Context) (Reloaded, error)
	// Token, if not empty, must come with every request as "Authorization: Bearer TOKEN", and the Host must be a loopback
	// one. It guards a listener that other users can reach.
	Token string
	// Metrics answers GET /metrics. Nil refuses it.
	Metrics http.Handler
	// KeepAlive is how often a silent stream says that it lives. Zero means 15 s, negative never.
	KeepAlive time.Duration

	run      string // names this run of the cluster in the ids of events
	prepared sync.Once
	mux      *http.ServeMux
	http     *http.Server // nil before Open
	served   chan struct{}
	down     sync.Once
	finish   sync.Once
	finished chan struct{} // closed by Finish
	report   Report        // set before finished is closed
	closing  chan struct{} // closed by Close: nothing more is waited for
	closed   sync.Once
}

func (s *Server) prepare() {
	s.prepared.Do(func() {
		var id [8]byte
		rand.Read(id[:]) // never fails
		s.run = hex.EncodeToString(id[:])
		s.mux = s.routes()
		s.served, s.finished, s.closing = make(chan struct{}), make(chan struct{}), make(chan struct{})
	})
}

// API answers whoever asks: it is for one who has looked at that already, such as the dashboard. It works without Open too, until
// Close.
func (s *Server) API() http.Handler {
	s.prepare()
	return http.HandlerFunc(s.route)
}

// Open begins to answer on a listener, which is the server's from then on. It returns at once.
func (s *Server) Open(listener net.Listener) {
	s.prepare()
	s.http = NewHTTP(s)
	go s.serve(&ownOnly{Listener: listener})
}

// NewHTTP is a server for a handler that talks to people and scripts, with limits that suit them.
func NewHTTP(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxBody,
		ErrorLog:          log.New(io.Discard, "", 0), // what a client did wrong is the client's to see
	}
}

// serve is the goroutine that accepts connections; Close waits for it.
func (s *Server) serve(listener net.Listener) {
	defer close(s.served)
	s.http.Serve(listener) // its error is that of Close
}

// Finish tells those who wait for the end of the cluster how it went. Only the first call counts.
func (s *Server) Finish(report cluster.Report) {
	s.prepare()
	s.finish.Do(func() {
		s.report = NewReport(report)
		close(s.finished)
	})
}

// Close stops answering and closes the listener. Streams whose feed is closed get the rest, the others what is there;
// answers that are under way are waited for until ctx ends, at most for 2 s. A second call does nothing.
func (s *Server) Close(ctx context.Context) error {
	s.prepare()
	s.closed.Do(func() { close(s.closing) })
	if s.http == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, closePatience)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = fmt.Errorf("cannot wait for those who are still connected: %w", err)
	}
	s.http.Close()
	<-s.served
	return err
}

// An ownOnly listener accepts those whom our own user has sent.
type ownOnly struct {
	net.Listener
}

// Accept passes over connections of other users. They are closed without a word: who can't come in needs no explanation.
func (l *ownOnly) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil || ownPeer(conn) {
			return conn, err
		}
		conn.Close()
	}
}

// ServeHTTP checks who asks.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.Token == "" || s.mayEnter(w, r) {
		s.route(w, r)
	}
}

// route checks whether there is such a route; http.ServeMux would answer with text.
func (s *Server) route(w http.ResponseWriter, r *http.Request) {
	handler, pattern := s.mux.Handler(r)
	if pattern == "" {
		var p probe
		handler.ServeHTTP(&p, r)
		if p.status == http.StatusMethodNotAllowed {
			allow := p.Header().Get("Allow")
			w.Header().Set("Allow", allow)
			Refuse(w, p.status, fmt.Sprintf("cannot %s %s", r.Method, r.URL.Path), "it takes "+allow)
			return
		}
		Refuse(w, http.StatusNotFound, fmt.Sprintf("cannot find %s", r.URL.Path), "the API begins at /v1/cluster")
		return
	}
	s.mux.ServeHTTP(w, r)
}

// mayEnter guards a TCP listener: a web page can make a browser connect to it, under a name of its own (DNS rebinding).
func (s *Server) mayEnter(w http.ResponseWriter, r *http.Request) bool {
	if !Loopback(r.Host) {
		Refuse(w, http.StatusForbidden, fmt.Sprintf("cannot answer as %q", r.Host), "ask for 127.0.0.1")
		return false
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || subtle.ConstantTimeCompare([]byte(token), []byte(s.Token)) != 1 {
		w.Header().Set("WWW-Authenticate", "Bearer")
		Refuse(w, http.StatusUnauthorized, "cannot let you in without the token", "it is in the cluster's state file")
		return false
	}
	return true
}

// Loopback says whether a Host header names this machine only.
func Loopback(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.Trim(name, "[]")
	ip := net.ParseIP(name)
	return strings.EqualFold(name, "localhost") || ip != nil && ip.IsLoopback()
}

// A probe is the ResponseWriter that hears what http.ServeMux would answer itself.
type probe struct {
	header http.Header
	status int
}

func (p *probe) Header() http.Header {
	if p.header == nil {
		p.header = http.Header{}
	}
	return p.header
}

func (p *probe) Write(b []byte) (int, error) { return len(b), nil }
func (p *probe) WriteHeader(status int)      { p.status = status }

func (s *Server) getCluster(w http.ResponseWriter, r *http.Request) {
	if _, ok := parameters(w, r); !ok {
		return
	}
	Answer(w, http.StatusOK, s.Cluster.Snapshot())
}

// metrics leaves the parameters to whoever answers: Prometheus has its own.
func (s *Server) metrics(w http.ResponseWriter, r *http.Request) {
	if s.Metrics == nil {
		Refuse(w, http.StatusNotFound, "cannot show metrics: this lbdev keeps none", "")
		return
	}
	s.Metrics.ServeHTTP(w, r)
}

// parameters are those of the query, each of them one that the route knows: a misspelt one would be passed over in silence.
func parameters(w http.ResponseWriter, r *http.Request, known ...string) (url.Values, bool) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		Refuse(w, http.StatusBadRequest, fmt.Sprintf("cannot read the query: %v", err), "")
		return nil, false
	}
	for name := range query {
		if !slices.Contains(known, name) {
			hint := "this route takes no parameters"
			if len(known) > 0 {
				hint = "there are " + strings.Join(known, ", ")
			}
			Refuse(w, http.StatusBadRequest, fmt.Sprintf("cannot use parameter %q: there is no such parameter", name), hint)
			return nil, false
		}
	}
	return query, true
}

// Decode reads a JSON body into v; nothing at all is as good as {}. False means that it has refused the request.
func Decode(w http.ResponseWriter, r *http.Request, v any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if errors.Is(err, io.EOF) {
		return true
	}
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.New("something follows it")
			if tooLarge, ok := errors.AsType[*http.MaxBytesError](more); ok {
				err = tooLarge
			}
		}
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		Refuse(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("cannot read the body: it has more than %d bytes", maxBody), "")
		return false
	}
	if err != nil {
		Refuse(w, http.StatusBadRequest, fmt.Sprintf("cannot read the body: %s", strings.TrimPrefix(err.Error(), "json: ")), "it is one JSON object")
		return false
	}
	return true
}

// Answer writes v, whose types hold nothing that can't be marshalled.
func Answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(line(v)) // its error is a client that has gone
}

// Refuse answers with an error, and with what to do, if anybody can say that.
func Refuse(w http.ResponseWriter, status int, message, hint string) {
	Answer(w, status, ErrorBody{Error: message, Hint: hint})
}

// line is v as JSON, with a newline.
func line(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return append(text, '\n')
}
