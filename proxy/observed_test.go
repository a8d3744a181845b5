package proxy

import (
	"testing"
	"time"
)

// TestObserved counts what another program has served as if we had.
func TestObserved(t *testing.T) {
	pool := NewPool(nil)
	one, two := pool.Add(1, 8000), pool.Add(2, 8001)
	one.Set(Ready, 1)
	two.Set(Ready, 1)
	early := time.Now()
	two.Set(Coming, 2)
	var seen []Access
	p := &Proxy{Pool: pool, OnAccess: func(a *Access) { seen = append(seen, *a) }}
	attempt := func(port int, result string) Attempt {
		return Attempt{Port: port, Result: result, FirstByte: 2 * time.Millisecond}
	}
	for _, a := range []Access{
		{Start: early, Status: 200, Port: 8001, Outcome: OK, Attempts: []Attempt{attempt(8001, "200")}},
		{Start: time.Now(), Status: 200, Port: 8000, Outcome: Rescued, Attempts: []Attempt{attempt(8001, ResultRefused), attempt(8000, "200")}},
		{Start: time.Now(), Status: 502, Outcome: Failed, Attempts: []Attempt{attempt(8001, ResultClosed)}},
		{Start: time.Now(), Status: 503, Outcome: Failed},
		{Start: time.Now(), Outcome: Canceled, Attempts: []Attempt{attempt(8000, ResultCanceled)}},
		{Start: time.Now(), Status: 200, Port: 9999, Outcome: OK, Attempts: []Attempt{attempt(9999, "200")}}, // whose worker is gone
	} {
		p.Observed(&a)
	}
	s := p.Stats()
	if s.Total != 6 || s.OK != 3 || s.Rescued != 1 || s.Failed != 2 || s.Canceled != 1 || s.InFlight != 0 || s.Retries != 1 || s.Codes[5] != 2 {
		t.Errorf("stats: %+v", s)
	}
	if requests, failures, inFlight := one.Counts(); requests != 2 || failures != 0 || inFlight != 0 {
		t.Errorf("worker 1: %d requests, %d failures, %d in flight", requests, failures, inFlight)
	}
	if requests, failures, _ := two.Counts(); requests != 3 || failures != 2 {
		t.Errorf("worker 2: %d requests, %d failures", requests, failures)
	}
	if tr := one.Traffic(); tr.Codes[2] != 1 || one.FirstByteWithin(0.95) == 0 {
		t.Errorf("worker 1: %+v", tr)
	}
	if a := seen[0]; a.Worker != 2 || a.Attempts[0].Worker != 2 || a.Attempts[0].Incarnation != 1 {
		t.Errorf("the first was served by the incarnation before: %+v", a)
	}
	if a := seen[1]; a.Attempts[0].Incarnation != 2 || a.Why(0) != "" {
		t.Errorf("the second: %+v, why %q", a, a.Why(0))
	}
}
