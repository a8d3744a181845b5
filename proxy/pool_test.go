package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// What a worker says about its connection decides whether it is kept, and for how long.
func TestKeptConnections(t *testing.T) {
	for _, tt := range []struct {
		name, response string
		kept           int
	}{
		{"kept", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 1},
		{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 1},
		{"no body", "HTTP/1.1 204 No Content\r\n\r\n", 1},
		{"long timeout", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nKeep-Alive: timeout=5\r\n\r\nok", 1},
		{"short timeout", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nKeep-Alive: timeout=1\r\n\r\nok", 0},
		{"close", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: Close\r\n\r\nok", 0},
		{"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok", 0},
		{"more than announced", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newRig(t)
			w := g.raw(func(c net.Conn, in *bufio.Reader) {
				for {
					if _, _, err := readRequest(in); err != nil {
						return
					}
					io.WriteString(c, tt.response)
				}
			})
			b := g.add(1, w.port)
			for range 3 {
				if r := g.get("/"); r.status > 204 || r.err != nil {
					t.Fatalf("%+v", r)
				}
			}
			if n := idleConns(b); n != tt.kept {
				t.Errorf("%d idle, want %d", n, tt.kept)
			}
			if want := int64(3 - 2*tt.kept); w.accepted.Load() != want {
				t.Errorf("%d connections, want %d", w.accepted.Load(), want)
			}
		})
	}
}

// Idle connections end by themselves, before the worker would end them.
func TestIdleLimit(t *testing.T) {
	g := newRig(t)
	began, ended := make(chan time.Time, 1), make(chan time.Time, 1)
	b := g.add(1, g.raw(func(c net.Conn, in *bufio.Reader) {
		readRequest(in)
		began <- time.Now()
		answer(c, "ok")
		io.Copy(io.Discard, in)
		ended <- time.Now()
	}).port)
	g.get("/")
	idle := (<-ended).Sub(<-began)
	if idle < time.Second {
		t.Errorf("closed after %s", idle)
	}
	if n := idleConns(b); n != 0 {
		t.Errorf("%d idle", n)
	}
}

// Idle connections are closed with their incarnation, and when the worker gets no more requests.
func TestIdleEndsWithIncarnation(t *testing.T) {
	for name, change := range map[string]func(b *Backend){
		"new incarnation": func(b *Backend) { b.Set(Ready, 2) },
		"coming":          func(b *Backend) { b.Set(Coming, 1) },
		"down":            func(b *Backend) { b.Set(Down, 1) },
		"removed":         func(b *Backend) { b.pool.Remove(b) },
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t)
			ended := make(chan struct{})
			b := g.add(1, g.raw(func(c net.Conn, in *bufio.Reader) {
				serveRaw2(c, in)
				close(ended)
			}).port)
			g.get("/")
			eventually(t, "the idle connection", func() bool { return idleConns(b) == 1 })
			change(b)
			<-ended // at once: the test's own patience is longer than the idle limit, so look at the pool too
			if n := idleConns(b); n != 0 {
				t.Errorf("%d idle", n)
			}
		})
	}
}

func serveRaw2(c net.Conn, in *bufio.Reader) { answers("ok")(c, in) }

// A request that was under way when its worker was drained is finished, and its connection is not kept.
func TestDrain(t *testing.T) {
	g := newRig(t)
	working, finish := make(chan struct{}), make(chan struct{})
	b := g.serve(1, func(w http.ResponseWriter, r *http.Request) {
		close(working)
		<-finish
		io.WriteString(w, "done")
	})
	done := make(chan reply)
	go func() { done <- g.get("/") }()
	<-working
	b.Set(Down, 1)
	if _, _, inFlight := b.Counts(); inFlight != 1 {
		t.Errorf("%d in flight", inFlight)
	}
	close(finish)
	if r := <-done; r.body != "done" {
		t.Errorf("%+v", r)
	}
	if n := idleConns(b); n != 0 {
		t.Errorf("%d idle", n)
	}
}

// Some workers listen on ::1 only.
func TestIPv6Only(t *testing.T) {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Logf("this machine has no ::1 (%v); only the refusal is checked", err)
		g := newRig(t, func(p *Proxy) { p.Hold = -1 })
		g.add(1, deadPort(t))
		if r := g.get("/"); r.status != 503 {
			t.Errorf("%+v", r)
		}
		return
	}
	s := &http.Server{Handler: says("six")}
	var wg sync.WaitGroup
	wg.Go(func() { s.Serve(l) })
	t.Cleanup(func() { s.Close(); wg.Wait() })
	g := newRig(t)
	b := g.add(1, portOf(l))
	r, a := g.get("/"), g.access(0)
	if r.body != "six" || a.Outcome != OK || len(a.Attempts) != 1 || b.up.reachable.Load() != 1 {
		t.Errorf("%+v\n%+v", r, a)
	}
}

// A server that has one connection at a time reads on from the one that we keep idle, while another waits to be accepted:
// the idle one has to go, and such a worker gets none kept any more.
func TestOneConnectionAtATime(t *testing.T) {
	g := newRig(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open atomic.Pointer[net.Conn]
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Store(&c)
			serveRaw(c, "one")
			c.Close()
		}
	})
	t.Cleanup(func() {
		l.Close()
		if c := open.Load(); c != nil {
			(*c).Close()
		}
		wg.Wait()
	})
	b := g.add(1, portOf(l))
	var clients sync.WaitGroup
	began := time.Now()
	for range 8 {
		clients.Go(func() {
			for range 5 {
				if r := g.get("/"); r.body != "one" {
					t.Errorf("%+v", r)
				}
			}
		})
	}
	clients.Wait()
	took := time.Since(began)
	b.up.mu.Lock()
	defer b.up.mu.Unlock()
	if !b.up.oneOnly || len(b.up.idle) > 0 || b.up.starved != 0 {
		t.Errorf("seen as one at a time: %t, idle: %d, starved: %d, took %s", b.up.oneOnly, len(b.up.idle), b.up.starved, took)
	}
}

// A worker that serves several at a time and takes a little longer than we wait looks blocked at first.
func TestSlowIsNotOneAtATime(t *testing.T) {
	g := newRig(t)
	b := g.serve(1, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(starvePatience + freedWithin/2)
		io.WriteString(w, "ok")
	})
	for range 2 {
		var clients sync.WaitGroup
		for i := range 3 {
			clients.Go(func() {
				time.Sleep(time.Duration(i) * starvePatience / 3)
				g.get("/")
			})
		}
		clients.Wait()
	}
	b.up.mu.Lock()
	defer b.up.mu.Unlock()
	if b.up.oneOnly {
		t.Error("it is taken for one that serves one connection at a time")
	}
}

// Requests that take long do not keep the connections of the others from being kept.
func TestLongPolls(t *testing.T) {
	g := newRig(t)
	finish := make(chan struct{})
	var opened atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/poll" {
			<-finish
		}
		io.WriteString(w, "ok")
	}))
	s.Config.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	b := g.add(1, portOf(s.Listener))
	var polls sync.WaitGroup
	defer polls.Wait()
	defer close(finish)
	polls.Go(func() { g.get("/poll") })
	eventually(t, "the first poll", func() bool { _, _, n := b.Counts(); return n == 1 })
	seesSeveral := func() bool {
		g.get("/")
		b.up.mu.Lock()
		defer b.up.mu.Unlock()
		return b.up.several && b.up.starved == 0
	}
	eventually(t, "the verdict that it serves several", seesSeveral)
	for range 5 {
		polls.Go(func() { g.get("/poll") })
	}
	eventually(t, "six polls", func() bool { return g.proxy.Stats().InFlight == 6 })
	g.get("/")
	before := opened.Load()
	for end := time.Now().Add(2 * starvePatience); time.Now().Before(end); {
		g.get("/")
	}
	if more := opened.Load() - before; more > 5 {
		t.Errorf("%d more connections, where one is enough", more)
	}
}

func TestCounts(t *testing.T) {
	g := newRig(t)
	good, bad := g.serve(1, says("ok")), g.add(2, deadPort(t))
	for range 4 {
		g.get("/")
	}
	if requests, failures, inFlight := good.Counts(); requests != 4 || failures != 0 || inFlight != 0 {
		t.Errorf("%d %d %d", requests, failures, inFlight)
	}
	// The retry takes the turn of the first worker, so the bad one is asked again by each request that follows.
	if requests, failures, inFlight := bad.Counts(); requests != 0 || failures != 3 || inFlight != 0 {
		t.Errorf("%d %d %d", requests, failures, inFlight)
	}
	if good.Worker() != 1 || bad.Port() == 0 || g.pool.Policy() != "round-robin" {
		t.Errorf("%d %d %s", good.Worker(), bad.Port(), g.pool.Policy())
	}
}

func TestErrorPage(t *testing.T) {
	var got Failure
	g := newRig(t, func(p *Proxy) {
		p.ErrorPage = func(w http.ResponseWriter, r *http.Request, f Failure) {
			got = f
			w.WriteHeader(f.Status)
			fmt.Fprintf(w, "page: %s", f.Reason)
		}
	})
	g.pool.Add(1, 8000).Set(Down, 7)
	r := g.get("/")
	if r.status != 503 || !strings.HasPrefix(r.body, "page: no worker is up") || r.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%+v", r)
	}
	if got.RetryAfter <= 0 || len(got.Workers) != 1 || got.Workers[0] != (WorkerView{Worker: 1, Port: 8000, Status: Down, Incarnation: 7, Weight: 1}) {
		t.Errorf("%+v", got)
	}
	if a := g.access(0); a.Bytes != int64(len(r.body)) || a.Status != 503 {
		t.Errorf("%+v", a)
	}
}
