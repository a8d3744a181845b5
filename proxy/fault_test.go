package proxy

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/lbdev/lbdev/proxy/fault"
)

func planOf(t testing.TB, text string) fault.Plan {
	t.Helper()
	p, err := fault.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// setFault makes a worker misbehave and returns it.
func setFault(t testing.TB, b *Backend, text string) *Backend {
	b.SetFault(planOf(t, text))
	if b.Fault().String() != text {
		t.Errorf("the fault is %q, want %q", b.Fault(), text)
	}
	return b
}

// TestFaultsOfOneRequest: what one worker that misbehaves with everything does to a request, with another one beside it.
func TestFaultsOfOneRequest(t *testing.T) {
	tests := []struct {
		fault, method string
		status        int
		outcome       Outcome
		attempts      string // of the first worker: its result, and whether it was sent
	}{
		{"errors=100%", "GET", 500, OK, "500 sent"},
		{"errors=503", "POST", 503, OK, "503 sent"},
		{"reset=100%", "GET", 200, Rescued, "reset sent"},
		{"reset=100%", "POST", 502, Failed, "reset sent"},
		{"refuse=100%", "GET", 200, Rescued, "refused"},
		{"refuse=100%", "POST", 200, Rescued, "refused"},
		{"latency=30ms", "POST", 200, OK, "200 sent"},
		{"bandwidth=20kB/s", "POST", 200, OK, "200 sent"},
	}
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		for _, tt := range tests {
			g := newRig(t)
			if proto == "HTTP/2.0" {
				g.front.Close()
				g.front = httptest.NewUnstartedServer(g.proxy)
				g.front.EnableHTTP2 = true
				g.front.StartTLS()
			}
			first := setFault(t, g.serve(1, says("hello")), tt.fault)
			g.serve(2, says("hello"))
			r := g.send(tt.method, "/", strings.NewReader("a=b"))
			a := g.access(0)
			if r.status != tt.status || a.Outcome != tt.outcome || a.Proto != proto {
				t.Errorf("%s %s %s: %d, %+v", proto, tt.method, tt.fault, r.status, a)
				continue
			}
			at := a.Attempts[0]
			got := at.Result
			if at.Sent {
				got += " sent"
			}
			kind, _, _ := strings.Cut(tt.fault, "=")
			if got != tt.attempts || string(at.Fault) != kind || at.Worker != 1 {
				t.Errorf("%s %s %s: the attempt is %+v", proto, tt.method, tt.fault, at)
			}
			if made := r.header.Get(fault.Header); (made == "errors") != (kind == "errors") {
				t.Errorf("%s %s %s: %s is %q", proto, tt.method, tt.fault, fault.Header, made)
			}
			if kind == "errors" && r.header.Get("X-Lbdev-Worker") != portText(first.Port()) {
				t.Errorf("%s: the answer is no worker's: %v", tt.fault, r.header)
			}
			if kind == "latency" && at.FirstByte < 30*time.Millisecond {
				t.Errorf("%s: the first byte came after %v", tt.fault, at.FirstByte)
			}
			if _, _, inFlight := first.Counts(); inFlight != 0 {
				t.Errorf("%s: %d in flight", tt.fault, inFlight)
			}
		}
	}
}

// swallowing is a rig whose first worker swallows everything; the second one answers. The request is sent by then.
func swallowing(t *testing.T, method string, workers int) (g *rig, first *Backend, answer <-chan reply) {
	g = newRig(t)
	first = setFault(t, g.serve(1, says("one")), "blackhole=100%")
	if workers > 1 {
		g.serve(2, says("two"))
	}
	answers := make(chan reply, 1)
	go func() { answers <- g.send(method, "/", strings.NewReader("a=b")) }()
	eventually(t, "the request being sent", func() bool {
		sent, _, inFlight := first.Counts()
		return sent == 1 && inFlight == 1
	})
	return g, first, answers
}

// TestBlackholeEnds: what frees a request that a worker has swallowed, and what becomes of it.
func TestBlackholeEnds(t *testing.T) {
	tests := []struct {
		name   string
		method string
		free   func(g *rig, first *Backend)
		status int
		body   string
	}{
		{"the fault ends", "POST", func(_ *rig, b *Backend) { b.SetFault(fault.Plan{}) }, 200, "two"},
		{"another fault", "GET", func(_ *rig, b *Backend) { b.SetFault(planOf(t, "errors=404")) }, 200, "two"},
		{"the worker dies", "GET", func(_ *rig, b *Backend) { b.Died() }, 200, "two"},
		{"the worker dies", "POST", func(_ *rig, b *Backend) { b.Died() }, 502, ""},
		{"a new incarnation", "GET", func(_ *rig, b *Backend) { b.Set(Coming, 2) }, 200, "two"},
		{"it is taken away", "POST", func(g *rig, b *Backend) { g.pool.Remove(b) }, 200, "two"},
		{"it is frozen", "GET", func(_ *rig, b *Backend) { b.Set(Down, 1); b.Abandon() }, 200, "two"},
		{"another one is asked too", "GET", func(_ *rig, b *Backend) { b.Set(Suspect, 1); b.Hedge(true) }, 200, "two"},
		{"the end of lbdev", "POST", func(g *rig, _ *Backend) { g.proxy.Shutdown(t.Context()) }, 200, "two"},
	}
	for _, tt := range tests {
		g, first, answer := swallowing(t, tt.method, 2)
		tt.free(g, first)
		if r := <-answer; r.status != tt.status || tt.body != "" && r.body != tt.body {
			t.Errorf("%s: %s got %+v", tt.name, tt.method, r)
		}
		if a := g.access(0); a.Attempts[0].Fault != fault.KindBlackhole {
			t.Errorf("%s: %+v", tt.name, a)
		}
	}
}

// TestBlackholeAlone has no other worker: the one that has swallowed the request answers it when the fault is over.
func TestBlackholeAlone(t *testing.T) {
	g, first, answer := swallowing(t, "POST", 1)
	first.SetFault(fault.Plan{})
	if r := <-answer; r.status != 200 || r.body != "one" {
		t.Errorf("%+v", r)
	}
	if s := g.proxy.Stats(); s.Failed != 0 {
		t.Errorf("%+v", s)
	}
}

// TestClientLeavesWhileAFaultKeepsIt: the request is over at once, and nothing stays behind.
func TestClientLeavesWhileAFaultKeepsIt(t *testing.T) {
	for _, plan := range []string{"blackhole=100%", "latency=1h0m0s", "bandwidth=1B/s"} {
		g := newRig(t)
		b := setFault(t, g.serve(1, says("one")), plan)
		ctx, leave := context.WithCancel(t.Context())
		r, _ := http.NewRequestWithContext(ctx, "GET", g.front.URL, nil)
		over := make(chan struct{})
		go func() {
			defer close(over)
			if resp, err := http.DefaultTransport.RoundTrip(r); err == nil {
				resp.Body.Close()
			}
		}()
		eventually(t, "the request being in flight", func() bool {
			_, _, inFlight := b.Counts()
			return inFlight == 1
		})
		leave()
		<-over
		if a := g.access(0); a.Outcome != Canceled || a.Attempts[0].Result != ResultCanceled {
			t.Errorf("%s: %+v", plan, a)
		}
	}
}

// TestDelayedRequestIsNotLost: what has not reached its worker goes to another one whatever its method is.
func TestDelayedRequestIsNotLost(t *testing.T) {
	for name, lose := range map[string]func(*Backend){
		"it dies":      func(b *Backend) { b.Set(Coming, 1); b.Died() },
		"it is frozen": func(b *Backend) { b.Set(Down, 1); b.Abandon() },
	} {
		g := newRig(t)
		first := setFault(t, g.serve(1, says("one")), "latency=1h0m0s")
		g.serve(2, says("two"))
		answers := make(chan reply, 1)
		go func() { answers <- g.send("POST", "/", bytes.NewReader(bigData(200_000))) }()
		eventually(t, "the request being in flight", func() bool {
			_, _, inFlight := first.Counts()
			return inFlight == 1
		})
		lose(first)
		if r := <-answers; r.status != 200 || r.body != "two" {
			t.Errorf("%s: %+v", name, r)
		}
		if a := g.access(0); a.Outcome != Rescued || a.Attempts[0].Sent {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// TestDrainedWorkerFinishesWhatIsDelayed: it has the request, as far as anybody outside can tell.
func TestDrainedWorkerFinishesWhatIsDelayed(t *testing.T) {
	g := newRig(t)
	b := setFault(t, g.serve(1, says("one")), "latency=1h0m0s")
	answers := make(chan reply, 1)
	go func() { answers <- g.get("/") }()
	eventually(t, "the request being in flight", func() bool {
		_, _, inFlight := b.Counts()
		return inFlight == 1
	})
	b.Set(Down, 1)
	b.SetFault(fault.Plan{})
	if r := <-answers; r.status != 200 || r.body != "one" {
		t.Errorf("%+v", r)
	}
}

// TestBandwidthOfBodies passes a body each way, byte for byte.
func TestBandwidthOfBodies(t *testing.T) {
	g := newRig(t)
	setFault(t, g.serve(1, func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) }), "bandwidth=2MB/s")
	data := bigData(400_000)
	start := time.Now()
	r := g.send("PUT", "/", bytes.NewReader(data))
	if took := time.Since(start); r.body != string(data) || r.err != nil || took < 200*time.Millisecond {
		t.Errorf("%d, %d bytes, %v after %v", r.status, len(r.body), r.err, took)
	}
}

// TestTunnelWithFaults: a WebSocket is late and slow, and lives.
func TestTunnelWithFaults(t *testing.T) {
	g := newRig(t)
	setFault(t, g.serve(1, echo), "latency=10ms bandwidth=1MB/s")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, _, err := websocket.Dial(ctx, strings.Replace(g.front.URL, "http", "ws", 1)+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	text := strings.Repeat("x", 30_000)
	if err := c.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
	if _, got, err := c.Read(ctx); string(got) != text || err != nil {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Errorf("closing: %v", err)
	}
}

// TestErrorsKeepConnections: neither the client's connection nor those to the worker end with an answer that a fault made.
func TestErrorsKeepConnections(t *testing.T) {
	g := newRig(t)
	w := g.raw(answers("hello"))
	b := g.add(1, w.port)
	conn, in := g.talk("")
	for i, plan := range []string{"", "errors=100%", "errors=503", ""} {
		b.SetFault(planOf(t, plan))
		io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na=b")
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
		io.Copy(io.Discard, resp.Body)
		if want := []int{200, 500, 503, 200}[i]; resp.StatusCode != want || resp.Close {
			t.Errorf("request %d: %d, close %v", i, resp.StatusCode, resp.Close)
		}
	}
	if n := w.accepted.Load(); n != 1 {
		t.Errorf("the worker got %d connections", n)
	}
}

// TestFaultsChangeUnderLoad changes the faults of both workers again and again while clients go on: none fails, but for the
// errors that were asked for, and no client loses its connection.
func TestFaultsChangeUnderLoad(t *testing.T) {
	g := newRig(t)
	backends := []*Backend{g.serve(1, says("one")), g.serve(2, says("two"))}
	stop := make(chan struct{})
	var group sync.WaitGroup
	var total, made atomic.Int64
	for range 8 {
		conn, in := g.talk("")
		group.Go(func() { load(t, conn, in, stop, &total, &made) })
	}
	// The first worker gets every other one. The second resets nothing: a request that met that at both would be given up.
	plans := []string{"reset=50%", "errors=50%", "", "latency=2ms±2ms", "blackhole=20%", "bandwidth=100kB/s:50%", "refuse=50% latency=1ms:50%", ""}
	for i := range 40 {
		backends[i%2].SetFault(planOf(t, plans[i%len(plans)]))
		before := total.Load()
		deadline := time.Now().Add(100 * time.Millisecond)
		for total.Load() < before+50 && time.Now().Before(deadline) { // a black hole may have all of them
			time.Sleep(time.Millisecond)
		}
	}
	close(stop)
	for _, b := range backends {
		b.SetFault(fault.Plan{})
	}
	group.Wait()
	s := g.proxy.Stats()
	if s.Failed+s.Cut+s.Canceled > 0 || s.Total != uint64(total.Load()) || made.Load() == 0 || s.Rescued == 0 {
		t.Errorf("%+v, %d errors were made", s, made.Load())
	}
}

// load sends requests over one connection, which has to last, until stop.
func load(t *testing.T, conn net.Conn, in *bufio.Reader, stop <-chan struct{}, total, made *atomic.Int64) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Errorf("a client lost its connection: %v", err)
			return
		}
		body, _ := io.ReadAll(resp.Body)
		total.Add(1)
		switch {
		case resp.Header.Get(fault.Header) != "":
			made.Add(1)
		case resp.StatusCode != 200:
			t.Errorf("status %d: %s", resp.StatusCode, body)
		}
	}
}

// TestFaultsLeaveNothingBehind: after hundreds of requests that met one there are no more connections and goroutines than before.
func TestFaultsLeaveNothingBehind(t *testing.T) {
	g := newRig(t)
	b := g.serve(1, says("hello"))
	g.serve(2, says("hello"))
	g.get("/")
	open := func() int {
		g.pool.closeIdle()
		return runtime.NumGoroutine()
	}
	before := open()
	b.SetFault(planOf(t, "errors=20% reset=20% refuse=20% blackhole=5% latency=1ms±1ms:50% bandwidth=1MB/s:50%"))
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			c := &http.Client{Timeout: 250 * time.Millisecond, Transport: &http.Transport{}}
			defer c.CloseIdleConnections()
			for range 60 {
				if resp, err := c.Get(g.front.URL); err == nil { // else a black hole has it
					io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
			}
		})
	}
	group.Wait()
	// The last client to go away may be noticed after other goroutines than were there before have ended.
	eventually(t, "goroutines and requests ending", func() bool { return open() <= before && g.proxy.Stats().InFlight == 0 })
	if s := g.proxy.Stats(); s.Total < 300 || s.Rescued == 0 {
		t.Errorf("%+v", s)
	}
}
