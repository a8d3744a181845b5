package proxy

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A narrow worker notes what it serves at a time.
type narrow struct {
	now, most atomic.Int64
	mu        sync.Mutex
	order     []string
}

func (n *narrow) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := n.now.Add(1)
	for most := n.most.Load(); now > most && !n.most.CompareAndSwap(most, now); most = n.most.Load() {
	}
	n.mu.Lock()
	n.order = append(n.order, r.URL.Path)
	n.mu.Unlock()
	time.Sleep(time.Millisecond)
	n.now.Add(-1)
	io.WriteString(w, "done")
}

func withConcurrency(limit int) func(*Proxy) { return func(p *Proxy) { p.WorkerConcurrency = limit } }

// TestConcurrencyIsBounded: however many come, no worker has more than it may, and all are answered.
func TestConcurrencyIsBounded(t *testing.T) {
	g := newRig(t, withConcurrency(2))
	var workers [3]narrow
	for i := range workers {
		g.serve(i+1, workers[i].ServeHTTP)
	}
	var clients sync.WaitGroup
	for range 50 {
		clients.Go(func() {
			for range 10 {
				if r := g.get("/"); r.body != "done" {
					t.Errorf("%+v", r)
				}
			}
		})
	}
	clients.Wait()
	for i := range workers {
		if most := workers[i].most.Load(); most > 2 || most == 0 {
			t.Errorf("worker %d had %d requests at a time", i+1, most)
		}
		if n := len(workers[i].order); n < 100 {
			t.Errorf("worker %d had %d of 500 requests", i+1, n)
		}
	}
	if s := g.proxy.Stats(); s.OK != 500 || s.Held == 0 {
		t.Errorf("%+v", s)
	}
}

// TestConcurrencyIsFair: who comes first is served first, and nobody overtakes.
func TestConcurrencyIsFair(t *testing.T) {
	g := newRig(t, withConcurrency(1))
	m := g.mute(1)
	var answers []chan reply
	answers = append(answers, g.ask("GET", "/0"))
	m.await(t, 1)
	for i := 1; i < 20; i++ {
		answers = append(answers, g.ask("GET", fmt.Sprint("/", i)))
		eventually(t, "a place in the queue", func() bool { return g.queued() == i })
	}
	for i := 1; i < 20; i++ {
		m.speak <- struct{}{}
		select {
		case got := <-m.got:
			if want := fmt.Sprint("GET /", i); got != want {
				t.Fatalf("%s was served, and it was the turn of %s", got, want)
			}
		case <-time.After(patience):
			t.Fatalf("the turn of request %d did not come", i)
		}
	}
	m.speak <- struct{}{}
	for _, answer := range answers {
		if r := within(t, answer); r.body != "at last" {
			t.Errorf("%+v", r)
		}
	}
}

// TestConcurrencyPrefersRoom: a full worker is passed over, also by a client that belongs to it.
func TestConcurrencyPrefersRoom(t *testing.T) {
	g := newRig(t, withConcurrency(1))
	m := g.mute(1)
	long := g.ask("GET", "/")
	m.await(t, 1)
	other := g.serve(2, says("here"))
	for range 5 {
		if r := g.get("/"); r.header.Get("X-Lbdev-Worker") != portText(other.Port()) {
			t.Errorf("%+v", r)
		}
	}
	m.speak <- struct{}{}
	within(t, long)
}

// TestConcurrencySurvivesDeaths: places of requests that a dead worker had are free again.
func TestConcurrencySurvivesDeaths(t *testing.T) {
	g := newRig(t, withConcurrency(1))
	var doomed []*rawWorker
	for i := range 2 {
		w := g.raw(deaths[0].serve)
		doomed = append(doomed, w)
		g.add(i+1, w.port)
	}
	var n narrow
	b := g.serve(3, n.ServeHTTP)
	var clients sync.WaitGroup
	for range 20 {
		clients.Go(func() {
			if r := g.send("POST", "/", strings.NewReader("x")); r.status != 200 && r.status != 502 {
				t.Errorf("%+v", r)
			}
		})
	}
	clients.Wait()
	if most := n.most.Load(); most != 1 {
		t.Errorf("%d at a time", most)
	}
	for _, b := range append(slices.Clone(g.pool.backends), b) {
		if left := b.placed.Load(); left != 0 {
			t.Errorf("worker %d has %d places taken, and no request", b.Worker(), left)
		}
	}
	if len(doomed) != 2 || g.queued() != 0 {
		t.Errorf("%d wait", g.queued())
	}
}

// TestConcurrencyAndPatience: the queue is bounded, and so is the time in it.
func TestConcurrencyAndPatience(t *testing.T) {
	g := newRig(t, withConcurrency(1), func(p *Proxy) { p.MaxHeld, p.Hold = 1, 50*time.Millisecond })
	m := g.mute(1)
	first := g.ask("GET", "/")
	m.await(t, 1)
	second := g.ask("GET", "/")
	eventually(t, "the queue", func() bool { return g.queued() == 1 || len(second) == 1 })
	third := g.get("/")
	if third.status != 503 || !strings.Contains(third.body, "no worker has room") {
		t.Errorf("%+v", third)
	}
	if r := within(t, second); r.status != 503 || !strings.Contains(r.body, "waited 50ms") {
		t.Errorf("%+v", r)
	}
	m.speak <- struct{}{}
	if r := within(t, first); r.body != "at last" {
		t.Errorf("%+v", r)
	}
}

// A client that goes away while it waits leaves the queue to the others.
func TestConcurrencyAndClientsThatLeave(t *testing.T) {
	g := newRig(t, withConcurrency(1))
	m := g.mute(1)
	first := g.ask("GET", "/")
	m.await(t, 1)
	gone, _ := g.talk("GET /gone HTTP/1.1\r\nHost: x\r\n\r\n")
	eventually(t, "the queue", func() bool { return g.queued() == 1 })
	last := g.ask("GET", "/last")
	eventually(t, "the queue", func() bool { return g.queued() == 2 })
	gone.Close()
	eventually(t, "the queue without it", func() bool { return g.queued() == 1 })
	m.speak <- struct{}{}
	m.speak <- struct{}{}
	for _, answer := range []chan reply{first, last} {
		if r := within(t, answer); r.body != "at last" {
			t.Errorf("%+v", r)
		}
	}
}

// TestPlacesNeverExceedTheLimit: whoever sees more for a moment would wait for room that there is.
func TestPlacesNeverExceedTheLimit(t *testing.T) {
	up := newUpstream(&Backend{pool: NewPool(nil)}, 1)
	const limit = 1
	var wg sync.WaitGroup
	var over atomic.Bool
	for range 4 {
		wg.Go(func() {
			x := &exchange{proxy: &Proxy{Pool: up.backend.pool}, picker: picker{limit: limit}}
			for range 500_000 {
				if x.occupy(up) {
					if up.backend.placed.Load() > limit {
						over.Store(true)
					}
					x.vacateLast()
				}
			}
		})
	}
	wg.Wait()
	if over.Load() {
		t.Errorf("more than %d", limit)
	}
}
