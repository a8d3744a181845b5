package main

import (
	"testing"
	"time"

	"github.com/lbdev/lbdev/proxy"
)

// TestDemoFigures counts what each kind of request adds.
func TestDemoFigures(t *testing.T) {
	var f figures
	f.reset()
	now := time.Now()
	at := func(port int, incarnation uint64, result string) proxy.Attempt {
		return proxy.Attempt{Worker: port - 7999, Port: port, Incarnation: incarnation, Result: result}
	}
	for i, a := range []proxy.Access{
		{Port: 8000, Status: 200, Outcome: proxy.OK, Total: 5 * time.Millisecond, Path: "/", Attempts: []proxy.Attempt{at(8000, 1, "200")}},
		{Port: 8002, Status: 200, Outcome: proxy.Rescued, Total: time.Second, Path: "/slow", Attempts: []proxy.Attempt{at(8001, 1, "reset"), at(8002, 1, "200")}},
		{Port: 8001, Status: 200, Outcome: proxy.Rescued, Held: 90 * time.Millisecond, Attempts: []proxy.Attempt{at(8001, 1, "closed"), at(8001, 2, "200")}},
		{Status: 502, Outcome: proxy.Failed, Attempts: []proxy.Attempt{at(8001, 1, "reset")}},
		{Port: 8001, Status: 200, Outcome: proxy.Cut, Attempts: []proxy.Attempt{at(8001, 2, "closed")}},
		{Port: 8000, Status: 500, Outcome: proxy.OK, Attempts: []proxy.Attempt{at(8000, 1, "500")}},
		{Outcome: proxy.Canceled},
	} {
		a.Start = now.Add(time.Duration(i) * time.Second)
		f.add(&a)
	}
	s := f.sum()
	if s.requests != 7 || s.failed != 2 || s.appErrors != 1 || s.rescued != 2 || s.held != 1 {
		t.Errorf("counted %+v", s)
	}
	if s.slowest != time.Second || s.slowPath != "/slow" || s.longest != 90*time.Millisecond || s.byPort[8000] != 2 || s.byPort[8001] != 2 {
		t.Errorf("measured %+v", s)
	}
	if lost, rescued := f.lostAt(8001, 1); lost != 3 || rescued != 1 {
		t.Errorf("%d lost at 8001's first incarnation, %d rescued; want 3 and 1: one was answered by its second, one by nobody", lost, rescued)
	}
	if lost, _ := f.lostAt(8002, 1); lost != 0 {
		t.Errorf("%d lost at 8002, which answered", lost)
	}
}

func TestDemoSeesTheTurn(t *testing.T) {
	tests := []struct {
		ports []int // in the order in which the requests came
		want  bool
	}{
		{[]int{8001, 8002, 8000, 8001}, true},
		{[]int{8001, 8000, 8002, 8001}, false},
		{[]int{8000, 8001, 8001, 8002}, false},
		{[]int{8000, 8001, 0, 8000}, false},
		{[]int{8000, 8001}, false}, // too few to tell
	}
	for _, tt := range tests {
		var f figures
		f.reset()
		now := time.Now()
		for i := len(tt.ports) - 1; i >= 0; i-- { // they end in another order than they came in
			f.add(&proxy.Access{Start: now.Add(time.Duration(i)), Port: tt.ports[i]})
		}
		if got := f.inTurn([]int{8000, 8001, 8002}); got != tt.want {
			t.Errorf("%v: in turn is %v, want %v", tt.ports, got, tt.want)
		}
	}
}
