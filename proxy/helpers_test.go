package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lbdev/lbdev/proxy/strict"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// patience bounds everything that tests wait for; it is long because machines are slow, not because it is waited for.
const patience = 30 * time.Second

// eventually polls until ok is true.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		if ok() {
			return
		}
	}
	t.Fatalf("waited %s in vain: %s", patience, what)
}

// A rig is a proxy with a front, and the records of its requests.
type rig struct {
	t     testing.TB
	proxy *Proxy
	pool  *Pool
	front *httptest.Server

	mu      sync.Mutex
	records []Access
}

func newRig(t testing.TB, settings ...func(*Proxy)) *rig {
	pool := NewPool(nil)
	g := &rig{t: t, pool: pool, proxy: &Proxy{Pool: pool}}
	g.proxy.OnAccess = g.record
	for _, set := range settings {
		set(g.proxy)
	}
	g.front = httptest.NewUnstartedServer(g.proxy)
	g.front.Config.DisableGeneralOptionsHandler = true
	g.front.Listener = (&strict.Rules{OnRefuse: g.proxy.Refused}).Listener(g.front.Listener)
	g.front.Start()
	t.Cleanup(g.close)
	return g
}

func (g *rig) close() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := g.proxy.Shutdown(ctx); err != nil {
		g.t.Errorf("shutdown: %v, in flight: %d", err, g.proxy.Stats().InFlight)
	}
	g.front.CloseClientConnections()
	g.front.Close()
}

func (g *rig) record(a *Access) {
	g.mu.Lock()
	defer g.mu.Unlock()
	record := *a
	record.Attempts = slices.Clone(a.Attempts)
	g.records = append(g.records, record)
}

// access returns the record of the n-th request, when it is over.
func (g *rig) access(n int) Access {
	g.t.Helper()
	var a Access
	eventually(g.t, fmt.Sprintf("the record of request %d", n), func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		if len(g.records) > n {
			a = g.records[n]
			return true
		}
		return false
	})
	return a
}

// add makes a worker known that listens on a port, as ready.
func (g *rig) add(worker, port int) *Backend {
	b := g.pool.Add(worker, port)
	b.Set(Ready, 1)
	return b
}

// serve adds a worker that is an http.Handler.
func (g *rig) serve(worker int, handler http.HandlerFunc) *Backend {
	s := httptest.NewServer(handler)
	g.t.Cleanup(s.Close)
	return g.add(worker, portOf(s.Listener))
}

func portOf(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

// says is a worker that answers with a text.
func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, text)
	}
}

// A rawWorker speaks TCP: each connection that it accepts is given to serve, and closed after it.
type rawWorker struct {
	listener net.Listener
	port     int
	accepted atomic.Int64
	group    sync.WaitGroup
	mu       sync.Mutex
	conns    map[net.Conn]bool
}

func (g *rig) raw(serve func(c net.Conn, in *bufio.Reader)) *rawWorker {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		g.t.Fatal(err)
	}
	return g.rawOn(l, serve)
}

// start accepts connections until the listener is closed.
func (w *rawWorker) start(serve func(c net.Conn, in *bufio.Reader)) {
	w.group.Go(func() {
		for {
			c, err := w.listener.Accept()
			if err != nil {
				return
			}
			w.accepted.Add(1)
			w.mu.Lock()
			w.conns[c] = true
			w.mu.Unlock()
			w.group.Go(func() {
				serve(c, bufio.NewReader(c))
				c.Close()
				w.mu.Lock()
				delete(w.conns, c)
				w.mu.Unlock()
			})
		}
	})
}

// die closes everything, with resets, as the kernel does for a process that was killed with unread data.
func (w *rawWorker) die() {
	w.listener.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
}

func (w *rawWorker) close() {
	w.die()
	w.group.Wait()
}

// readRequest reads a request with its body.
func readRequest(in *bufio.Reader) (*http.Request, string, error) {
	r, err := http.ReadRequest(in)
	if err != nil {
		return nil, "", err
	}
	body, err := io.ReadAll(r.Body)
	return r, string(body), err
}

// answer writes a complete response.
func answer(c net.Conn, text string) {
	fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
}

// answers is a raw worker that answers each request of a connection.
func answers(text string) func(net.Conn, *bufio.Reader) {
	return func(c net.Conn, in *bufio.Reader) {
		for {
			if _, _, err := readRequest(in); err != nil {
				return
			}
			answer(c, text)
		}
	}
}

// deadPort is a port on which nobody listens, until the test ends.
func deadPort(t testing.TB) int {
	port, _ := heldPort(t)
	return port
}

// heldPort is a port on which nobody listens and nobody can, since a connection has it. (One that was only free a moment ago may be
// anybody's: other tests run at the same time, and the kernel gives them what is free.) free gives it up.
func heldPort(t testing.TB) (port int, free func()) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}}).Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	free = func() {
		near.(*net.TCPConn).SetLinger(0) // else the kernel keeps the port for a minute
		near.Close()
		far.Close()
	}
	t.Cleanup(free)
	return near.LocalAddr().(*net.TCPAddr).Port, free
}

// A reply is what a client got.
type reply struct {
	status int
	header http.Header
	body   string
	err    error // of reading the body
}

// get sends a request and reads all of the answer.
func (g *rig) get(path string) reply { return g.send("GET", path, nil) }

func (g *rig) send(method, path string, body io.Reader, fields ...string) reply {
	g.t.Helper()
	r, err := http.NewRequest(method, g.front.URL+path, body)
	if err != nil {
		g.t.Fatal(err)
	}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Header.Add(name, value)
	}
	return g.do(r)
}

func (g *rig) do(r *http.Request) reply {
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	resp, err := g.front.Client().Transport.RoundTrip(r.WithContext(ctx))
	if err != nil {
		return reply{err: err}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(text), err}
}

// talk sends bytes over a connection of its own, and returns it to read from.
func (g *rig) talk(text string) (net.Conn, *bufio.Reader) {
	g.t.Helper()
	c, err := net.Dial("tcp", g.front.Listener.Addr().String())
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	io.WriteString(c, text)
	return c, bufio.NewReader(c)
}

func portText(n int) string { return strconv.Itoa(n) }

// listenAt listens at an address that was free a moment ago.
func listenAt(t testing.TB, address string) net.Listener {
	t.Helper()
	var l net.Listener
	eventually(t, "listening at "+address, func() (ok bool) {
		var err error
		l, err = net.Listen("tcp", address)
		return err == nil
	})
	return l
}

// lowPorts counts those that were given out from firstLow on, beginning anywhere. Other packages' tests, which run at the same time, have
// other ranges.
var lowPorts atomic.Int32

const firstLow, lastLow = 7100, 7899

func init() { lowPorts.Store(rand.Int32N(lastLow - firstLow)) }

// listenLow listens below the range from which the kernel takes ports: a worker that dies can come back there.
func listenLow(t testing.TB) net.Listener {
	t.Helper()
	for range lastLow - firstLow {
		port := firstLow + lowPorts.Add(1)%(lastLow-firstLow)
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return l
		}
	}
	t.Fatal("found no free port")
	return nil
}

func serveRaw(c net.Conn, text string) { answers(text)(c, bufio.NewReader(c)) }
