package cluster

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lbdev/lbdev/procs/misbehave"
	"github.com/lbdev/lbdev/proxy"
)

func TestHealthChecks(t *testing.T) {
	play(t, Config{Health: HealthCheck{Path: "/healthz", Interval: 2 * time.Second}}, nil, func(s *stage) {
		s.wantState(Ready)
		time.Sleep(5 * time.Second)
		if n := s.checks.Load(); n != 2 {
			t.Errorf("%d checks in 5 s", n)
		}
		s.now().sick.Store(true)
		time.Sleep(4 * time.Second)
		s.wantState(Ready) // two failed
		s.now().sick.Store(false)
		time.Sleep(2 * time.Second)
		s.now().sick.Store(true)
		time.Sleep(4 * time.Second)
		s.wantState(Ready) // two again, not three in a row
		time.Sleep(2 * time.Second)
		s.wantState(Unresponsive)
		if got := s.worker.status(Unresponsive); got != proxy.Suspect {
			t.Errorf("the proxy is told %s", got)
		}
		s.now().sick.Store(false)
		time.Sleep(2 * time.Second)
		s.wantState(Unresponsive)
		time.Sleep(2 * time.Second)
		s.wantState(Ready)
		want := []string{"unresponsive: health check /healthz: answered by 500", "ready: is well again"}
		if got := s.reasons(); !slices.Equal(got, want) {
			t.Errorf("told %q, want %q", got, want)
		}
	})
}

// A worker that is drained stays so, and who brings it back finds out that it is not well.
func TestHealthChecksOfADrainedWorker(t *testing.T) {
	play(t, Config{Health: HealthCheck{Path: "/healthz", Interval: time.Second, Fall: 1, Rise: 1}}, nil, func(s *stage) {
		s.wantState(Ready)
		s.cluster.Drain(1)
		s.now().sick.Store(true)
		time.Sleep(2 * time.Second)
		s.wantState(Drained)
		s.cluster.Undrain(1)
		s.wantState(Unresponsive)
		s.worker.ask(verbRestart)
		s.wantState(Ready) // a new process begins anew
	})
}

// A real one: the path is asked for by a real connection, which is closed.
func TestHealthCheckOfARealWorker(t *testing.T) {
	r := open(t, Config{Command: misbehave.Argv("serve-single"), Workers: 1, Health: HealthCheck{Path: "/sick", Interval: 20 * time.Millisecond}})
	r.awaitAll(1, Ready)
	r.until("two checks", func() bool { return r.ran("/sick") >= 2 })
	r.get("/")
	if w := r.worker(1); w.State != Ready || strings.Contains(w.Reason, "health") {
		t.Errorf("%+v", w)
	}
}
