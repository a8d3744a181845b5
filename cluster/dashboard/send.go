package dashboard

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/cluster/control"
)

const (
	maxSend = 100
	maxRate = 200
	// apart is the time between two of several requests, so that people see them one after the other.
	apart = 20 * time.Millisecond
	// maxWaiting is how many of the steady load may wait for their answers; while so many do, no other is sent.
	maxWaiting = 30
	// sendPatience is how long a request may take: longer than the front holds one.
	sendPatience = 2 * time.Minute
)

// A load is what is sent all the time.
type load struct {
	RPS  float64 `json:"rps"`
	Path string  `json:"path"`
}

// A burst is what is sent once.
type burst struct {
	N    int    `json:"n"`
	Path string `json:"path"`
}

// A sender sends requests to the front, so that a lesson needs no other tool, and no browser whose cache answers instead.
type sender struct {
	cluster *cluster.Cluster
	client  *http.Client
	ctx     context.Context
	sent    sync.WaitGroup
	mu      sync.Mutex // for over
	over    bool       // nothing more is sent
	waiting atomic.Int64
	changes chan load
	now     atomic.Pointer[load]
}

// newSender makes one that rests until ctx ends. Connections are not used again: net/http's client sends a request once more by
// itself when a connection that it kept turns out to be closed, which would hide what people are to see.
func newSender(ctx context.Context, c *cluster.Cluster) *sender {
	s := &sender{cluster: c, ctx: ctx, changes: make(chan load)}
	s.client = &http.Client{
		Transport: &http.Transport{
			DisableKeepAlives: true, DisableCompression: true, // who replays a request sends what it was sent with
			DialContext:     s.dial,
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // it is our own front, and holds no secret of ours
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       sendPatience,
	}
	s.now.Store(&load{Path: "/"})
	s.start(s.run)
	return s
}

// dial goes to the front, whatever the URL says.
func (s *sender) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	address := s.cluster.Openings()[0].Addr
	var d net.Dialer
	return d.DialContext(ctx, address.Network(), reachable(address))
}

// reachable is an address at which a listener is met that listens on it.
func reachable(address net.Addr) string {
	if tcp, ok := address.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		host := "127.0.0.1"
		if tcp.IP.To4() == nil {
			host = "::1"
		}
		return net.JoinHostPort(host, fmt.Sprint(tcp.Port))
	}
	return address.String()
}

// start runs f on a goroutine of its own, unless nothing more is sent.
func (s *sender) start(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		s.sent.Go(f)
	}
}

// close waits for what is on its way, which ends with the context.
func (s *sender) close() {
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	s.sent.Wait()
}

func (s *sender) current() load { return *s.now.Load() }

// run is the goroutine that keeps the load up.
func (s *sender) run() {
	var tick <-chan time.Time
	var ticker *time.Ticker
	stop := func() {
		if ticker != nil {
			ticker.Stop()
			ticker, tick = nil, nil
		}
	}
	defer stop()
	for {
		select {
		case l := <-s.changes:
			stop()
			if l.RPS > 0 {
				ticker = time.NewTicker(time.Duration(float64(time.Second) / l.RPS))
				tick = ticker.C
			}
			s.now.Store(&l)
		case <-tick:
			if path := s.current().Path; s.waiting.Load() < maxWaiting {
				s.waiting.Add(1)
				s.start(func() {
					defer s.waiting.Add(-1)
					s.do(s.get(path))
				})
			}
		case <-s.ctx.Done():
			return
		}
	}
}

// get is a request for path, which usable has agreed to.
func (s *sender) get(path string) *http.Request {
	r := s.request(http.MethodGet, path)
	r.Header.Set("User-Agent", "lbdev (dashboard)")
	return r
}

func (s *sender) request(method, path string) *http.Request {
	r, err := http.NewRequestWithContext(s.ctx, method, s.front()+path, nil)
	if err != nil {
		panic(err) // usable has agreed
	}
	return r
}

// do sends a request and takes the whole answer. What becomes of it is seen where all requests are seen.
func (s *sender) do(r *http.Request) {
	resp, err := s.client.Do(r)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
}

func (s *sender) front() string {
	if front := s.cluster.FrontURL(); strings.HasPrefix(front, "http") {
		return front
	}
	return "http://lbdev" // a unix socket
}

// usable says what there is against a request.
func (s *sender) usable(method, path string) error {
	if strings.HasPrefix(s.cluster.FrontURL(), "tcp") {
		return errors.New("cannot send requests: the front passes on TCP and does not know them")
	}
	if !strings.HasPrefix(path, "/") {
		return fmt.Errorf("cannot send to %q: a path begins with /", path)
	}
	if _, err := http.NewRequest(method, s.front()+path, nil); err != nil {
		return fmt.Errorf("cannot send %s to %q: %w", method, path, err)
	}
	return nil
}

// send is the handler of POST v1/send.
func (s *sender) send(w http.ResponseWriter, r *http.Request) {
	b := burst{N: 1, Path: "/"}
	if !control.Decode(w, r, &b) {
		return
	}
	err := s.usable(http.MethodGet, b.Path)
	if err == nil && (b.N < 1 || b.N > maxSend) {
		err = fmt.Errorf("cannot send %d requests: it is 1 to %d at a time", b.N, maxSend)
	}
	if err != nil {
		control.Refuse(w, http.StatusBadRequest, err.Error(), `for example {"n":10,"path":"/"}`)
		return
	}
	s.start(func() { s.pour(b) })
	control.Answer(w, http.StatusAccepted, b)
}

// pour sends several requests, each on its own.
func (s *sender) pour(b burst) {
	for range b.N {
		s.start(func() { s.do(s.get(b.Path)) })
		select {
		case <-time.After(apart):
		case <-s.ctx.Done():
			return
		}
	}
}

// load is the handler of PUT v1/load.
func (s *sender) load(w http.ResponseWriter, r *http.Request) {
	l := load{Path: "/"}
	if !control.Decode(w, r, &l) {
		return
	}
	err := s.usable(http.MethodGet, l.Path)
	if err == nil && !(l.RPS >= 0 && l.RPS <= maxRate) {
		err = fmt.Errorf("cannot send %v requests a second: it is 0 to %d", l.RPS, maxRate)
	}
	if err != nil {
		control.Refuse(w, http.StatusBadRequest, err.Error(), `for example {"rps":5,"path":"/"}`)
		return
	}
	select {
	case s.changes <- l:
		control.Answer(w, http.StatusOK, l)
	case <-s.ctx.Done():
		control.Refuse(w, http.StatusServiceUnavailable, "cannot send any more: the cluster is ending", "")
	}
}
