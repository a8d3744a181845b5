package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lbdev/lbdev/procs/misbehave"
)

// steps collects what an action tells, as "PORT STATE".
func steps(to *[]string, base int) func(Step) {
	return func(s Step) { *to = append(*to, fmt.Sprintf("%d %s", s.Port-base, s.State)) }
}

func TestRollingRestart(t *testing.T) {
	c := open(t, Config{Command: misbehave.Argv("serve"), Workers: 3})
	c.awaitAll(3, Ready)
	var told []string
	if err := c.RollingRestart(t.Context(), steps(&told, c.base)); err != nil {
		t.Fatal(err)
	}
	want := []string{"0 stopping", "0 ready", "1 stopping", "1 ready", "2 stopping", "2 ready"}
	if !slices.Equal(told, want) {
		t.Errorf("the steps were %q, want %q", told, want)
	}
	for worker := 1; worker <= 3; worker++ {
		if w := c.worker(worker); w.State != Ready || w.Incarnation != 2 {
			t.Errorf("worker %d is %s in incarnation %d", worker, w.State, w.Incarnation)
		}
	}
}

// TestRollingRestartStopsAtCodeThatDoesNotBoot changes the program so that it can't start any more.
func TestRollingRestartStopsAtCodeThatDoesNotBoot(t *testing.T) {
	dir := t.TempDir()
	app := filepath.Join(dir, "app")
	write := func(argv []string) {
		script := "#!/bin/sh\nexec " + strings.Join(argv, " ") + "\n"
		if err := os.WriteFile(app+".new", []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(app+".new", app); err != nil {
			t.Fatal(err)
		}
	}
	write(misbehave.Argv("serve"))
	c := open(t, Config{Command: []string{app}, Workers: 3})
	c.awaitAll(3, Ready)
	write(misbehave.Argv("boot"))

	err, ok := errors.AsType[*ComeBackError](c.RollingRestart(t.Context(), nil))
	if !ok || err.Worker != 1 || err.Left != 2 || !strings.Contains(err.Reason, "before it was ready") || len(err.Lines) == 0 {
		t.Fatalf("the error is %+v", err)
	}
	c.await(1, Failed, 0)
	for worker := 2; worker <= 3; worker++ {
		if w := c.worker(worker); w.State != Ready || w.Incarnation != 1 {
			t.Errorf("worker %d is %s in incarnation %d, want it untouched", worker, w.State, w.Incarnation)
		}
	}
	if a, b := c.get("/"), c.get("/"); a == b || a == c.base || b == c.base {
		t.Errorf("two requests went to %d and %d, want the two that serve on", a, b)
	}
	if log := c.log(); !strings.Contains(log, "rolling restart stopped") || !strings.Contains(log, "the other 2 serve on") {
		t.Errorf("it does not say so\n%s", log)
	}

	// Broken code once more: the worker that failed is tried first, and none of those that serve is given up for it.
	if err, ok := errors.AsType[*ComeBackError](c.RollingRestart(t.Context(), nil)); !ok || err.Worker != 1 {
		t.Errorf("the second time the error is %v", err)
	}
	write(misbehave.Argv("serve"))
	if err := c.RollingRestart(t.Context(), nil); err != nil {
		t.Error(err)
	}
	c.awaitAll(3, Ready)
}

func TestRollingRestartPassesOverTheStopped(t *testing.T) {
	c := open(t, Config{Command: misbehave.Argv("serve"), Workers: 3})
	c.awaitAll(3, Ready)
	c.Stop(2)
	c.await(2, Stopped, 0)
	if err := c.RollingRestart(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if w := c.worker(2); w.State != Stopped || w.Incarnation != 1 {
		t.Errorf("the stopped worker is %s in incarnation %d", w.State, w.Incarnation)
	}
}

func TestRollingRestartIsOneAtATime(t *testing.T) {
	c := open(t, Config{Command: misbehave.Argv("serve", "200"), Workers: 2})
	c.awaitAll(2, Ready)
	var second error
	err := c.RollingRestart(t.Context(), func(s Step) {
		if s.State == Stopping && s.Worker == 1 {
			second = c.RollingRestart(t.Context(), nil)
		}
	})
	if err != nil || !errors.Is(second, ErrRolling) {
		t.Errorf("the first ended with %v, the second with %v", err, second)
	}
}

// TestRollingRestartCanBeGivenUp finishes the worker that it is at.
func TestRollingRestartCanBeGivenUp(t *testing.T) {
	c := open(t, Config{Command: misbehave.Argv("serve"), Workers: 3})
	c.awaitAll(3, Ready)
	ctx, cancel := context.WithCancel(t.Context())
	err := c.RollingRestart(ctx, func(s Step) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	if a, b := c.worker(1), c.worker(2); a.State != Ready || a.Incarnation != 2 || b.Incarnation != 1 {
		t.Errorf("worker 1 is %s in incarnation %d, worker 2 in %d", a.State, a.Incarnation, b.Incarnation)
	}
}

func TestScaleTellsHowFarItIs(t *testing.T) {
	c := open(t, Config{Command: misbehave.Argv("serve"), Workers: 2})
	c.awaitAll(2, Ready)
	var told []string
	if err := c.Scale(t.Context(), 4, steps(&told, c.base)); err != nil {
		t.Fatal(err)
	}
	if want := []string{"2 starting", "3 starting", "2 ready", "3 ready"}; !slices.Equal(told, want) {
		t.Errorf("up: %q, want %q", told, want)
	}
	told = nil
	if err := c.Scale(t.Context(), 1, steps(&told, c.base)); err != nil {
		t.Fatal(err)
	}
	if want := []string{"1 stopping", "2 stopping", "3 stopping", "1 stopped", "2 stopped", "3 stopped"}; !slices.Equal(told, want) {
		t.Errorf("down: %q, want %q", told, want)
	}
	if n := len(c.Snapshot().Workers); n != 1 {
		t.Errorf("%d workers are left", n)
	}
	if err, ok := errors.AsType[*ScaleError](c.Scale(t.Context(), MaxWorkers+1, nil)); !ok {
		t.Errorf("the error is %v", err)
	}
}

// TestGoingWorkerIsNotCalledBack: start and restart of a worker that Scale takes away would let it wait for ever.
func TestGoingWorkerIsNotCalledBack(t *testing.T) {
	c := open(t, Config{Command: misbehave.Argv("serve"), Workers: 2})
	c.awaitAll(2, Ready)
	err := c.Scale(t.Context(), 1, func(s Step) {
		if s.State == Stopping {
			for _, ask := range []func(int) error{c.Start, c.Restart, c.Pause, c.Undrain} {
				if err, ok := errors.AsType[*StateError](ask(2)); !ok {
					t.Errorf("a worker that is being taken away took an order: %v", err)
				}
			}
		}
	})
	if err != nil {
		t.Error(err)
	}
}

// TestRollingRestartStopsAtARestartPolicy: a worker that its policy leaves down after a failed boot has not come back.
func TestRollingRestartStopsAtARestartPolicy(t *testing.T) {
	for _, policy := range []RestartPolicy{RestartNever, RestartOnFailure} {
		t.Run(string(policy), func(t *testing.T) {
			app := filepath.Join(t.TempDir(), "app")
			write := func(argv []string) {
				script := "#!/bin/sh\nexec " + strings.Join(argv, " ") + "\n"
				if err := os.WriteFile(app, []byte(script), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			write(misbehave.Argv("serve"))
			c := open(t, Config{Command: []string{app}, Workers: 2, Restart: policy})
			c.awaitAll(2, Ready)
			if policy == RestartNever {
				write(misbehave.Argv("boot"))
			} else {
				write(misbehave.Argv("exit", "0"))
			}
			err, ok := errors.AsType[*ComeBackError](c.RollingRestart(t.Context(), nil))
			if !ok || err.Worker != 1 || err.Left != 1 {
				t.Errorf("the error is %+v", err)
			}
			if w := c.worker(2); w.State != Ready || w.Incarnation != 1 {
				t.Errorf("worker 2 is %s in incarnation %d, want it untouched", w.State, w.Incarnation)
			}
		})
	}
}

// TestRollingRestartLeavesAlone a worker that somebody stops while others are restarted.
func TestRollingRestartLeavesAlone(t *testing.T) {
	c := open(t, Config{Command: misbehave.Argv("serve"), Workers: 2})
	c.awaitAll(2, Ready)
	err := c.RollingRestart(t.Context(), func(s Step) {
		if s.Worker == 1 && s.State == Stopping {
			c.Stop(2)
		}
	})
	if err != nil {
		t.Error(err)
	}
	if w := c.await(2, Stopped, 0); w.Incarnation != 1 {
		t.Errorf("the stopped worker was started again: %+v", w)
	}
}

// TestIncarnationsGoOnAfterScale takes a worker away and brings another of its number: nothing late of the first may be taken
// for the second's.
func TestIncarnationsGoOnAfterScale(t *testing.T) {
	c := open(t, Config{Command: misbehave.Argv("serve"), Workers: 2})
	c.awaitAll(2, Ready)
	c.Restart(2)
	c.await(2, Ready, 2)
	for n := range 2 {
		if err := c.Scale(t.Context(), n+1, nil); err != nil {
			t.Fatal(err)
		}
	}
	if w := c.await(2, Ready, 0); w.Incarnation != 3 {
		t.Errorf("worker 2 is back in incarnation %d, want 3", w.Incarnation)
	}
}

// TestScaleStopsWaiting takes away a worker that does not want to go. Neither the one who asked for it nor the next one, whose
// own change has to wait, waits longer than he wants to; the first change goes on, the second one never was.
func TestScaleStopsWaiting(t *testing.T) {
	c := open(t, Config{Command: misbehave.Argv("serve-deaf"), Workers: 2, StopTimeout: time.Minute})
	c.awaitAll(2, Ready)
	ctx, cancel := context.WithCancel(t.Context())
	if err := c.Scale(ctx, 1, func(Step) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Errorf("whoever has enough when it has begun: %v", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	if err := c.Scale(ctx, 3, nil); !errors.Is(err, ErrScaling) {
		t.Errorf("whoever has to wait for the change before: %v", err)
	}
	cancel()
	if w := c.worker(2); w.State != Stopping {
		t.Errorf("the worker that is to go is %s", w.State)
	}
	if err := c.Kill(2); err != nil {
		t.Fatal(err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := c.Scale(ctx, 1, nil); err != nil {
		t.Error(err)
	}
	if n := len(c.Snapshot().Workers); n != 1 {
		t.Errorf("there are %d workers", n)
	}
	c.Hurry() // the other one is deaf too
}

// TestWhatIsTakenAwayIsNotDone: whoever asked for a restart or for more workers is not told that it went well when the
// cluster ended, or somebody took the workers away, before it had.
func TestWhatIsTakenAwayIsNotDone(t *testing.T) {
	c := open(t, Config{Command: misbehave.Argv("serve"), Workers: 1})
	c.awaitAll(1, Ready)
	late, ok := errors.AsType[*ComeBackError](c.Scale(t.Context(), 3, func(s Step) {
		if s.Worker == 3 && s.State == Starting {
			c.Scale(t.Context(), 1, nil)
		}
	}))
	if !ok || late.Worker != 2 {
		t.Errorf("of a scale that another one undid the error is %v", late)
	}
	c.awaitAll(1, Ready)
	var told []string
	err := c.RollingRestart(t.Context(), func(s Step) {
		told = append(told, string(s.State))
		if s.State == Stopping {
			c.Shutdown(t.Context())
		}
	})
	if !errors.Is(err, errEnding) || len(told) != 1 {
		t.Errorf("of a rolling restart in which the cluster ended the error is %v, the steps are %q", err, told)
	}
}
