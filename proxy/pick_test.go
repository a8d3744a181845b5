package proxy

import (
	"net/http"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// choose lets the pool's policy pick, as an exchange does.
func choose(p *Pool, tried ...tried) *upstream {
	c := picker{tried: tried}
	return c.pick(p.view.Load())
}

// Whatever happens to the workers between two picks, the next one is the first ready worker behind the last one picked.
func TestRoundRobinStaysStrict(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pool := NewPool(nil)
		backends := map[int]*Backend{}
		ready := map[int]bool{}
		last := 0
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			worker := rapid.IntRange(1, 6).Draw(t, "worker")
			b := backends[worker]
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0:
				if b == nil {
					backends[worker] = pool.Add(worker, 8000+worker)
				} else {
					pool.Remove(b)
					delete(backends, worker)
					delete(ready, worker)
				}
			case 1, 2:
				if b != nil {
					ready[worker] = !ready[worker]
					b.Set(map[bool]Status{true: Ready, false: Coming}[ready[worker]], 1)
				}
			default:
				last = checkNext(t, pool, ready, last)
			}
		}
	})
}

func checkNext(t *rapid.T, pool *Pool, ready map[int]bool, last int) int {
	want := 0
	for i := 1; i <= 6 && want == 0; i++ {
		if next := (last+i-1)%6 + 1; ready[next] {
			want = next
		}
	}
	got := 0
	if up := choose(pool); up != nil {
		got = up.worker
	}
	if got != want {
		t.Fatalf("after %d of %v: %d, want %d", last, ready, got, want)
	}
	if got == 0 {
		return last
	}
	return got
}

// However many pick at once, each worker gets its share to the request.
func TestRoundRobinConcurrent(t *testing.T) {
	const clients, each, workers = 8, 3000, 5
	pool := NewPool(nil)
	for i := range workers {
		pool.Add(i+1, 8000+i).Set(Ready, 1)
	}
	var mu sync.Mutex
	counts := map[int]int{}
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			mine := map[int]int{}
			for range each {
				mine[choose(pool).worker]++
			}
			mu.Lock()
			defer mu.Unlock()
			for worker, n := range mine {
				counts[worker] += n
			}
		})
	}
	wg.Wait()
	for worker, n := range counts {
		if n != clients*each/workers {
			t.Errorf("worker %d: %d of %d", worker, n, clients*each)
		}
	}
}

// While workers come and go, a worker that is ready all the time is never passed over: between two of its turns nobody
// else has two.
func TestRoundRobinUnderChange(t *testing.T) {
	pool := NewPool(nil)
	var flapping []*Backend
	for i := range 5 {
		b := pool.Add(i+1, 8000+i)
		b.Set(Ready, 1)
		if i%2 == 1 {
			flapping = append(flapping, b)
		}
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := uint64(1); ; n++ {
			select {
			case <-stop:
				return
			default:
				b := flapping[n%2]
				b.Set(Coming, n)
				b.Set(Ready, n+1)
			}
		}
	})
	var since []int // the workers that had a turn since worker 1 had one
	for range 20000 {
		w := choose(pool).worker
		if w == 1 {
			since = since[:0]
		} else if slices.Contains(since, w) {
			t.Fatalf("worker %d had two turns, worker 1 none: %v", w, since)
		}
		since = append(since, w)
	}
	close(stop)
	wg.Wait()
}

// A retry takes the next turn, and never goes where the request has failed.
func TestRetryTakesATurn(t *testing.T) {
	pool := NewPool(nil)
	for i := range 3 {
		pool.Add(i+1, 8000+i).Set(Ready, 1)
	}
	first := choose(pool)
	second := choose(pool, tried{up: first})
	third := choose(pool, tried{up: first}, tried{up: second})
	if first.worker != 1 || second.worker != 2 || third.worker != 3 {
		t.Errorf("%d %d %d", first.worker, second.worker, third.worker)
	}
	if up := choose(pool, tried{up: first}, tried{up: second}, tried{up: third}); up != nil {
		t.Errorf("all tried: %d", up.worker)
	}
	if up := choose(pool, tried{up: first}, tried{up: second, ripe: true}, tried{up: third}); up != second {
		t.Errorf("one worth another look: %v", up)
	}
	if up := choose(pool); up.worker != 3 {
		t.Errorf("the next request: %d", up.worker) // behind the second's second turn
	}
}

// A new incarnation of a worker where the request failed is another one.
func TestIncarnations(t *testing.T) {
	pool := NewPool(nil)
	b := pool.Add(1, 8000)
	b.Set(Ready, 1)
	up := choose(pool)
	b.Set(Ready, 2)
	if next := choose(pool, tried{up: up}); next == nil || next.incarnation != 2 {
		t.Errorf("%v", next)
	}
}

// A pick takes no lock and allocates nothing. A request allocates little: the text of the response's head, which the
// client's header consists of, the list of its values, and what net.Conn needs.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Log("the race detector allocates too: only that requests are served is checked")
	}
	g := newRig(t, func(p *Proxy) { p.OnAccess = func(*Access) {} })
	for i := range 2 {
		g.add(i+1, g.raw(oneWrite).port)
	}
	w, r := &discard{http.Header{}}, newBenchRequest()
	serve := testing.AllocsPerRun(300, func() { g.proxy.ServeHTTP(w, r) })
	var c picker
	pick := testing.AllocsPerRun(300, func() { c.pick(g.pool.view.Load()) })
	if s := g.proxy.Stats(); s.OK != s.Total || s.Total < 300 {
		t.Errorf("%+v", s)
	}
	if !raceEnabled && (serve > 4 || pick > 0) {
		t.Errorf("%v allocations per request, %v per pick", serve, pick)
	}
}
