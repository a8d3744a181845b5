package proxy

import (
	"bufio"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestHistogram(t *testing.T) {
	var h histogram
	var want Histogram
	for i, bound := range Bounds {
		h.add(bound)     // belongs to its bucket
		h.add(bound + 1) // to the next
		want.Counts[i]++
		want.Counts[i+1]++
		want.Sum += 2*bound + 1
		if i > 0 && bound <= Bounds[i-1] {
			t.Errorf("bound %v comes after %v", bound, Bounds[i-1])
		}
	}
	h.add(0)
	want.Counts[0]++
	if got := h.load(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if n := testing.AllocsPerRun(100, func() { h.add(time.Hour) }); n > 0 {
		t.Errorf("add allocates %v times", n)
	}
}

func TestCodes(t *testing.T) {
	var c codes
	for _, status := range []int{101, 200, 204, 304, 404, 500, 503, 999, 0} {
		c.add(status)
	}
	if got, want := c.load(), (Codes{1, 1, 2, 1, 1, 3}); got != want {
		t.Errorf("%v, want %v", got, want)
	}
}

// Whoever answers is counted with what it said, and how long that took; what no worker answered counts as lbdev's own.
func TestTraffic(t *testing.T) {
	g := newRig(t)
	b := g.serve(1, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/no" {
			w.WriteHeader(http.StatusNotFound)
		}
	})
	dead := g.add(2, deadPort(t))
	for range 3 {
		g.get("/")
	}
	g.get("/no")
	eventually(t, "all requests over", func() bool { return g.proxy.Stats().OK == 4 })
	var got, lost Traffic
	eventually(t, "all requests counted", func() bool {
		got, lost = b.Traffic(), dead.Traffic()
		return got.Codes == Codes{2: 3, 4: 1}
	})
	if got.Requests != 4 || got.Failures != 0 || got.InFlight != 0 || total(got.FirstByte) != 4 || total(got.Duration) != 4 {
		t.Errorf("%+v", got)
	}
	if got.Duration.Sum < got.FirstByte.Sum || got.FirstByte.Sum <= 0 {
		t.Errorf("%v until the first bytes, %v in all", got.FirstByte.Sum, got.Duration.Sum)
	}
	s := g.proxy.Stats()
	if lost.Requests != 0 || lost.Failures == 0 || lost.Codes != (Codes{}) || s.Retries != lost.Failures {
		t.Errorf("%+v\n%+v", lost, s)
	}
	g.pool.Remove(b)
	g.pool.Remove(dead)
	if r := g.get("/"); r.status != 503 {
		t.Errorf("%+v", r)
	}
	eventually(t, "our own answer", func() bool { return g.proxy.Stats().Codes == Codes{5: 1} })
}

func total(h Histogram) (n uint64) {
	for _, count := range h.Counts {
		n += count
	}
	return n
}

// Where the time of a request goes: it is held, fails at one worker, and waits for the other.
func TestTimings(t *testing.T) {
	const slow = 30 * time.Millisecond
	g := newRig(t)
	g.add(1, g.raw(func(c net.Conn, in *bufio.Reader) {
		readRequest(in)
		time.Sleep(slow) // and closes
	}).port)
	second := g.serve(2, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(slow)
		w.Write([]byte("a"))
		w.(http.Flusher).Flush()
		time.Sleep(slow)
	})
	g.get("/")
	a := g.access(0)
	if len(a.Attempts) != 2 || a.Outcome != Rescued {
		t.Fatalf("%+v", a)
	}
	first, last := a.Attempts[0], a.Attempts[1]
	if first.Start != 0 || first.Total < slow || first.FirstByte != 0 || first.Connect <= 0 || first.Connect > first.Total {
		t.Errorf("the first: %+v", first)
	}
	if last.Start < first.Total || last.FirstByte < slow || last.Total < 2*slow || last.Total < last.FirstByte || last.Start+last.Total != a.Total || a.Held != 0 {
		t.Errorf("the last: %+v of %+v", last, a)
	}

	second.Set(Coming, 2)
	done := make(chan reply)
	go func() { done <- g.get("/") }()
	eventually(t, "the held request", func() bool { return g.queued() == 1 })
	time.Sleep(slow)
	second.Set(Ready, 2)
	<-done
	a = g.access(1)
	last = a.Attempts[len(a.Attempts)-1]
	if a.Held < slow || last.Worker != 2 || last.Start < a.Held || last.Reused || last.Connect <= 0 || last.Total > a.Total-a.Held {
		t.Errorf("held: %+v", a)
	}
	if waits := g.proxy.Stats().Waits; total(waits) != 1 || waits.Sum != a.Held {
		t.Errorf("%+v, held for %v", waits, a.Held)
	}

	g.pool.Remove(g.pool.backends[0])
	g.get("/")
	if a = g.access(2); len(a.Attempts) != 1 || !a.Attempts[0].Reused || a.Attempts[0].Connect != 0 || a.Attempts[0].Total != a.Total {
		t.Errorf("over a connection that was there: %+v", a)
	}
}

// The record says who asked: without the password, and without what costs.
func TestIntroduction(t *testing.T) {
	g := newRig(t)
	g.serve(1, says("hello"))
	g.send("GET", "/", nil, "Referer: http://a.test/?b", "User-Agent: x \"y\"", "Authorization: Basic YW5uOnNlY3JldA==")
	if a := g.access(0); a.User != "ann" || a.Referer != "http://a.test/?b" || a.UserAgent != `x "y"` {
		t.Errorf("%+v", a)
	}
	g.send("GET", "/", nil, "Authorization: Bearer secret", "User-Agent: ")
	if a := g.access(1); a.User != "" || a.Referer != "" || a.UserAgent != "" {
		t.Errorf("%+v", a)
	}
	g.send("GET", "/", nil, "User-Agent: "+strings.Repeat("x", 3*maxTold), "Referer: "+strings.Repeat("y", 3*maxTold))
	if a := g.access(2); a.UserAgent != strings.Repeat("x", maxTold) || a.Referer != strings.Repeat("y", maxTold) {
		t.Errorf("%d and %d bytes are kept", len(a.UserAgent), len(a.Referer))
	}
}
