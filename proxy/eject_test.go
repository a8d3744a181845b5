package proxy

import (
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A judged pool has n workers and no sockets; what is judged are answers.
func judged(n, limit int) (*Pool, []*Backend, *[]Ejection) {
	pool := NewPool(nil)
	told := &[]Ejection{}
	var mu sync.Mutex
	pool.EjectAfter = limit
	pool.OnEject = func(e Ejection) {
		mu.Lock()
		defer mu.Unlock()
		*told = append(*told, e)
	}
	var backends []*Backend
	for i := range n {
		b := pool.Add(i+1, 8001+i)
		b.Set(Ready, 1)
		backends = append(backends, b)
	}
	return pool, backends, told
}

func (b *Backend) answers(status, times int) {
	for range times {
		b.judge(b.up, status >= 500)
	}
}

func inRotation(p *Pool) []int {
	var workers []int
	for _, up := range p.view.Load().ready {
		workers = append(workers, up.worker)
	}
	return workers
}

func TestEjection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool, backends, told := judged(4, 3)
		b := backends[0]
		b.answers(500, 2)
		b.answers(200, 1)
		b.answers(500, 2)
		if got := inRotation(pool); len(got) != 4 {
			t.Fatalf("in rotation: %v", got)
		}
		for i, want := range []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second} {
			b.answers(502, 3)
			if got := inRotation(pool); !slices.Equal(got, []int{2, 3, 4}) {
				t.Fatalf("in rotation: %v", got)
			}
			if left := b.Ejected(); left != want {
				t.Errorf("ejection %d is for %v, want %v", i+1, left, want)
			}
			time.Sleep(want + time.Millisecond)
			synctest.Wait()
			if got := inRotation(pool); len(got) != 4 || b.Ejected() != 0 {
				t.Fatalf("after %v in rotation: %v", want, got)
			}
		}
		time.Sleep(21 * time.Second) // longer than it was out: it begins anew
		b.answers(500, 3)
		if left := b.Ejected(); left != firstEjection {
			t.Errorf("after a long peace it is out for %v", left)
		}
		b.Set(Ready, 2)
		if got := inRotation(pool); len(got) != 4 {
			t.Errorf("a new process is not in rotation: %v", got)
		}
		if n := len(*told); n != 7 || (*told)[0].For != firstEjection || (*told)[0].Errors != 3 || (*told)[1].For != 0 {
			t.Errorf("told %+v", *told)
		}
	})
}

// When all answer with errors it is not the worker: half of them stay, and a worker that is alone always does.
func TestEjectionSparesHalf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool, backends, _ := judged(5, 1)
		for _, b := range backends {
			b.answers(500, 10)
		}
		if got := inRotation(pool); !slices.Equal(got, []int{3, 4, 5}) {
			t.Errorf("in rotation: %v", got)
		}
		for _, b := range backends[2:] {
			b.Set(Coming, 1)
		}
		if got := inRotation(pool); !slices.Equal(got, []int{1, 2}) {
			t.Errorf("with nobody else in rotation: %v", got)
		}
		for _, b := range backends {
			pool.Remove(b)
		}
		alone, only, _ := judged(1, 1)
		only[0].answers(500, 10)
		if got := inRotation(alone); len(got) != 1 {
			t.Error("the only worker was taken out")
		}
	})
}

func TestNoEjectionUnlessAskedFor(t *testing.T) {
	pool, backends, _ := judged(4, 0)
	backends[0].answers(500, 1000)
	if got := inRotation(pool); len(got) != 4 {
		t.Errorf("in rotation: %v", got)
	}
}

// Through the front: both errors and deaths count, and clients get what others answer.
func TestEjectionOfAWorkerThatFails(t *testing.T) {
	g := newRig(t)
	g.pool.EjectAfter = 3
	var bad atomic.Int64
	b := g.serve(1, func(w http.ResponseWriter, r *http.Request) {
		bad.Add(1)
		if r.URL.Path == "/die" {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(http.StatusInternalServerError)
	})
	g.serve(2, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "fine") })
	for i := range 20 {
		g.get([]string{"/", "/", "/die", "/die"}[i%4])
	}
	if n := bad.Load(); n != 3 || b.Ejected() == 0 {
		t.Errorf("the bad worker had %d requests", n)
	}
	g.pool.Remove(b) // ends its timer
}
