package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lbdev/lbdev/proxy/balance"
)

// frozen is a worker that takes requests and never answers, until the test ends.
func frozen(g *rig, worker int) (b *Backend, arrived chan string) {
	arrived = make(chan string, 10)
	over := make(chan struct{})
	b = g.serve(worker, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		arrived <- r.Method
		<-over
	})
	g.t.Cleanup(func() { close(over) }) // before its server closes: cleanups run last first
	return b, arrived
}

// TestAbandonGivesRequestsToOthers freezes the worker that has a request: another one answers it.
func TestAbandonGivesRequestsToOthers(t *testing.T) {
	for _, method := range []string{"GET", "HEAD", "DELETE", "PUT"} {
		t.Run(method, func(t *testing.T) {
			g := newRig(t)
			first, arrived := frozen(g, 1)
			g.serve(2, says("two"))
			answers := make(chan string, 1)
			go func() { answers <- answerOf(g, method, "") }()
			<-arrived
			first.Set(Down, 1)
			first.Abandon()
			if got := <-answers; got != "200 2" {
				t.Errorf("the answer is %q, want 200 from worker 2", got)
			}
			a := g.access(0)
			if a.Outcome != Rescued || len(a.Attempts) != 2 || a.Attempts[0].Result != ResultPaused {
				t.Errorf("the record is %+v", a)
			}
			if _, failures, inFlight := first.Counts(); failures != 0 || inFlight != 0 {
				t.Errorf("the frozen worker has %d failures and %d requests in flight, want none: it did nothing wrong", failures, inFlight)
			}
		})
	}
}

// answerOf sends a request and returns the status and the worker's number.
func answerOf(g *rig, method, body string) string {
	r, _ := http.NewRequest(method, g.front.URL, strings.NewReader(body))
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	worker := "0"
	for _, wv := range g.pool.view.Load().all {
		if resp.Header.Get("X-Lbdev-Worker") == strconv.Itoa(wv.Port) {
			worker = strconv.Itoa(wv.Worker)
		}
	}
	return strconv.Itoa(resp.StatusCode) + " " + worker
}

// TestAbandonLeavesWhatMayNotRunTwice freezes a worker with a POST: it waits for that worker.
func TestAbandonLeavesWhatMayNotRunTwice(t *testing.T) {
	g := newRig(t)
	release := make(chan struct{})
	arrived := make(chan struct{}, 1)
	first := g.serve(1, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		arrived <- struct{}{}
		<-release
		io.WriteString(w, "one")
	})
	g.serve(2, says("two"))
	answers := make(chan string, 1)
	go func() { answers <- answerOf(g, "POST", "x=1") }()
	<-arrived
	first.Set(Down, 1)
	first.Abandon()
	select {
	case got := <-answers:
		t.Fatalf("a POST was taken back: %s", got)
	case <-time.After(100 * time.Millisecond):
	}
	close(release)
	if got := <-answers; got != "200 1" {
		t.Errorf("the answer is %q, want 200 from worker 1", got)
	}
}

// TestAbandonWithoutOthersLeavesAll has one worker only: to take its request back would be to fail it.
func TestAbandonWithoutOthersLeavesAll(t *testing.T) {
	g := newRig(t)
	release := make(chan struct{})
	arrived := make(chan struct{}, 1)
	only := g.serve(1, func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-release
		io.WriteString(w, "one")
	})
	answers := make(chan string, 1)
	go func() { answers <- answerOf(g, "GET", "") }()
	<-arrived
	only.Set(Down, 1)
	only.Abandon()
	close(release)
	if got := <-answers; got != "200 1" {
		t.Errorf("the answer is %q, want 200 from worker 1", got)
	}
}

// TestAbandonLeavesResponsesThatHaveBegun: the client has a part of it, and gets the rest.
func TestAbandonLeavesResponsesThatHaveBegun(t *testing.T) {
	g := newRig(t)
	release := make(chan struct{})
	first := g.serve(1, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "begun ")
		w.(http.Flusher).Flush()
		<-release
		io.WriteString(w, "ended")
	})
	g.serve(2, says("two"))
	resp, err := http.Get(g.front.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	first.Set(Down, 1)
	first.Abandon()
	close(release)
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "begun ended" {
		t.Errorf("the body is %q, %v", body, err)
	}
}

// TestExcusedDeathsAreNotHeldAgainstARequest has five workers that are killed with the same request. Had they died by
// themselves it would have been given up.
func TestExcusedDeathsAreNotHeldAgainstARequest(t *testing.T) {
	g := newRig(t)
	for worker := 1; worker <= 5; worker++ {
		var b *Backend
		w := g.raw(func(c net.Conn, in *bufio.Reader) {
			readRequest(in)
			b.Excuse()
			b.Set(Down, 1)
			kill(c, true)
		})
		b = g.pool.Add(worker, w.port)
		b.Set(Ready, 1)
	}
	g.serve(6, says("six"))
	if got := answerOf(g, "PUT", "x"); got != "200 6" {
		t.Errorf("a PUT got %q, want the answer of the sixth worker", got)
	}
	if a := g.access(0); len(a.Attempts) != 6 || a.Outcome != Rescued {
		t.Errorf("the record is %+v", a)
	}
}

// TestExcuseMayComeLate has five workers that somebody kills one after the other, which is known only a moment after their
// connections have ended.
func TestExcuseMayComeLate(t *testing.T) {
	g := newRig(t)
	for worker := 1; worker <= 5; worker++ {
		var b *Backend
		w := g.raw(func(c net.Conn, in *bufio.Reader) {
			readRequest(in)
			kill(c, true)
			time.Sleep(20 * time.Millisecond) // what the kernel and the supervisor take
			b.Excuse()
			b.Set(Down, 1)
		})
		b = g.pool.Add(worker, w.port)
		b.Set(Ready, 1)
	}
	g.serve(6, says("six"))
	if got := answerOf(g, "PUT", "x"); got != "200 6" {
		t.Errorf("a PUT got %q, want the answer of the sixth worker: %+v", got, g.access(0).Attempts)
	}
}

// TestExecutionsAreBounded has workers whose deaths are all excused, as those by the kernel's OOM killer are.
func TestExecutionsAreBounded(t *testing.T) {
	g := newRig(t)
	var executions atomic.Int64
	for worker := 1; worker <= maxExecutions+4; worker++ {
		var b *Backend
		w := g.raw(func(c net.Conn, in *bufio.Reader) {
			readRequest(in)
			executions.Add(1)
			b.Excuse()
			b.Set(Down, 1)
			kill(c, true)
		})
		b = g.pool.Add(worker, w.port)
		b.Set(Ready, 1)
	}
	if got := answerOf(g, "GET", ""); got != "502 0" || executions.Load() != maxExecutions {
		t.Errorf("a GET got %q after %d executions, want 502 after %d", got, executions.Load(), maxExecutions)
	}
}

// TestExcuseIsNoLicenceToRunAPostTwice kills the worker that has a POST on purpose.
func TestExcuseIsNoLicenceToRunAPostTwice(t *testing.T) {
	g := newRig(t)
	var b *Backend
	w := g.raw(func(c net.Conn, in *bufio.Reader) {
		readRequest(in)
		b.Excuse()
		kill(c, true)
	})
	b = g.pool.Add(1, w.port)
	b.Set(Ready, 1)
	g.serve(2, says("two"))
	if got := answerOf(g, "POST", "x"); got != "502 0" {
		t.Errorf("a POST got %q, want 502", got)
	}
}

// A leaver is a policy under whose hands the worker that it has chosen leaves rotation.
type leaver struct {
	balance.RoundRobin
	leave func(worker int)
}

func (p *leaver) Pick(turn *balance.Turn) int {
	i := p.RoundRobin.Pick(turn)
	if i >= 0 {
		p.leave(turn.View.Number(i))
	}
	return i
}

// TestLeavesBeforeItIsAsked takes a worker out of rotation between the pick and the request: whoever does that looks at what
// is in flight next, and freezes or stops a worker that has nothing.
func TestLeavesBeforeItIsAsked(t *testing.T) {
	for _, method := range []string{"GET", "POST"} {
		policy := &leaver{}
		pool := NewPool(policy)
		g := newRig(t, func(p *Proxy) { p.Pool = pool })
		g.pool = pool
		first := g.serve(1, says("one"))
		g.serve(2, says("two"))
		policy.leave = func(worker int) {
			if worker == 1 {
				first.Set(Down, 1)
			}
		}
		if got := answerOf(g, method, "x"); got != "200 2" {
			t.Errorf("%s: the answer is %q, want 200 from worker 2", method, got)
		}
		if a := g.access(0); a.Outcome != OK || len(a.Attempts) != 1 {
			t.Errorf("%s: the record is %+v", method, a)
		}
		if requests, failures, inFlight := first.Counts(); requests+failures > 0 || inFlight != 0 {
			t.Errorf("%s: the worker that left has had %d requests and %d failures, and has %d", method, requests, failures, inFlight)
		}
	}
}

// TestAbandonTakesUploadsBack: a body that is kept is sent again, whether the frozen worker has read it or stands with full buffers. One
// that is too long to be kept stays where it is.
func TestAbandonTakesUploadsBack(t *testing.T) {
	for size, back := range map[int]bool{100_000: true, 1_000_000: true, 3_000_000: false} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			g := newRig(t)
			read := make(chan struct{})
			w := g.raw(func(c net.Conn, in *bufio.Reader) {
				if _, err := http.ReadRequest(in); err != nil {
					return
				}
				close(read)
				if !back {
					io.CopyN(io.Discard, in, int64(size))
					answer(c, "late")
				}
				io.Copy(io.Discard, c) // until it is aborted
			})
			frozen := g.add(1, w.port)
			g.serve(2, func(w http.ResponseWriter, r *http.Request) {
				n, err := io.Copy(io.Discard, r.Body)
				io.WriteString(w, strconv.Itoa(int(n)))
				if err != nil {
					t.Error(err)
				}
			})
			done := make(chan reply, 1)
			go func() { done <- g.send("PUT", "/", strings.NewReader(strings.Repeat("x", size))) }()
			<-read
			frozen.Set(Coming, 1)
			frozen.Abandon()
			want := strconv.Itoa(size)
			if !back {
				want = "late"
			}
			if r := within(t, done); r.status != 200 || r.body != want {
				t.Errorf("%+v, want %s", r, want)
			}
		})
	}
}
