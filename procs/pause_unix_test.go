//go:build linux || darwin

package procs

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// hasSignals says whether a process without a console can be ended politely.
const hasSignals = true

// TestPauseAll: everybody is stopped when Pause returns, and nobody is after Resume, wherever he is in the tree.
func TestPauseAll(t *testing.T) {
	modes := []struct {
		argv  []string
		lines int
	}{{[]string{"tree", "3"}, 4}, {[]string{"session-deaf"}, 2}, {[]string{"deaf", "5"}, 6}, {[]string{"daemon"}, 2}}
	for _, mode := range modes {
		if mode.argv[0] == "daemon" && !hasMarks {
			continue
		}
		t.Run(mode.argv[0], func(t *testing.T) {
			both(t, func(t *testing.T, pty bool) {
				c := startChild(t, pty, mode.argv[0], mode.argv[1:]...)
				c.awaitLine("up", mode.lines)
				for range 5 {
					if err := c.Pause(); err != nil {
						t.Fatal(err)
					}
					members := c.scan()
					if len(members) != mode.lines || slices.ContainsFunc(members, func(m member) bool { return !m.stopped }) {
						t.Fatalf("after Pause: %+v", members)
					}
					if err := c.Resume(); err != nil {
						t.Fatal(err)
					}
					awaitStopped(t, false, c.Tree()...)
				}
			})
		})
	}
}

// TestPauseBreed freezes a tree that grows, and it grows no more.
func TestPauseBreed(t *testing.T) {
	c := startChild(t, false, "breed", "60")
	c.children(5)
	if err := c.Pause(); err != nil {
		t.Fatal(err)
	}
	members := c.scan()
	if slices.ContainsFunc(members, func(m member) bool { return !m.frozen }) {
		t.Errorf("after Pause: %+v", members)
	}
	c.quiet()
	if now := c.scan(); len(now) != len(members) || len(now) > 60 {
		t.Errorf("it had %d processes, now it has %d", len(members), len(now))
	}
	if err := c.Resume(); err != nil {
		t.Fatal(err)
	}
	c.children(60)
}

// TestPauseForking freezes a shell that starts programs without end, by vfork or fork: no round finds it as the one before.
func TestPauseForking(t *testing.T) {
	c := startConfig(t, Config{Argv: []string{"sh", "-c", "echo up; while :; do /bin/true; done"}})
	c.awaitLine("up", 1)
	var longest time.Duration
	for range 50 {
		begun := time.Now()
		if err := c.Pause(); err != nil {
			t.Fatal(err)
		}
		longest = max(longest, time.Since(begun))
		before := c.Tree()
		if after := c.Tree(); !slices.Equal(before, after) {
			t.Fatalf("paused, the tree was %v and is %v", before, after)
		}
		if err := c.Resume(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("the longest of 50 pauses took %v to set in", longest)
}

// TestPauseWhileEnding: End wins, whenever it comes, and the tree that is ended politely hears that.
func TestPauseWhileEnding(t *testing.T) {
	for range 20 {
		c := startChild(t, false, "slow-term", "20")
		c.awaitLine("up", 1)
		var all sync.WaitGroup
		all.Go(func() {
			for !errors.Is(c.Pause(), os.ErrProcessDone) {
			}
		})
		ended := c.End(context.Background(), syscall.SIGTERM, patience)
		all.Wait()
		c.await("the end of output", c.Drained())
		if len(ended.Killed)+len(ended.Left) > 0 || !slices.Contains(c.said(), "ended") {
			t.Fatalf("got %+v; it said %q", ended, c.said())
		}
	}
}

// TestResumeUnpaused: a program may do something on SIGCONT, so who is not stopped does not get it.
func TestResumeUnpaused(t *testing.T) {
	c := startConfig(t, Config{Argv: []string{"sh", "-c", "trap 'echo continued' CONT; echo up; while :; do sleep 0.01; done"}})
	c.awaitLine("up", 1)
	if err := c.Resume(); err != nil {
		t.Fatal(err)
	}
	if err := c.Pause(); err != nil {
		t.Fatal(err)
	}
	if slices.Contains(c.said(), "continued") {
		t.Error("Resume sent SIGCONT to a process that was not stopped")
	}
	if err := c.Resume(); err != nil {
		t.Fatal(err)
	}
	c.awaitLine("continued", 1)
}
