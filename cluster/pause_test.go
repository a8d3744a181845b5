package cluster

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lbdev/lbdev/procs/misbehave"
)

// TestWorkerPausesAfterItLeftRotation goes through a pause step by step.
func TestWorkerPausesAfterItLeftRotation(t *testing.T) {
	play(t, Config{}, nil, func(s *stage) {
		s.wantState(Ready)
		if err := s.cluster.Pause(1); err != nil {
			t.Fatal(err)
		}
		s.wantState(Paused)
		if !s.now().frozen.Load() {
			t.Error("the worker is paused and its process runs")
		}
		for _, ask := range []func(int) error{s.cluster.Drain, s.cluster.Undrain} {
			if err, ok := errors.AsType[*StateError](ask(1)); !ok {
				t.Errorf("a paused worker was drained or undrained: %v", err)
			}
		}
		if err := s.cluster.Pause(8000); err != nil { // by its port, and again
			t.Error(err)
		}
		if err := s.cluster.Resume(1); err != nil {
			t.Fatal(err)
		}
		s.wantState(Ready)
		if s.now().frozen.Load() {
			t.Error("the worker is resumed and its process stands still")
		}
		if want := []State{Starting, Ready, Drained, Paused, Ready}; !slices.Equal(s.states(), want) {
			t.Errorf("the states were %v, want %v", s.states(), want)
		}
	})
}

// TestWorkerIsThawedBeforeItIsStopped: a frozen process can't finish what it has.
func TestWorkerIsThawedBeforeItIsStopped(t *testing.T) {
	for name, end := range map[string]func(*Cluster, int) error{"stop": (*Cluster).Stop, "restart": (*Cluster).Restart, "kill": (*Cluster).Kill} {
		t.Run(name, func(t *testing.T) {
			play(t, Config{}, nil, func(s *stage) {
				s.wantState(Ready)
				s.cluster.Pause(1)
				s.wantState(Paused)
				first := s.now()
				if err := end(s.cluster, 1); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if first.frozen.Load() {
					t.Error("it was ended while it was frozen")
				}
				time.Sleep(time.Second)
				if name == "stop" {
					s.wantState(Stopped)
				} else {
					s.wantState(Ready)
				}
			})
		})
	}
}

func TestWorkerDrains(t *testing.T) {
	play(t, Config{}, nil, func(s *stage) {
		s.wantState(Ready)
		s.cluster.Drain(1)
		s.wantState(Drained)
		s.cluster.Drain(1)
		if err, ok := errors.AsType[*StateError](s.cluster.Resume(1)); !ok || err.State != Drained {
			t.Errorf("resume of a drained worker: %v", err)
		}
		s.cluster.Undrain(1)
		s.wantState(Ready)
		s.cluster.Drain(1)
		s.now().die(1, 0) // comes back in rotation: a drain is of an incarnation
		s.wantState(Ready)
		if s.count() != 2 {
			t.Errorf("%d starts, want 2", s.count())
		}
	})
}

// TestWorkerRefusesWhatItsStateForbids has no process.
func TestWorkerRefusesWhatItsStateForbids(t *testing.T) {
	play(t, Config{}, nil, func(s *stage) {
		s.wantState(Ready)
		s.cluster.Stop(1)
		s.wantState(Stopped)
		for verb, ask := range map[string]func(int) error{
			"pause": s.cluster.Pause, "resume": s.cluster.Resume, "drain": s.cluster.Drain, "undrain": s.cluster.Undrain, "kill": s.cluster.Kill,
		} {
			err, ok := errors.AsType[*StateError](ask(1))
			if !ok || err.Verb != verb || err.State != Stopped {
				t.Errorf("%s of a stopped worker: %v", verb, err)
			}
		}
		if err, ok := errors.AsType[*NoWorkerError](s.cluster.Pause(7)); !ok || err.ID != 7 {
			t.Errorf("pause of worker 7: %v", err)
		}
	})
}

// TestPauseTakesRequestsAlong pauses a worker that has a request which lasts longer than its patience.
func TestPauseTakesRequestsAlong(t *testing.T) {
	c := open(t, Config{Command: misbehave.Argv("serve"), Workers: 2})
	c.awaitAll(2, Ready)
	for c.get("/") != c.base+1 { // worker 1 is next
	}
	port := make(chan int, 1)
	began := time.Now()
	go func() { port <- c.get("/slow?ms=3000") }()
	for c.worker(1).InFlight == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := c.Pause(1); err != nil {
		t.Fatal(err)
	}
	c.await(1, Paused, 0)
	if took := time.Since(began); took >= 3*time.Second {
		t.Errorf("the pause took %v, as if it had waited for the request", took)
	}
	if got := <-port; got != c.base+1 {
		t.Errorf("the request was answered by %d, want the worker that runs", got)
	}
	if n := c.Snapshot().Requests; n.Failed != 0 || n.Rescued != 1 {
		t.Errorf("the requests are %+v, want one rescued and none failed", n)
	}
	if err := c.Resume(1); err != nil {
		t.Fatal(err)
	}
	if a, b := c.get("/"), c.get("/"); a == b {
		t.Errorf("after the resume both requests went to %d", a)
	}
}
