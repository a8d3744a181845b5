package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A mute worker reads requests and answers each when it is told to.
type mute struct {
	*rawWorker
	backend *Backend
	got     chan string   // method and path of each request
	speak   chan struct{} // one for each answer
	quit    chan struct{} // closed at the end of the test
	count   atomic.Int64
}

func (g *rig) mute(worker int) *mute {
	m := &mute{got: make(chan string, 100), speak: make(chan struct{}, 100), quit: make(chan struct{})}
	m.rawWorker = g.raw(func(c net.Conn, in *bufio.Reader) {
		for {
			r, _, err := readRequest(in)
			if err != nil {
				return
			}
			m.count.Add(1)
			m.got <- r.Method + " " + r.URL.Path
			select {
			case <-m.speak:
			case <-m.quit:
				return
			}
			answer(c, "at last")
		}
	})
	g.t.Cleanup(func() { close(m.quit) }) // runs before the worker's, which waits for its goroutines
	m.backend = g.add(worker, m.port)
	return m
}

func (m *mute) await(t *testing.T, n int) {
	t.Helper()
	for range n {
		select {
		case <-m.got:
		case <-time.After(patience):
			t.Fatal("the worker got no request")
		}
	}
}

// ask sends a request in the background.
func (g *rig) ask(method, path string) chan reply {
	replies := make(chan reply, 1)
	go func() { replies <- g.send(method, path, nil) }()
	return replies
}

func within(t *testing.T, replies chan reply) reply {
	t.Helper()
	select {
	case r := <-replies:
		return r
	case <-time.After(patience):
		t.Fatal("no answer")
		return reply{}
	}
}

func TestHedge(t *testing.T) {
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE"} {
		t.Run(method, func(t *testing.T) {
			g := newRig(t)
			m := g.mute(1)
			answer := g.ask(method, "/")
			m.await(t, 1)
			other := g.serve(2, says("here"))
			m.backend.Set(Suspect, 1)
			m.backend.Hedge(true)
			r, a := within(t, answer), g.access(0)
			if r.status != 200 || a.Outcome != Rescued || a.Port != other.Port() || len(a.Attempts) != 2 {
				t.Fatalf("%+v\n%+v", r, a)
			}
			want := portText(m.port) + " (silent), " + portText(other.Port()) + " (200)"
			if got := r.header.Get("X-Lbdev-Attempts"); got != want {
				t.Errorf("attempts %q, want %q", got, want)
			}
			eventually(t, "nothing in flight", func() bool { _, _, n := m.backend.Counts(); return n == 0 })
		})
	}
}

// A worker that becomes ready later gets what waits for a silent one: when the others were down nobody could have it.
func TestHedgeWaitsForAnother(t *testing.T) {
	g := newRig(t)
	m := g.mute(1)
	answer := g.ask("GET", "/")
	m.await(t, 1)
	m.backend.Set(Suspect, 1)
	m.backend.Hedge(true)
	eventually(t, "the request is looked at", func() bool {
		m.backend.up.mu.Lock()
		defer m.backend.up.mu.Unlock()
		return m.backend.up.busy.taking.Load() == hedged
	})
	time.Sleep(50 * time.Millisecond) // it has looked for another one, most likely; if not, the test sees less
	other := g.serve(2, says("here"))
	if r, a := within(t, answer), g.access(0); r.status != 200 || a.Outcome != Rescued || a.Port != other.Port() {
		t.Errorf("%+v\n%+v", r, a)
	}
}

// The first attempt goes on: if it is answered first, its answer counts, and the other one is not in its way.
func TestHedgeIsWonByTheFirst(t *testing.T) {
	g := newRig(t)
	slow := g.mute(1)
	answer := g.ask("GET", "/")
	slow.await(t, 1)
	slower := g.mute(2)
	slow.backend.Set(Suspect, 1)
	slow.backend.Hedge(true)
	slower.await(t, 1)
	slow.speak <- struct{}{}
	r, a := within(t, answer), g.access(0)
	if r.body != "at last" || a.Outcome != OK || a.Port != slow.port || len(a.Attempts) != 2 || a.Attempts[0].Result != ResultLate {
		t.Errorf("%+v\n%+v", r, a)
	}
	// The connection that won is kept, and reading from it works as before.
	slow.backend.Set(Ready, 1)
	slower.backend.Set(Down, 1)
	slow.speak <- struct{}{}
	if r := g.get("/"); r.body != "at last" {
		t.Errorf("%+v", r)
	}
}

// What may not run twice waits; so does the oldest request, unless all are meant.
func TestHedgeLeavesAlone(t *testing.T) {
	g := newRig(t)
	m := g.mute(1)
	oldest := g.ask("GET", "/oldest")
	m.await(t, 1)
	post := g.ask("POST", "/")
	m.await(t, 1)
	young := g.ask("GET", "/young")
	m.await(t, 1)
	g.serve(2, says("here"))
	m.backend.Set(Suspect, 1)
	m.backend.Hedge(false)
	if r := within(t, young); r.body != "here" {
		t.Errorf("%+v", r)
	}
	select {
	case r := <-oldest:
		t.Errorf("the oldest was answered: %+v", r)
	case r := <-post:
		t.Errorf("the POST was answered: %+v", r)
	case <-time.After(50 * time.Millisecond):
	}
	m.backend.Hedge(true)
	if r := within(t, oldest); r.body != "here" {
		t.Errorf("%+v", r)
	}
	m.speak <- struct{}{} // one of the others that are aborted may take it
	m.speak <- struct{}{}
	m.speak <- struct{}{}
	if r := within(t, post); r.body != "at last" {
		t.Errorf("the POST: %+v", r)
	}
	if n := m.count.Load(); n != 3 {
		t.Errorf("the worker had %d requests, want 3", n)
	}
}

// Whoever of the two dies, the other one goes on; if both do, a third one is asked.
func TestHedgeSurvivesDeaths(t *testing.T) {
	g := newRig(t)
	first := g.mute(1)
	answer := g.ask("GET", "/")
	first.await(t, 1)
	second := g.mute(2)
	first.backend.Set(Suspect, 1)
	first.backend.Hedge(true)
	second.await(t, 1)
	third := g.mute(3)
	first.die()
	third.await(t, 1)
	third.speak <- struct{}{}
	r, a := within(t, answer), g.access(0)
	if r.body != "at last" || a.Port != third.port || a.Outcome != Rescued || len(a.Attempts) != 3 {
		t.Errorf("%+v\n%+v", r, a)
	}
}

// With nobody else to ask a request waits, and a worker that is only suspected gets new ones all the same.
func TestSuspectsAreTriedWhenNobodyIsReady(t *testing.T) {
	g := newRig(t)
	m := g.mute(1)
	old := g.ask("GET", "/")
	m.await(t, 1)
	m.backend.Set(Suspect, 1)
	m.backend.Hedge(true)
	fresh := g.ask("GET", "/")
	m.await(t, 1)
	m.speak <- struct{}{}
	m.speak <- struct{}{}
	for _, answer := range []chan reply{old, fresh} {
		if r := within(t, answer); r.status != 200 { // the other one may have had it too, if it came in time
			t.Errorf("%+v", r)
		}
	}
	other := g.serve(2, says("here"))
	for range 3 {
		if r := g.get("/"); r.header.Get("X-Lbdev-Worker") != portText(other.Port()) {
			t.Errorf("with a ready worker a suspect one got a request: %+v", r)
		}
	}
}

// A client that goes away ends all attempts.
func TestHedgeIsCanceled(t *testing.T) {
	g := newRig(t)
	first := g.mute(1)
	c, _ := g.talk("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	first.await(t, 1)
	second := g.mute(2)
	first.backend.Set(Suspect, 1)
	first.backend.Hedge(true)
	second.await(t, 1)
	c.Close()
	if a := g.access(0); a.Outcome != Canceled {
		t.Errorf("%+v", a)
	}
	for _, b := range []*Backend{first.backend, second.backend} {
		eventually(t, "nothing in flight", func() bool { _, _, n := b.Counts(); return n == 0 })
	}
}

// Hedging at the moment in which an answer comes must not harm it.
func TestHedgeMeetsAnAnswer(t *testing.T) {
	g := newRig(t)
	text := strings.Repeat("x", 200_000)
	var backends []*Backend
	for i := range 2 {
		backends = append(backends, g.serve(i+1, func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Duration(len(r.URL.Path)) * 50 * time.Microsecond)
			io.WriteString(w, text)
		}))
	}
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			backends[0].Set(Suspect, 1)
			backends[0].Hedge(true)
			backends[0].Set(Ready, 1)
		}
	}()
	for i := range 300 {
		if r := g.get("/" + strings.Repeat("x", i%20)); r.err != nil || r.body != text {
			t.Fatalf("request %d: %d, %d bytes, %v", i, r.status, len(r.body), r.err)
		}
	}
	close(stop)
	<-done
}

func TestSilenceIsTold(t *testing.T) {
	told := make(chan Silence, 100)
	g := newRig(t)
	g.pool.OnSilence = func(s Silence) {
		select {
		case told <- s:
		default:
		}
	}
	m := g.mute(1)
	answer := g.ask("GET", "/")
	m.await(t, 1)
	for last := time.Duration(0); last < 200*time.Millisecond; {
		select {
		case s := <-told:
			if s.Backend != m.backend || s.Incarnation != 1 || s.For <= last {
				t.Fatalf("%+v after %v", s, last)
			}
			last = s.For
		case <-time.After(patience):
			t.Fatal("nobody told of the silence")
		}
	}
	m.speak <- struct{}{}
	within(t, answer)
}

// A stream that is open and says nothing is no sign of a worker that does not answer.
func TestQuietStreamIsNoSilence(t *testing.T) {
	g := newRig(t)
	var told atomic.Int64
	g.pool.OnSilence = func(Silence) { told.Add(1) }
	end := make(chan struct{})
	b := g.serve(1, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.(http.Flusher).Flush()
		<-end
	})
	answer := g.ask("GET", "/")
	eventually(t, "the stream", func() bool {
		g.proxy.streams.mu.Lock()
		defer g.proxy.streams.mu.Unlock()
		return len(g.proxy.streams.open) == 1
	})
	tick := func() int64 { up := b.up; up.mu.Lock(); defer up.mu.Unlock(); return up.tick }
	from := tick()
	eventually(t, "what a sweep before the head has found being told", func() bool { return tick() > from+2 })
	before := told.Load()
	from = tick()
	eventually(t, "ten sweeps", func() bool { return tick() > from+10 })
	if n := told.Load() - before; n != 0 {
		t.Errorf("told %d times", n)
	}
	close(end)
	within(t, answer)
}
