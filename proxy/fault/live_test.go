package fault

import (
	"context"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// TestDrawsTheSharesOfThePlan throws the dice many times: each fault comes as often as the plan says, as far as chance allows,
// and delays stay within their bounds.
func TestDrawsTheSharesOfThePlan(t *testing.T) {
	const n = 4000
	rapid.Check(t, func(t *rapid.T) {
		p := plans().Draw(t, "plan")
		l := Begin(p, rapid.Uint64().Draw(t, "seed"))
		ends := map[Kind]int{}
		delayed, slow, met := 0, 0, 0
		for range n {
			d := l.draw()
			ends[d.kind]++
			if d.kind != KindRefuse {
				met++
			}
			if d.delay > 0 {
				delayed++
			}
			if d.slow {
				slow++
			}
			if lat := p.Latency; d.delay != 0 && (d.delay < lat.Mean-lat.Jitter || d.delay > lat.Mean+lat.Jitter) {
				t.Fatalf("a delay of %v with %v±%v", d.delay, lat.Mean, lat.Jitter)
			}
		}
		check := func(what Kind, got, of int, want Share) {
			q := float64(want) / float64(All)
			if off, sigma := math.Abs(float64(got)-q*float64(of)), math.Sqrt(float64(of)*q*(1-q)); off > 6*sigma+4 { // small counts stray further than sigma tells
				t.Fatalf("%s: %d of %d, want %s", what, got, of, want)
			}
		}
		for _, part := range p.ends() {
			check(part.kind, ends[part.kind], n, part.share)
		}
		check(KindBandwidth, slow, met, p.Bandwidth.Share)
		if p.Latency.Jitter < p.Latency.Mean { // else a delay of 0 counts as none
			check(KindLatency, delayed, met, p.Latency.Share)
		}
	})
}

// TestSameSeedSameFaults: a lesson can be given twice.
func TestSameSeedSameFaults(t *testing.T) {
	p := mustParse(t, "latency=1s±1s:50% errors=20% reset=20%")
	one, two, other := Begin(p, 7), Begin(p, 7), Begin(p, 8)
	differs := 0
	for range 100 {
		d := one.draw()
		if d != two.draw() {
			t.Fatal("the same seed draws other faults")
		}
		if d != other.draw() {
			differs++
		}
	}
	if differs == 0 {
		t.Error("two seeds draw the same faults")
	}
}

// TestDrawIsForManyAtOnce is for the race detector.
func TestDrawIsForManyAtOnce(t *testing.T) {
	l := Begin(mustParse(t, "latency=1s:50% errors=20%"), 1)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 1000 {
				l.draw()
			}
		})
	}
	group.Wait()
}

func mustParse(t testing.TB, text string) Plan {
	p, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestThrottleKeepsTheRate: pieces pass one after the other, also those of several connections, and time in which nothing
// passed is not made up for.
func TestThrottleKeepsTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := &throttle{rate: 1000}
		start := time.Now()
		th.reserve(500)
		if got := th.reserve(250).Sub(start); got != 750*ms {
			t.Errorf("750 bytes at 1000 a second take %v", got)
		}
		time.Sleep(time.Minute)
		if got := time.Until(th.reserve(1000)); got != time.Second {
			t.Errorf("1000 bytes after a pause take %v", got)
		}
	})
	for rate, want := range map[int64]int{1: 1, 19: 1, 1000: 50, 1e6: maxPiece, 1e12: maxPiece} {
		if got := (&throttle{rate: rate}).piece(); got != want {
			t.Errorf("pieces at %d bytes a second have %d bytes, want %d", rate, got, want)
		}
	}
}

// TestWaits: a delay takes its time, unless the caller leaves or the fault ends.
func TestWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := Begin(Plan{}, 1)
		ctx, leave := context.WithCancel(t.Context())
		s := &StandIn{live: l, ctx: ctx}
		start := time.Now()
		if err := s.wait(3 * time.Second); err != nil || time.Since(start) != 3*time.Second {
			t.Errorf("waited %v, %v", time.Since(start), err)
		}
		start = time.Now()
		time.AfterFunc(time.Second, l.End)
		if err := s.wait(time.Hour); err != nil || time.Since(start) != time.Second {
			t.Errorf("with the fault's end: waited %v, %v", time.Since(start), err)
		}
		start = time.Now()
		s.live = Begin(Plan{}, 1)
		time.AfterFunc(time.Second, leave)
		if err := s.wait(time.Hour); err == nil || time.Since(start) != time.Second {
			t.Errorf("with a caller that leaves: waited %v, %v", time.Since(start), err)
		}
	})
}
