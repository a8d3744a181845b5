package procs

import (
	"context"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lbdev/lbdev/procs/misbehave"
)

// patience bounds every wait for what must come. It is long, as a machine may be busy; nothing waits for it in vain.
const patience = 30 * time.Second

// child is a process under test with what it said.
type child struct {
	*Process
	t     *testing.T
	mu    sync.Mutex
	lines []Line
	news  chan struct{}
}

// startChild starts the mode and ends it with the test.
func startChild(t *testing.T, pty bool, mode string, args ...string) *child {
	t.Helper()
	return startConfig(t, Config{Argv: misbehave.Argv(mode, args...), PTY: pty})
}

func startConfig(t *testing.T, config Config) *child {
	t.Helper()
	c := &child{t: t, news: make(chan struct{}, 1)}
	config.Output = c.output
	var err error
	if c.Process, err = Start(config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.finish)
	return c
}

func (c *child) output(lines []Line) {
	c.mu.Lock()
	c.lines = append(c.lines, lines...)
	c.mu.Unlock()
	select {
	case c.news <- struct{}{}:
	default:
	}
}

// finish ends the tree, checks that this worked and waits until nothing is left of it.
func (c *child) finish() {
	ended := c.End(context.Background(), os.Kill, 0)
	if len(ended.Left) > 0 {
		c.t.Errorf("left alive: %v", ended.Left)
	}
	c.await("the end", c.Done())
	c.await("the end of output", c.Drained())
	if left := c.Tree(); len(left) > 0 {
		c.t.Errorf("tree has %v after its end", left)
	}
}

func (c *child) await(what string, ch <-chan struct{}) {
	c.t.Helper()
	select {
	case <-ch:
	case <-time.After(patience):
		c.t.Fatalf("%s did not come; it said %q", what, c.said())
	}
}

// said is the text so far.
func (c *child) said() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for _, l := range c.lines {
		out = append(out, l.Text)
	}
	return out
}

// awaitLine waits for n lines that begin with prefix and returns what follows it in each.
func (c *child) awaitLine(prefix string, n int) []string {
	c.t.Helper()
	over := time.After(patience)
	for {
		var rest []string
		for _, s := range c.said() {
			if after, ok := strings.CutPrefix(s, prefix); ok {
				rest = append(rest, after)
			}
		}
		if len(rest) >= n {
			return rest
		}
		select {
		case <-c.news:
		case <-over:
			c.t.Fatalf("no %d lines that begin with %q; it said %q", n, prefix, c.said())
		}
	}
}

// children are the pids that it said.
func (c *child) children(n int) []int {
	c.t.Helper()
	var out []int
	for _, s := range c.awaitLine("child ", n) {
		pid, err := strconv.Atoi(s)
		if err != nil {
			c.t.Fatal(err)
		}
		out = append(out, pid)
	}
	return out
}

// both runs the test on a pipe and, where there are any, on a pseudo terminal.
func both(t *testing.T, test func(t *testing.T, pty bool)) {
	t.Run("pipe", func(t *testing.T) { test(t, false) })
	if HasPTY {
		t.Run("pty", func(t *testing.T) { test(t, true) })
	}
}
