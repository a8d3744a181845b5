package balance

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// everyPolicy is one of each.
func everyPolicy(t testing.TB) []Policy {
	var all []Policy
	for _, r := range Rules() {
		name := strings.Replace(r.Name, "NAME", "who", 1)
		p, err := New(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.EqualFold(p.Name(), name) {
			t.Errorf("policy %q calls itself %q", name, p.Name())
		}
		all = append(all, p)
	}
	return all
}

func request(path string, fields ...string) *http.Request {
	r := httptest.NewRequest("GET", path, nil)
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Header.Add(name, value)
	}
	return r
}

// TestEveryPolicyRespectsTheGate: whatever a request may not have it does not get, and it gets something if there is anything.
func TestEveryPolicyRespectsTheGate(t *testing.T) {
	policies := everyPolicy(t)
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.IntRange(1, 3), 0, 6).Draw(t, "weights")
		v := viewOf(weights...)
		barred := make(barring, len(weights))
		free := false
		for i := range barred {
			barred[i] = rapid.Bool().Draw(t, "barred")
			free = free || !barred[i]
			v.workers[i].InFlight.Store(int64(rapid.IntRange(0, 3).Draw(t, "in flight")))
		}
		for _, p := range policies {
			turn := &Turn{View: v, Gate: barred, Client: "10.0.0.7", Now: time.Now(), Request: request("/cart", "Who: me", "Cookie: who=me")}
			for range 3 {
				i := p.Pick(turn)
				if !free && i != -1 || free && (i < 0 || i >= len(weights) || barred[i]) {
					t.Fatalf("%s picks %d of %v", p.Name(), i, barred)
				}
			}
		}
	})
}

// TestNoPickAllocates: none, also where weights differ, the request has failed somewhere, and has many cookies.
func TestNoPickAllocates(t *testing.T) {
	r := request("/cart", "Who: me", "Cookie: a=1; b=2; who=me; c=3")
	for _, weights := range [][]int{{1, 1, 1, 1}, {3, 1, 2, 1}} {
		v := viewOf(weights...)
		v.workers[1].Speed.Add(time.Now(), time.Millisecond)
		for _, p := range everyPolicy(t) {
			turn := &Turn{View: v, Client: "10.0.0.7", Now: time.Now(), Request: r}
			for _, turn.Gate = range []Gate{nil, barring{true, false, false, false}} {
				if n := testing.AllocsPerRun(200, func() { p.Pick(turn) }); n > 0 {
					t.Errorf("%s with weights %v: %v allocations", p.Name(), weights, n)
				}
			}
		}
	}
}

// TestEveryPolicyAtOnce has all policies asked by many at once, while views change; the race detector looks on.
func TestEveryPolicyAtOnce(t *testing.T) {
	views := []*View{viewOf(1, 1, 1, 1), viewOf(2, 1, 4), viewOf(1)}
	for _, p := range everyPolicy(t) {
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				turn := &Turn{Client: "10.0.0.7", Now: time.Now(), Request: request("/", "Cookie: who="+fmt.Sprint(g))}
				for n := range 500 {
					turn.View = views[(n+g)%len(views)]
					i := p.Pick(turn)
					w := turn.View.workers[i]
					w.InFlight.Add(1)
					w.Speed.Add(turn.Now, time.Duration(n))
					w.InFlight.Add(-1)
				}
			})
		}
		wg.Wait()
	}
}

// TestLeastConn: after every pick the workers are loaded as evenly as their weights allow.
func TestLeastConn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.IntRange(1, 5), 1, 6).Draw(t, "weights")
		v, p := viewOf(weights...), &LeastConn{}
		for range 60 {
			if rapid.IntRange(0, 3).Draw(t, "step") == 0 {
				i := rapid.IntRange(0, len(weights)-1).Draw(t, "ends")
				if n := v.workers[i].InFlight; n.Load() > 0 {
					n.Add(-1)
				}
				continue
			}
			i := p.Pick(&Turn{View: v})
			for k := range weights {
				if v.InFlight(k)*int64(weights[i]) < v.InFlight(i)*int64(weights[k]) {
					t.Fatalf("it picked %d with %d in flight, and %d had %d: weights %v", i, v.InFlight(i), k, v.InFlight(k), weights)
				}
			}
			v.workers[i].InFlight.Add(1)
		}
	})
}

// TestLeastConnIdle: with nothing in flight it is round robin, by weight.
func TestLeastConnIdle(t *testing.T) {
	if got := picks(&LeastConn{}, viewOf(5, 1, 1), 14); got != "aabacaaaabacaa" {
		t.Error(got)
	}
	v := viewOf(1, 1, 1)
	v.workers[1].InFlight.Store(2)
	if got := picks(&LeastConn{}, v, 6); got != "acacac" {
		t.Error(got)
	}
}

// TestTwoChoices: of two it takes the less loaded, of many never the most loaded one.
func TestTwoChoices(t *testing.T) {
	v := viewOf(1, 1)
	v.workers[0].InFlight.Store(1)
	if got := picks(&TwoChoices{}, v, 20); got != strings.Repeat("b", 20) {
		t.Error(got)
	}
	v = viewOf(1, 1, 1, 1)
	v.workers[2].InFlight.Store(9)
	if got := picks(&TwoChoices{}, v, 400); strings.Contains(got, "c") || strings.Count(got, "a") < 50 {
		t.Error(got)
	}
	v = viewOf(4, 1)
	v.workers[0].InFlight.Store(3)
	v.workers[1].InFlight.Store(1)
	if got := picks(&TwoChoices{}, v, 20); got != strings.Repeat("a", 20) {
		t.Errorf("3 in flight, by weight are less than 1 at weight 1: %s", got)
	}
}

// TestRandomShares: shares are as the weights, and so are those of the workers that a request may have.
func TestRandomShares(t *testing.T) {
	const n = 20000
	v := viewOf(1, 2, 4, 1)
	for _, gate := range []Gate{nil, barring{false, false, true, false}} {
		counts := make([]int, 4)
		for range n {
			counts[(&Random{}).Pick(&Turn{View: v, Gate: gate})]++
		}
		sum := 8
		if gate != nil {
			sum = 4
		}
		for i, got := range counts {
			want := n * v.Weight(i) / sum
			if gate != nil && i == 2 {
				want = 0
			}
			if got < want*9/10 || got > want*11/10 {
				t.Errorf("worker %d: %d, want about %d (%v)", i+1, got, want, gate)
			}
		}
	}
}

// TestFirst: the lowest that can be had.
func TestFirst(t *testing.T) {
	v := viewOf(1, 1, 1)
	if got := picks(&First{}, v, 3) + picks(&First{}, v.without(1), 3) + picks(&First{}, v, 2); got != "aaabbbaa" {
		t.Error(got)
	}
}

// TestFastest plays a day of four workers.
func TestFastest(t *testing.T) {
	now := time.Now()
	v, p := viewOf(1, 1, 1, 1), &Fastest{}
	pick := func() string {
		return string(rune('a' + p.Pick(&Turn{View: v, Now: now})))
	}
	answers := func(worker string, d time.Duration) {
		now = now.Add(20 * time.Millisecond)
		v.workers[worker[0]-'a'].Speed.Add(now, d)
	}
	var seen strings.Builder
	for range 4 { // each gets one request before any has a second
		w := pick()
		v.workers[w[0]-'a'].InFlight.Add(1)
		seen.WriteString(w)
	}
	if seen.String() != "abcd" {
		t.Errorf("of four that are unknown: %s", seen.String())
	}
	for i := range v.workers {
		v.workers[i].InFlight.Store(0)
	}
	for i, d := range []time.Duration{40, 10, 30, 20} {
		answers(string(rune('a'+i)), d*time.Millisecond)
	}
	if w := pick(); w != "b" {
		t.Errorf("idle: %s", w)
	}
	v.workers[1].InFlight.Store(2)
	if w := pick(); w != "d" {
		t.Errorf("20 ms are less than 3 times 10 ms: %s", w)
	}
	v.workers[1].InFlight.Store(0)
	v.workers[2].Speed = new(Speed) // it was restarted
	if w := pick(); w != "c" {
		t.Errorf("a new one gets a chance: %s", w)
	}
	v.workers[2].InFlight.Store(1)
	if w := pick(); w != "b" {
		t.Errorf("but one request, before it is known: %s", w)
	}
	v.workers[2].InFlight.Store(0)
	for range 200 {
		answers("a", 40*time.Millisecond)
		answers("c", 500*time.Millisecond)
		answers("b", 10*time.Millisecond)
		answers("d", 20*time.Millisecond)
	}
	if w := pick(); w != "b" {
		t.Errorf("c is slow: %s", w)
	}
	for range 1500 {
		answers("b", 10*time.Millisecond)
	}
	if w := pick(); w == "b" {
		t.Error("one that was slow half a minute ago is never tried again")
	}
}

// TestSpeedFades: new times count more than old ones, by the time between them and not by their number.
func TestSpeedFades(t *testing.T) {
	var s Speed
	now := time.Now()
	if s.At(now) != 0 {
		t.Error("nothing was measured")
	}
	s.Add(now, 100*time.Millisecond)
	if d := s.At(now); d < 99*time.Millisecond || d > 101*time.Millisecond {
		t.Errorf("the first: %v", d)
	}
	now = now.Add(fading)
	s.Add(now, 200*time.Millisecond)
	if d := s.At(now); d < 160*time.Millisecond || d > 166*time.Millisecond { // 1/e of it is still the first
		t.Errorf("after %v: %v", fading, d)
	}
	if late := s.At(now.Add(fading)); late < 58*time.Millisecond || late > 62*time.Millisecond {
		t.Errorf("without new ones: %v", late)
	}
	s.Add(now.Add(-time.Second), time.Millisecond) // ended together, stamped in the wrong order
	if d := s.At(now); d > 166*time.Millisecond || d < 100*time.Millisecond {
		t.Errorf("an older one: %v", d)
	}
}

func TestNew(t *testing.T) {
	for name, says := range map[string]string{
		"best":               "there are round-robin, least-conn, two-choices, random, fastest, first, ip-hash, uri-hash, header-hash:NAME",
		"":                   "there are",
		"Round-Robin":        "there are",
		"header-hash":        "it needs a name, as in header-hash:X-User",
		"header-hash:":       "it needs a name",
		"header-hash:a b":    "it needs a name",
		"cookie-hash":        "cookie-hash:session",
		"cookie-hash:s=1":    "it needs a name",
		"ip-hash:eth0":       "there are",
		"header-hash:X\r\nY": "it needs a name",
	} {
		if p, err := New(name); err == nil || !strings.Contains(err.Error(), says) || !strings.HasPrefix(err.Error(), fmt.Sprintf("cannot use policy %q", name)) {
			t.Errorf("%q: %v, %v", name, p, err)
		}
	}
	if p, err := New("header-hash:x-user"); err != nil || p.Name() != "header-hash:X-User" || !NeedsHTTP(p) {
		t.Errorf("%v, %v", p, err)
	}
	if p, _ := New("ip-hash"); NeedsHTTP(p) {
		t.Error("an address is no matter of HTTP")
	}
}
