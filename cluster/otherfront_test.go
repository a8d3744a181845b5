package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lbdev/lbdev/procs"
	"github.com/lbdev/lbdev/procs/misbehave"
	"github.com/lbdev/lbdev/proxy"
	"github.com/lbdev/lbdev/proxy/fault"
)

// A fakeFront notes what it is told.
type fakeFront struct {
	told FrontTold

	mu     sync.Mutex
	plans  []FrontPlan
	done   chan struct{} // of the Follows to come; nil = they are done at once
	fails  int           // how many of them fail
	closed bool
}

func (f *fakeFront) Refuse(b Balanced) error {
	if b.Policy == "fastest" {
		return errors.New("cannot have the fake do fastest")
	}
	if b.SlowStart > 0 {
		return errors.New("cannot have the fake start slowly")
	}
	return nil
}

func (f *fakeFront) Follow(_ context.Context, p FrontPlan) (<-chan struct{}, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fails > 0 {
		f.fails--
		over := make(chan struct{})
		close(over)
		return over, errors.New("cannot reload the fake")
	}
	f.plans = append(f.plans, p)
	f.told.Is(FrontProgram{Name: "fake", Version: "1", PID: 7, State: FrontReady}, "")
	if f.done != nil {
		return f.done, nil
	}
	over := make(chan struct{})
	close(over)
	return over, nil
}

func (f *fakeFront) Close(context.Context) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
}

// in are the ports of those that get requests by the newest plan, and how many plans there were.
func (f *fakeFront) in() (ports []int, plans int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	last := f.plans[len(f.plans)-1]
	for _, w := range last.Workers {
		if !w.Down {
			ports = append(ports, w.Port)
		}
	}
	return ports, len(f.plans)
}

func openFake(t *testing.T, n int) (*real, *fakeFront) {
	t.Helper()
	f := &fakeFront{}
	other := &OtherFront{Name: "fake", Version: "1", Make: func(told FrontTold) Front { f.told = told; return f }}
	r := open(t, Config{Command: misbehave.Argv("serve"), Workers: n, Front: other})
	return r, f
}

func (r *real) wantIn(f *fakeFront, what string, numbers ...int) {
	r.Helper()
	want := []int(nil)
	for _, n := range numbers {
		want = append(want, r.base+n-1)
	}
	var got []int
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if got, _ = f.in(); slices.Equal(got, want) && r.Snapshot().Program.State == FrontReady {
			return
		}
	}
	r.Fatalf("%s: the front gives to %v, want %v", what, got, want)
}

// TestOtherFrontFollows: what people change it is told; who dies it finds out by itself.
func TestOtherFrontFollows(t *testing.T) {
	r, f := openFake(t, 3)
	if first := f.plans[0]; len(first.Workers) != 3 || !first.Workers[0].Down || first.Listen[0] != fmt.Sprintf("127.0.0.1:%d", r.base+20) || first.Policy != "round-robin" {
		t.Errorf("the first plan: %+v", first)
	}
	r.wantIn(f, "all are ready", 1, 2, 3)
	_, before := f.in()
	if err := r.Kill(2); err != nil {
		t.Fatal(err)
	}
	for w := r.Snapshot().Workers[1]; w.Incarnation != 2 || w.State != Ready; w = r.Snapshot().Workers[1] {
		time.Sleep(5 * time.Millisecond)
	}
	r.wantIn(f, "one was killed", 1, 2, 3)
	if _, after := f.in(); after != before {
		t.Errorf("told %d times of a death", after-before)
	}
	for _, step := range []struct {
		what string
		do   func() error
		in   []int
	}{
		{"drain", func() error { return r.Drain(1) }, []int{2, 3}},
		{"undrain", func() error { return r.Undrain(1) }, []int{1, 2, 3}},
		{"pause", func() error { return r.Pause(3) }, []int{1, 2}},
		{"resume", func() error { return r.Resume(3) }, []int{1, 2, 3}},
		{"stop", func() error { return r.Stop(2) }, []int{1, 3}},
		{"start", func() error { return r.Start(2) }, []int{1, 2, 3}},
		{"scale up", func() error { return r.Scale(t.Context(), 5, nil) }, []int{1, 2, 3, 4, 5}},
		{"scale down", func() error { return r.Scale(t.Context(), 2, nil) }, []int{1, 2}},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.what, err)
		}
		r.wantIn(f, step.what, step.in...)
	}
	weight, policy := 3, "least-conn"
	if err := errors.Join(r.SetShare(2, Share{Weight: &weight}), r.SetBalancing(Balancing{Policy: &policy})); err != nil {
		t.Fatal(err)
	}
	told := func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		last := f.plans[len(f.plans)-1]
		return last.Policy == "least-conn" && last.Workers[1].Weight == 3
	}
	for end := time.Now().Add(patience); !told(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not told of the weight and the policy: %+v", f.plans[len(f.plans)-1])
		}
	}
	r.close()
	if !f.closed {
		t.Error("not closed")
	}
}

// TestOtherFrontIsEmptiedBeforeAStop: a worker is asked to end when the front gives it nothing any more and what it had given is over.
func TestOtherFrontIsEmptiedBeforeAStop(t *testing.T) {
	r, f := openFake(t, 2)
	r.wantIn(f, "all are ready", 1, 2)
	done := make(chan struct{})
	f.mu.Lock()
	f.done = done
	f.mu.Unlock()
	if err := r.Stop(2); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if in, _ := f.in(); len(in) == 1 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the front was not told")
		}
	}
	time.Sleep(100 * time.Millisecond) // in which a worker that was told to end would have
	if w := r.Snapshot().Workers[1]; w.State != Stopping || w.PID == 0 {
		t.Errorf("while a request was under way: %+v", w)
	}
	close(done)
	for end := time.Now().Add(patience); r.Snapshot().Workers[1].State != Stopped; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it was not stopped")
		}
	}
}

// TestOtherFrontFails: a change that did not reach the program is tried again with whatever happens next, and stops nobody.
func TestOtherFrontFails(t *testing.T) {
	r, f := openFake(t, 3)
	r.wantIn(f, "all are ready", 1, 2, 3)
	f.mu.Lock()
	f.fails = 1
	f.mu.Unlock()
	if err := r.Drain(2); err != nil {
		t.Fatal(err)
	}
	failed := func() bool {
		events, _, _ := r.Events().Reader(0, false).Take(nil, 0)
		return slices.ContainsFunc(events, func(e Event) bool { return e.Text == "cannot reload the fake" })
	}
	for end := time.Now().Add(patience); !failed(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nobody was told")
		}
	}
	if err := r.Kill(3); err != nil { // of which a front is not told
		t.Fatal(err)
	}
	r.wantIn(f, "after another event", 1, 3)
}

// TestOtherFrontRefuses what only the proxy can do.
func TestOtherFrontRefuses(t *testing.T) {
	other := &OtherFront{Name: "fake", Make: func(FrontTold) Front { return &fakeFront{} }}
	base := Config{Command: misbehave.Argv("serve"), Front: other}
	for field, change := range map[string]func(*Config){
		"Mode": func(c *Config) { c.Mode = ModeTCP }, "Badge": func(c *Config) { c.Badge = true }, "ProxyProtocol": func(c *Config) { c.ProxyProtocol = true },
		"EjectAfter": func(c *Config) { c.EjectAfter = 3 }, "WorkerConcurrency": func(c *Config) { c.WorkerConcurrency = 1 },
		"SlowStart": func(c *Config) { c.SlowStart = time.Second },
		"Listen":    func(c *Config) { c.Listen = "unix:/tmp/x.sock" }, "Policy": func(c *Config) { c.Policy = "fastest" },
	} {
		c := base
		change(&c)
		_, err := New(c)
		limit, ok := errors.AsType[*FrontLimitError](err)
		if faulty, isField := errors.AsType[*FieldError](err); !ok || limit.Name != "fake" || !isField || faulty.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	r, f := openFake(t, 1)
	r.wantIn(f, "it is ready", 1)
	policy := "fastest"
	for what, err := range map[string]error{
		"policy": r.SetBalancing(Balancing{Policy: &policy}), "hold": r.SetHold(time.Second), "badge": r.SetBadge(true), "fault": r.SetFault(1, fault.Plan{Refuse: fault.All}, 0),
	} {
		if _, ok := errors.AsType[*FrontLimitError](err); !ok || !strings.HasPrefix(err.Error(), "cannot ") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if r.Balanced().Policy != "round-robin" {
		t.Errorf("policy: %s", r.Balanced().Policy)
	}
}

// TestOtherFrontTells: its requests, output and death are the cluster's.
func TestOtherFrontTells(t *testing.T) {
	r, f := openFake(t, 2)
	r.wantIn(f, "all are ready", 1, 2)
	start := time.Now()
	f.told.Observed(&proxy.Access{
		Start: start, Method: "GET", Path: "/", Status: 200, Port: r.base + 1, Outcome: proxy.Rescued, Total: time.Millisecond,
		Attempts: []proxy.Attempt{{Port: r.base, Result: proxy.ResultRefused}, {Port: r.base + 1, Result: "200", FirstByte: time.Millisecond}},
	})
	f.told.Said([]procs.Line{{Text: "hello"}})
	f.told.Is(FrontProgram{Name: "fake", State: FrontBackoff, Restarts: 1}, "fake died")
	s := r.Snapshot()
	if s.Requests.Total != 1 || s.Requests.Rescued != 1 || s.Workers[0].Failures != 1 || s.Workers[1].Requests != 1 || s.Workers[1].P95MS == 0 || s.Program.State != FrontBackoff {
		t.Errorf("snapshot: %+v", s)
	}
	past, _, _ := r.Requests(0, 10, nil)
	if len(past) != 1 || past[0].Worker != 2 || past[0].Attempts[0].Worker != 1 || past[0].Attempts[1].Incarnation != 1 {
		t.Errorf("requests: %+v", past)
	}
	lines, _, _ := r.Logs().Reader(0, false).Take(nil, 0)
	if i := slices.IndexFunc(lines, func(l LogLine) bool { return l.From == "fake" && l.Text == "hello" }); i < 0 {
		t.Errorf("lines: %+v", lines)
	}
	events, _, _ := r.Events().Reader(0, false).Take(nil, 0)
	if i := slices.IndexFunc(events, func(e Event) bool { return e.Kind == KindFront && e.Text == "fake died" && e.Program.Restarts == 1 }); i < 0 {
		t.Errorf("events: %+v", events)
	}
}
