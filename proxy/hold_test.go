package proxy

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lbdev/lbdev/proxy/balance"
)

func (g *rig) queued() int {
	g.pool.queue.mu.Lock()
	defer g.pool.queue.mu.Unlock()
	return g.pool.queue.n
}

func TestHeldUntilReady(t *testing.T) {
	g := newRig(t)
	b := g.pool.Add(1, g.raw(answers("at last")).port)
	b.Set(Coming, 1)
	done := make(chan reply)
	go func() { done <- g.send("POST", "/", strings.NewReader("body")) }()
	eventually(t, "a held request", func() bool { return g.queued() == 1 })
	b.Set(Ready, 1)
	if r := <-done; r.status != 200 || r.body != "at last" {
		t.Errorf("%+v", r)
	}
	a, s := g.access(0), g.proxy.Stats()
	if a.Held <= 0 || a.Outcome != OK || s.Held != 1 || s.LongestWait != a.Held || s.OK != 1 {
		t.Errorf("%+v\n%+v", a, s)
	}
}

// Held requests reach the worker in the order in which they came.
func TestHeldInOrder(t *testing.T) {
	g := newRig(t)
	var mu sync.Mutex
	var order []string
	s := g.serve(1, func(w http.ResponseWriter, r *http.Request) {})
	g.pool.Remove(s)
	g.pool.SetPolicy(&spy{seen: func(r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if !slices.Contains(order, r.URL.Path) { // on a machine that stands still connecting may take too long, and is tried again
			order = append(order, r.URL.Path)
		}
	}})
	b := g.pool.Add(1, s.Port())
	b.Set(Coming, 1)
	var wg sync.WaitGroup
	var want []string
	for i := range 50 {
		path := "/" + portText(i)
		want = append(want, path)
		wg.Go(func() {
			if r := g.get(path); r.status != 200 {
				t.Errorf("%+v", r)
			}
		})
		eventually(t, "the next place", func() bool { return g.queued() == i+1 })
	}
	b.Set(Ready, 1)
	wg.Wait()
	if got := strings.Join(order, " "); got != strings.Join(want, " ") {
		t.Errorf("order %s", got)
	}
}

// TestPaceOfTheHeld: after the first few another one goes for each that is answered. The pause lets one go only when nothing was
// answered in it: both together would overrun a worker that answers as fast as it can.
func TestPaceOfTheHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q queue
		var waiting []*place
		for range 100 {
			p := &place{wake: make(chan struct{}, 1)}
			q.join(p, 1000)
			waiting = append(waiting, p)
		}
		wantLeaving := func(when string, want int) {
			t.Helper()
			synctest.Wait()
			n := 0
			for _, turn := q.look(waiting[0]); turn; _, turn = q.look(waiting[0]) {
				q.leave(waiting[0], true)
				waiting = waiting[1:]
				n++
			}
			if n != want {
				t.Errorf("%s: %d leave, want %d", when, n, want)
			}
		}
		q.wake()
		wantLeaving("at once", leaveAtOnce)
		for range 20 {
			time.Sleep(leavePause - time.Millisecond)
			wantLeaving("while all are at the worker", 0)
			q.answered()
			wantLeaving("for one that is answered", 1)
		}
		for range leaveAtOnce {
			q.answered()
		}
		wantLeaving("for as many that are answered before the next one has woken", leaveAtOnce)
		for range 3 {
			time.Sleep(leavePause)
			wantLeaving("after a pause", 1)
		}
	})
}

// spy is a policy that tells whose turn it is.
type spy struct {
	balance.RoundRobin
	seen func(*http.Request)
}

func (s *spy) Pick(turn *balance.Turn) int {
	s.seen(turn.Request)
	return s.RoundRobin.Pick(turn)
}

// Everything listens no more, and the owner has not said so: the request waits for what follows.
func TestAllRefuse(t *testing.T) {
	g := newRig(t)
	var backends []*Backend
	for i := range 4 {
		backends = append(backends, g.add(i+1, deadPort(t)))
	}
	done := make(chan reply)
	go func() { done <- g.send("POST", "/", strings.NewReader("body")) }()
	eventually(t, "a held request", func() bool { return g.queued() == 1 })
	g.pool.Remove(backends[0])
	g.add(1, g.raw(answers("back")).port)
	if r := <-done; r.status != 200 || r.body != "back" {
		t.Errorf("%+v", r)
	}
	if a := g.access(0); a.Outcome != Rescued || a.Held == 0 || len(a.Attempts) != 5 {
		t.Errorf("%+v", a)
	}
}

// A worker listens again, and its owner says nothing at all: the first of the queue finds out, the others follow.
func TestListensAgain(t *testing.T) {
	g := newRig(t)
	w := g.raw(answers("again"))
	dead, free := heldPort(t)
	b := g.add(1, dead)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if r := g.get("/"); r.status != 200 || r.body != "again" {
				t.Errorf("%+v", r)
			}
		})
	}
	eventually(t, "held requests", func() bool { return g.queued() == 20 })
	b.pool.mu.Lock()
	up := b.up
	b.pool.mu.Unlock()
	free()
	relay(t, up, w)
	wg.Wait()
}

// relay makes a worker listen at the address of an upstream.
func relay(t *testing.T, up *upstream, w *rawWorker) {
	t.Helper()
	again := listenAt(t, up.addresses[0])
	var group sync.WaitGroup
	group.Go(func() {
		for {
			c, err := again.Accept()
			if err != nil {
				return
			}
			group.Go(func() {
				defer c.Close()
				serveRaw(c, "again")
			})
		}
	})
	t.Cleanup(func() { again.Close(); group.Wait() })
}

func TestNothingComes(t *testing.T) {
	g := newRig(t)
	b := g.pool.Add(1, deadPort(t))
	r := g.get("/")
	if r.status != 503 || r.header.Get("Retry-After") == "" || !strings.Contains(r.body, "none is coming") {
		t.Errorf("%+v", r)
	}
	if a := g.access(0); a.Outcome != Failed || a.Reason == "" || a.Port != 0 || a.Held != 0 {
		t.Errorf("%+v", a)
	}
	// A request that waits is told when hope ends.
	b.Set(Coming, 1)
	done := make(chan reply)
	go func() { done <- g.get("/") }()
	eventually(t, "a held request", func() bool { return g.queued() == 1 })
	b.Set(Down, 1)
	if r := <-done; r.status != 503 {
		t.Errorf("%+v", r)
	}
}

func TestHoldEnds(t *testing.T) {
	g := newRig(t, func(p *Proxy) { p.Hold = 30 * time.Millisecond })
	g.pool.Add(1, deadPort(t)).Set(Coming, 1)
	g.pool.Add(2, deadPort(t)).Set(Ready, 1)
	r, a := g.get("/"), g.access(0)
	if r.status != 503 || r.header.Get("Retry-After") == "" || a.Held < 30*time.Millisecond || a.Outcome != Failed {
		t.Errorf("%+v\n%+v", r, a)
	}
	if got := r.header.Get("X-Lbdev-Attempts"); !strings.HasSuffix(got, "(refused)") {
		t.Errorf("attempts %q", got)
	}
}

func TestNoHold(t *testing.T) {
	g := newRig(t, func(p *Proxy) { p.Hold = -1 })
	g.pool.Add(1, deadPort(t)).Set(Coming, 1)
	if r := g.get("/"); r.status != 503 {
		t.Errorf("%+v", r)
	}
}

func TestMaxHeld(t *testing.T) {
	g := newRig(t, func(p *Proxy) { p.MaxHeld = 2 })
	b := g.pool.Add(1, g.raw(answers("ok")).port)
	b.Set(Coming, 1)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if r := g.get("/"); r.status != 200 {
				t.Errorf("%+v", r)
			}
		})
	}
	eventually(t, "two held requests", func() bool { return g.queued() == 2 })
	if r := g.get("/"); r.status != 503 || !strings.Contains(r.body, "too many") {
		t.Errorf("%+v", r)
	}
	b.Set(Ready, 1)
	wg.Wait()
}

// The client goes away while its request is held: canceled, not failed, and its place is free.
func TestHeldClientGone(t *testing.T) {
	g := newRig(t)
	g.pool.Add(1, deadPort(t)).Set(Coming, 1)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan reply)
	go func() {
		r, _ := http.NewRequestWithContext(ctx, "GET", g.front.URL, nil)
		done <- g.do(r)
	}()
	eventually(t, "a held request", func() bool { return g.queued() == 1 })
	cancel()
	<-done
	if a := g.access(0); a.Outcome != Canceled || a.Held == 0 {
		t.Errorf("%+v", a)
	}
	eventually(t, "it is counted", func() bool { return g.proxy.Stats().InFlight == 0 }) // after its record, and nobody waits for its answer
	if s := g.proxy.Stats(); g.queued() != 0 || s.Canceled != 1 || s.Failed != 0 {
		t.Errorf("%+v", s)
	}
}

func TestShutdownReleasesHeld(t *testing.T) {
	g := newRig(t)
	g.pool.Add(1, deadPort(t)).Set(Coming, 1)
	done := make(chan reply)
	go func() { done <- g.get("/") }()
	eventually(t, "a held request", func() bool { return g.queued() == 1 })
	if err := g.proxy.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if r := <-done; r.status != 503 || !strings.Contains(r.body, "shutting down") {
		t.Errorf("%+v", r)
	}
}
