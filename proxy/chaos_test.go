package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A mortal is a worker in this process that can be killed and comes back on the same port.
type mortal struct {
	g           *rig
	backend     *Backend
	address     string
	incarnation uint64
	worker      *rawWorker
	executed    *sync.Map // the keys of POSTs that were executed
}

func (g *rig) mortal(worker int, executed *sync.Map) *mortal {
	m := &mortal{g: g, incarnation: 1, executed: executed}
	m.worker = g.rawOn(listenLow(g.t), m.serve)
	m.address = m.worker.listener.Addr().String()
	m.backend = g.add(worker, m.worker.port)
	return m
}

// serve answers with a delay, so that a kill finds requests under way.
func (m *mortal) serve(c net.Conn, in *bufio.Reader) {
	for {
		r, _, err := readRequest(in)
		if err != nil {
			return
		}
		if key := r.Header.Get("X-Key"); key != "" {
			if _, twice := m.executed.LoadOrStore(key, true); twice {
				m.g.t.Errorf("POST %s was executed twice", key)
			}
		}
		pause := time.NewTimer(time.Duration(len(r.RemoteAddr)+2) * time.Millisecond)
		<-pause.C
		answer(c, "alive")
	}
}

// die resets every connection; the owner learns of it only afterwards, as in life.
func (m *mortal) die() { m.worker.die() }

func (m *mortal) revive() {
	m.backend.Set(Coming, m.incarnation)
	m.worker.group.Wait()
	l := listenAt(m.g.t, m.address)
	next := m.g.rawOn(l, m.serve)
	m.worker = next
	m.incarnation++
	m.backend.Set(Ready, m.incarnation)
}

// 32 clients while workers are killed one after the other and all at once: no GET fails, no POST runs twice, and what
// fails of them is no more than was under way.
func TestChaos(t *testing.T) {
	g := newRig(t)
	var executed sync.Map
	var workers []*mortal
	for i := range 4 {
		workers = append(workers, g.mortal(i+1, &executed))
	}
	stop := make(chan struct{})
	var clients sync.WaitGroup
	var gets, posts, failedPosts, key atomic.Int64
	for i := range 32 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if i%4 != 0 {
					gets.Add(1)
					if r := g.get("/"); r.status != 200 || r.body != "alive" || r.err != nil {
						t.Errorf("GET: %+v", r)
					}
					continue
				}
				posts.Add(1)
				r := g.send("POST", "/", strings.NewReader("order"), "X-Key: "+portText(int(key.Add(1))))
				switch {
				case r.status == 502:
					failedPosts.Add(1)
				case r.status != 200 || r.body != "alive":
					t.Errorf("POST: %+v", r)
				}
			}
		})
	}
	const rounds = 12
	killed := 0
	for round := range rounds {
		served := g.proxy.Stats().OK
		eventually(t, "200 more requests", func() bool { return g.proxy.Stats().OK > served+200 })
		victims := workers[round%4 : round%4+1]
		if round%4 == 3 {
			victims = workers
		}
		for _, w := range victims {
			w.die()
		}
		for _, w := range victims {
			w.backend.Excuse() // somebody has killed it, as its owner can tell from how it ended
		}
		for _, w := range victims {
			w.revive()
			killed++
		}
	}
	close(stop)
	clients.Wait()
	eventually(t, "the last record", func() bool { return g.proxy.Stats().InFlight == 0 }) // clients may have it all before
	s := g.proxy.Stats()
	if s.Failed != uint64(failedPosts.Load()) || s.Cut != 0 || s.InFlight != 0 || s.Rescued == 0 {
		t.Errorf("%+v, %d POSTs failed", s, failedPosts.Load())
	}
	if limit := int64(killed * 8); failedPosts.Load() > limit {
		t.Errorf("%d of %d POSTs failed over %d kills", failedPosts.Load(), posts.Load(), killed)
	}
	t.Logf("%d GETs, %d POSTs of which %d failed, %d kills: %+v", gets.Load(), posts.Load(), failedPosts.Load(), killed, s)
}

// rawOn is raw on a listener that is there already.
func (g *rig) rawOn(l net.Listener, serve func(c net.Conn, in *bufio.Reader)) *rawWorker {
	w := &rawWorker{listener: l, port: portOf(l), conns: map[net.Conn]bool{}}
	w.start(serve)
	g.t.Cleanup(w.close)
	return w
}

// After a thousand deaths of all kinds nothing is left: no goroutine, no request in flight.
func TestNothingIsLeft(t *testing.T) {
	g := newRig(t)
	var turn atomic.Int64
	w := g.raw(func(c net.Conn, in *bufio.Reader) {
		deaths[int(turn.Add(1))%len(deaths)].serve(c, in)
	})
	g.add(1, w.port)
	g.add(2, g.raw(answers("alive")).port)
	warm := func() {
		for range 4 {
			g.get("/")
		}
	}
	warm()
	before := runtime.NumGoroutine()
	for i := range 1000 {
		k := kinds[i%len(kinds)]
		k.send(g)
	}
	g.front.Client().CloseIdleConnections()
	warm()
	eventually(t, "the goroutines of before", func() bool { return runtime.NumGoroutine() <= before+8 })
	eventually(t, "all records", func() bool { s := g.proxy.Stats(); return s.InFlight == 0 && s.Total == 1008 })
	for _, b := range g.pool.backends {
		if _, _, n := b.Counts(); n != 0 {
			t.Errorf("worker %d has %d in flight", b.Worker(), n)
		}
	}
}

// A client that is in the middle of an upload when its worker dies, over and over.
func TestUploadsAndDeaths(t *testing.T) {
	g := newRig(t)
	w := g.raw(func(c net.Conn, in *bufio.Reader) {
		if r, err := http.ReadRequest(in); err == nil {
			io.CopyN(io.Discard, r.Body, 10_000)
		}
		kill(c, true)
	})
	g.add(1, w.port)
	g.serve(2, func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if n != 300_000 || err != nil {
			t.Errorf("%d bytes, %v", n, err)
		}
	})
	data := string(bigData(300_000))
	var clients sync.WaitGroup
	for i := range 8 {
		clients.Go(func() {
			for range 20 {
				var body io.Reader = strings.NewReader(data)
				if i%2 == 0 {
					body = io.MultiReader(body)
				}
				if r := g.send("PUT", "/", body); r.status != 200 || r.err != nil {
					t.Errorf("%+v", r)
				}
			}
		})
	}
	clients.Wait()
}
