package procs

import (
	"context"
	"errors"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/lbdev/lbdev/procs/misbehave"
)

// quiet waits until it says nothing for a while; the output on its way must come in first.
func (c *child) quiet() {
	c.t.Helper()
	over := time.After(patience)
	for {
		select {
		case <-c.news:
		case <-time.After(200 * time.Millisecond):
			return
		case <-over:
			c.t.Fatal("it talks on")
		}
	}
}

// TestPause freezes a process that never stops talking.
func TestPause(t *testing.T) {
	both(t, func(t *testing.T, pty bool) {
		c := startConfig(t, Config{Argv: misbehave.Argv("flood"), PTY: pty})
		c.awaitLine("flood 1", 1)
		for range 2 {
			for range 2 { // the second changes nothing
				if err := c.Pause(); err != nil {
					t.Fatal(err)
				}
			}
			c.quiet()
			before := len(c.said())
			for range 2 {
				if err := c.Resume(); err != nil {
					t.Fatal(err)
				}
			}
			for over := time.Now().Add(patience); len(c.said()) <= before; time.Sleep(time.Millisecond) {
				if time.Now().After(over) {
					t.Fatal("it says nothing after Resume")
				}
			}
		}
	})
}

func TestPauseNobody(t *testing.T) {
	c := startChild(t, false, "exit", "0")
	c.await("exit", c.Done())
	for name, do := range map[string]func() error{"Pause": c.Pause, "Resume": c.Resume} {
		if err := do(); !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	c.End(context.Background(), os.Kill, 0)
	if err := c.Pause(); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("after End: got %v", err)
	}
}

// TestEndPaused: where there are signals, whoever is frozen hears them.
func TestEndPaused(t *testing.T) {
	both(t, func(t *testing.T, pty bool) {
		for _, sig := range []os.Signal{syscall.SIGTERM, os.Kill} {
			c := startChild(t, pty, "slow-term", "50")
			c.awaitLine("up", 1)
			if err := c.Pause(); err != nil {
				t.Fatal(err)
			}
			ended := c.End(context.Background(), sig, patience)
			c.await("exit", c.Done())
			c.await("the end of output", c.Drained())
			polite := sig == syscall.SIGTERM && hasSignals
			got := slices.Contains(c.said(), "ended")
			if polite && (!got || len(ended.Killed) > 0) || sig == os.Kill && got || len(ended.Left) > 0 {
				t.Errorf("%v: got %+v; it said %q", sig, ended, c.said())
			}
		}
	})
}
