package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/lbdev/lbdev/proxy/balance"
)

// kill closes a connection as a process that dies does: with an end of file, or with a reset.
func kill(c net.Conn, reset bool) {
	if reset {
		c.(*net.TCPConn).SetLinger(0)
	}
	c.Close()
}

// Each of these workers dies at another stage of its first request.
var deaths = []struct {
	name    string
	safe    bool // every method may be repeated: nothing was sent
	cut     bool // the client has seen a part of the answer
	results string
	serve   func(c net.Conn, in *bufio.Reader)
}{
	{"after reading the head, reset", false, false, "reset closed", func(c net.Conn, in *bufio.Reader) {
		http.ReadRequest(in)
		kill(c, true)
	}},
	{"after reading the request, closed", false, false, "closed reset", func(c net.Conn, in *bufio.Reader) {
		readRequest(in)
		kill(c, false)
	}},
	{"in the head", false, false, "closed reset", func(c net.Conn, in *bufio.Reader) {
		readRequest(in)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Le")
		kill(c, false)
	}},
	{"in a short body", false, false, "closed reset", func(c net.Conn, in *bufio.Reader) {
		r, _, _ := readRequest(in)
		if r != nil && r.Method == "HEAD" {
			return // it has no body to die in
		}
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it")
		kill(c, false)
	}},
	{"in a long body", false, true, "closed reset", func(c net.Conn, in *bufio.Reader) {
		readRequest(in)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n"+strings.Repeat("x", 70000))
		kill(c, false)
	}},
	{"in a chunked body", false, true, "closed reset", func(c net.Conn, in *bufio.Reader) {
		readRequest(in)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
		kill(c, false)
	}},
}

// A kind is a kind of request.
type kind struct {
	name, method string
	idempotent   bool
	field        string
	chunked      bool
}

var kinds = []kind{
	{name: "GET", method: "GET", idempotent: true},
	{name: "HEAD", method: "HEAD", idempotent: true},
	{name: "PUT", method: "PUT", idempotent: true},
	{name: "DELETE", method: "DELETE", idempotent: true},
	{name: "POST", method: "POST"},
	{name: "PATCH", method: "PATCH"},
	{name: "chunked POST", method: "POST", chunked: true},
	{name: "POST with a key", method: "POST", idempotent: true, field: "Idempotency-Key: 1"},
}

// send sends a request of this kind; those with a body have one that is worth comparing.
func (k kind) send(g *rig) reply {
	var body io.Reader
	if k.method != "GET" && k.method != "HEAD" && k.method != "DELETE" {
		body = strings.NewReader(k.body())
		if k.chunked {
			body = io.MultiReader(body) // net/http sees no length
		}
	}
	if k.field == "" {
		return g.send(k.method, "/pay", body)
	}
	return g.send(k.method, "/pay", body, k.field)
}

func (k kind) body() string { return strings.Repeat("all of it ", 1000) }

// witness is a worker that counts its requests and checks their bodies.
func (g *rig) witness(worker int, k kind) (*Backend, *atomic.Int64) {
	var seen atomic.Int64
	b := g.serve(worker, func(w http.ResponseWriter, r *http.Request) {
		seen.Add(1)
		text, err := io.ReadAll(r.Body)
		if want := k.method == "PUT" || k.method == "POST" || k.method == "PATCH"; want && string(text) != k.body() || err != nil {
			g.t.Errorf("%s: the worker got %d bytes, %v", k.name, len(text), err)
		}
		io.WriteString(w, "saved")
	})
	return b, &seen
}

func TestDeath(t *testing.T) {
	for _, death := range deaths {
		for _, k := range kinds {
			if death.cut && k.method == "HEAD" {
				continue // no body, no cut
			}
			t.Run(death.name+"/"+k.name, func(t *testing.T) {
				g := newRig(t)
				dying := g.raw(death.serve)
				g.add(1, dying.port)
				good, seen := g.witness(2, k)
				r := k.send(g)
				a := g.access(0)
				switch {
				case death.cut:
					checkCut(t, g, r, a, seen)
				case k.idempotent:
					checkRescued(t, k, r, a, dying.port, good.Port(), death.results)
				default:
					checkRefusal(t, k, r, a, seen)
				}
			})
		}
	}
}

func checkCut(t *testing.T, g *rig, r reply, a Access, seen *atomic.Int64) {
	t.Helper()
	if r.err == nil || r.status != 200 {
		t.Errorf("the client took a part for the whole: %d, %d bytes, %v", r.status, len(r.body), r.err)
	}
	if a.Outcome != Cut || a.Reason == "" || seen.Load() != 0 || g.proxy.Stats().Cut != 1 {
		t.Errorf("%+v", a)
	}
}

func checkRescued(t *testing.T, k kind, r reply, a Access, dying, good int, results string) {
	t.Helper()
	if r.err != nil || r.status != 200 || k.method != "HEAD" && r.body != "saved" {
		t.Errorf("%+v", r)
	}
	if a.Outcome != Rescued || a.Port != good || len(a.Attempts) != 2 || !strings.Contains(results, a.Attempts[0].Result) || !a.Attempts[0].Sent {
		t.Errorf("%+v", a)
	}
	want := fmt.Sprintf("%d (%s), %d (200)", dying, a.Attempts[0].Result, good)
	if got := r.header.Get("X-Lbdev-Attempts"); got != want {
		t.Errorf("attempts %q, want %q", got, want)
	}
}

func checkRefusal(t *testing.T, k kind, r reply, a Access, seen *atomic.Int64) {
	t.Helper()
	if r.err != nil || r.status != http.StatusBadGateway || !strings.Contains(r.body, k.method+" could run twice") {
		t.Errorf("%+v", r)
	}
	if a.Outcome != Failed || a.Status != 502 || a.Port != 0 || seen.Load() != 0 {
		t.Errorf("%+v, run %d times elsewhere", a, seen.Load())
	}
}

// Refused at once is safe for every method, and goes on for as long as there are workers.
func TestRefused(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			g := newRig(t)
			for i := range 3 {
				g.add(i+1, deadPort(t))
			}
			good, seen := g.witness(4, k)
			r, a := k.send(g), g.access(0)
			if r.status != 200 || a.Outcome != Rescued || len(a.Attempts) != 4 || a.Port != good.Port() || seen.Load() != 1 {
				t.Errorf("%+v\n%+v", r, a)
			}
			for _, at := range a.Attempts[:3] {
				if at.Result != ResultRefused || at.Sent {
					t.Errorf("%+v", at)
				}
			}
		})
	}
}

// An idle connection that the worker has closed is no attempt, whatever the method.
func TestIdleClosed(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			g := newRig(t)
			closed := make(chan struct{}, 2)
			w := g.raw(func(c net.Conn, in *bufio.Reader) {
				if _, _, err := readRequest(in); err == nil {
					answer(c, "saved")
				}
				c.Close()
				closed <- struct{}{}
			})
			g.add(1, w.port)
			for i := range 2 {
				if i == 1 {
					<-closed
				}
				if r := k.send(g); r.status != 200 {
					t.Errorf("%+v", r)
				}
				if a := g.access(i); a.Outcome != OK || len(a.Attempts) != 1 {
					t.Errorf("%+v", a)
				}
			}
		})
	}
}

// A worker that dies while it runs the second request of a connection.
func TestReusedDies(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			g := newRig(t)
			var w *rawWorker
			w = g.raw(func(c net.Conn, in *bufio.Reader) {
				readRequest(in)
				answer(c, "first")
				if _, _, err := readRequest(in); err == nil {
					go w.die()
					kill(c, true)
				}
			})
			b := g.add(1, w.port)
			if r := g.get("/"); r.body != "first" {
				t.Fatalf("%+v", r)
			}
			eventually(t, "the idle connection", func() bool { return idleConns(b) == 1 })
			_, seen := g.witness(2, k)
			g.pool.SetPolicy(&balance.RoundRobin{}) // worker 1 again
			r, a := k.send(g), g.access(1)
			if !a.Attempts[0].Reused {
				t.Fatalf("a new connection was taken: %+v", a)
			}
			if k.idempotent && (r.status != 200 || a.Outcome != Rescued) || !k.idempotent && (r.status != 502 || seen.Load() != 0) {
				t.Errorf("%+v\n%+v", r, a)
			}
		})
	}
}

func idleConns(b *Backend) int {
	b.pool.mu.Lock()
	up := b.up
	b.pool.mu.Unlock()
	up.mu.Lock()
	defer up.mu.Unlock()
	return len(up.idle)
}

// A request that kills whoever runs it kills two workers and not all.
func TestPoison(t *testing.T) {
	g := newRig(t)
	var killed atomic.Int64
	for i := range 4 {
		w := g.raw(func(c net.Conn, in *bufio.Reader) {
			r, _, err := readRequest(in)
			switch {
			case err != nil:
			case r.URL.Path == "/crash":
				killed.Add(1)
				kill(c, true)
			default:
				answer(c, "fine")
			}
		})
		g.add(i+1, w.port)
	}
	r, a := g.get("/crash"), g.access(0)
	if r.status != 502 || !strings.Contains(r.body, "two workers died") || killed.Load() != 2 || a.Outcome != Failed || len(a.Attempts) != 2 {
		t.Errorf("%d killed, %+v\n%+v", killed.Load(), r, a)
	}
	if r := g.get("/"); r.body != "fine" {
		t.Errorf("afterwards: %+v", r)
	}
}

// Three workers that close idle connections in the very moment in which a request comes over one of them have not died of it.
func TestIdleEndsAreNoDeaths(t *testing.T) {
	g := newRig(t)
	for i := range 3 {
		w := g.raw(func(c net.Conn, in *bufio.Reader) {
			if _, _, err := readRequest(in); err == nil {
				answer(c, "first")
				readRequest(in)
			}
		})
		g.add(i+1, w.port)
	}
	g.get("/")
	g.get("/")
	g.get("/") // each has an idle connection now
	if r, a := g.get("/"), g.access(3); r.status != 200 || len(a.Attempts) != 4 || a.Outcome != Rescued {
		t.Errorf("%+v\n%+v", r, a)
	}
}

func TestRetryUnsafe(t *testing.T) {
	g := newRig(t, func(p *Proxy) { p.RetryUnsafe = true })
	g.add(1, g.raw(deaths[1].serve).port)
	k := kinds[4]
	_, seen := g.witness(2, k)
	if r := k.send(g); r.status != 200 || seen.Load() != 1 {
		t.Errorf("%+v", r)
	}
}

// All are killed at once, and the request had gone to two of them in between: that is no poison.
func TestKilledInTurn(t *testing.T) {
	g := newRig(t)
	var backends []*Backend
	back := make(chan struct{})
	for i := range 4 {
		var w *rawWorker
		w = g.raw(func(c net.Conn, in *bufio.Reader) {
			if _, _, err := readRequest(in); err == nil {
				w.listener.Close()
				kill(c, true)
				if i == 1 { // the second one that has it; the others die with it
					for _, b := range backends[2:] {
						b.Set(Coming, 1)
					}
					close(back)
				}
			}
		})
		backends = append(backends, g.pool.Add(i+1, w.port))
	}
	for _, b := range backends {
		b.Set(Ready, 1)
	}
	done := make(chan reply)
	go func() { done <- g.get("/") }()
	<-back
	good := g.raw(answers("back"))
	backends[3].pool.Remove(backends[3])
	g.add(4, good.port)
	if r := <-done; r.status != 200 || r.body != "back" {
		t.Errorf("%+v", r)
	}
}

// What comes back is no HTTP.
func TestNonsense(t *testing.T) {
	for _, text := range []string{
		"SSH-2.0-OpenSSH_9.2\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
		"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX : a\r\n\r\n",
		"HTTP/1.1 20 OK\r\n\r\n",
		"HTTP/2.0 200 OK\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", bigBuffer) + "\r\n\r\n",
		strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", maxInterim+1),
	} {
		t.Run(text[:min(len(text), 40)], func(t *testing.T) {
			g := newRig(t)
			w := g.raw(func(c net.Conn, in *bufio.Reader) {
				readRequest(in)
				io.WriteString(c, text)
				io.Copy(io.Discard, in)
			})
			g.add(1, w.port)
			r, a := g.get("/"), g.access(0)
			if r.status != 502 || !strings.Contains(r.body, "sent nonsense") || a.Attempts[0].Result != ResultNonsense {
				t.Errorf("%+v\n%+v", r, a)
			}
		})
	}
}
