//go:build linux || darwin

package procs

import (
	"context"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/lbdev/lbdev/procs/misbehave"
)

// TestLeftovers: what we start can be found by its mark and by its leader, and ended so.
func TestLeftovers(t *testing.T) {
	c := startConfig(t, Config{Argv: misbehave.Argv("serve"), Env: append(os.Environ(), markName+"=outer")})
	c.awaitLine("listening on ", 1)
	leader := c.Leader()
	if leader.Pid != c.Pid() || !Alive(leader.Pid, leader.Start) || Alive(leader.Pid, leader.Start+1) || leader.Start >= 1<<53 {
		t.Errorf("leader %+v: not as it should be", leader)
	}
	if start, ok := StartTime(leader.Pid); !ok || start != leader.Start {
		t.Errorf("start is %d, %v", start, ok)
	}
	if found := Marked(OurMark(), Leader{Pid: leader.Pid, Start: leader.Start + 1}); !hasMarks && len(found) > 0 {
		t.Errorf("a leader that was reused: found %+v", found)
	}
	for _, none := range []string{"", "outer", os.Getenv("PATH"), newMark(), ownPrefix} {
		if found := Marked(none); len(found) > 0 {
			t.Errorf("mark %q: found %+v", none, found)
		}
	}
	find := map[string]func() []Leftover{"Marked by leader": func() []Leftover { return Marked("", leader) }}
	if hasMarks {
		find["Marked"] = func() []Leftover { return Marked(OurMark()) }
		find["Marked by tree"] = func() []Leftover { return Marked(string(c.group.mark)) }
	}
	for name, find := range find {
		found := find()
		i := slices.IndexFunc(found, func(l Leftover) bool { return l.Pid == leader.Pid })
		if i < 0 {
			t.Errorf("%s: found %+v", name, found)
			continue
		}
		l := found[i]
		if l.Start != leader.Start || len(l.Ports) != 1 || time.Since(l.Began).Abs() > patience {
			t.Errorf("%s: got %+v", name, l)
		}
		if want := misbehave.Argv("serve"); l.Command != want[0]+" "+want[1]+" "+want[2] {
			t.Errorf("%s: command is %q", name, l.Command)
		}
		want := []string{"outer", OurMark(), string(c.group.mark)}
		if hasMarks && (!slices.Equal(l.Marks, want) || !slices.Equal(l.Owners, want[1:2])) {
			t.Errorf("%s: marks are %q, owners %q", name, l.Marks, l.Owners)
		}
	}
	c.End(context.Background(), os.Kill, 0)
	if Alive(leader.Pid, leader.Start) || len(Marked(OurMark(), leader)) > 0 {
		t.Error("found after its end")
	}
}

// TestEndMarked ends a tree as somebody who has not started it, politely and by force.
func TestEndMarked(t *testing.T) {
	ctx := context.Background()
	by := map[string]func(c *child) (string, []Leader){"leader": func(c *child) (string, []Leader) { return "", []Leader{c.Leader()} }}
	if hasMarks {
		by["mark"] = func(c *child) (string, []Leader) { return string(c.group.mark), nil }
	}
	for name, by := range by {
		t.Run(name, func(t *testing.T) {
			c := startChild(t, false, "slow-term", "50")
			c.awaitLine("up", 1)
			if err := c.Pause(); err != nil {
				t.Fatal(err)
			}
			mark, leaders := by(c)
			ended := EndMarked(ctx, mark, leaders, syscall.SIGTERM, patience)
			c.await("the end of output", c.Drained())
			if len(ended.Killed)+len(ended.Left) > 0 || !slices.Contains(c.said(), "ended") {
				t.Errorf("politely: got %+v; it said %q", ended, c.said())
			}
			c = startChild(t, false, "deaf", "3")
			c.awaitLine("up", 4)
			mark, leaders = by(c)
			all := append(c.children(3), c.Pid())
			slices.Sort(all)
			ended = EndMarked(ctx, mark, leaders, syscall.SIGTERM, 100*time.Millisecond)
			if !slices.Equal(ended.Killed, all) || len(ended.Left) > 0 || ended.Took < 100*time.Millisecond {
				t.Errorf("by force: got %+v, want %v killed", ended, all)
			}
			if ended := EndMarked(ctx, mark, leaders, syscall.SIGTERM, patience); len(ended.Killed)+len(ended.Left) > 0 || ended.Took > patience/2 {
				t.Errorf("nobody left: got %+v", ended)
			}
		})
	}
	c := startChild(t, false, "ignore-term")
	c.awaitLine("up", 1)
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if ended := EndMarked(cancelled, "", []Leader{c.Leader()}, syscall.SIGTERM, patience); !slices.Equal(ended.Killed, []int{c.Pid()}) || ended.Took > patience/2 {
		t.Errorf("cancelled: got %+v", ended)
	}
	other := startChild(t, false, "wait")
	other.awaitLine("up", 1)
	stale := Leader{Pid: other.Pid(), Start: other.Leader().Start - 1}
	if ended := EndMarked(ctx, "", []Leader{stale}, syscall.SIGTERM, patience); len(ended.Killed) > 0 || !alive(other.Pid()) {
		t.Errorf("a leader whose pid was reused: got %+v", ended)
	}
}
