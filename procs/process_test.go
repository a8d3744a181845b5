package procs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/lbdev/lbdev/procs/misbehave"
)

func TestMain(m *testing.M) {
	misbehave.Main()
	GuardianMain()
	parentMain()
	guardedMain()
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/lbdev/lbdev/procs.(*forker).run"))
}

func TestExit(t *testing.T) {
	both(t, func(t *testing.T, pty bool) {
		for _, tt := range []struct{ code, want string }{{"0", "exited"}, {"7", "exited with code 7"}, {"255", "exited with code 255"}} {
			c := startChild(t, pty, "exit", tt.code)
			c.await("exit", c.Done())
			e := c.Exit()
			if e.String() != tt.want || strconv.Itoa(e.Code) != tt.code || e.Signal != 0 {
				t.Errorf("exit %s: got %+v, %s", tt.code, e, e)
			}
			if e.Ran <= 0 || e.Ran > patience || time.Since(e.Time) > patience {
				t.Errorf("exit %s: ran %v, ended at %v", tt.code, e.Ran, e.Time)
			}
		}
	})
}

// TestLastWords: what a process says without a newline just before its end is its most important line.
func TestLastWords(t *testing.T) {
	both(t, func(t *testing.T, pty bool) {
		const runs, together = 100, 10
		for _, ms := range []string{"10", "50"} {
			for range runs / together {
				var children []*child
				for range together {
					children = append(children, startChild(t, pty, "words", ms, "last words"))
				}
				for _, c := range children {
					c.await("exit", c.Done())
					c.await("the end of output", c.Drained())
					if len(c.lines) != 1 || c.lines[0].Text != "last words" || !c.lines[0].Partial {
						t.Fatalf("exit after %s ms: got %+v", ms, c.lines)
					}
				}
			}
		}
	})
}

func TestLines(t *testing.T) {
	both(t, func(t *testing.T, pty bool) {
		const n = 5000
		c := startChild(t, pty, "lines", strconv.Itoa(n))
		c.await("exit", c.Done())
		c.await("the end of output", c.Drained())
		if len(c.lines) != n {
			t.Fatalf("got %d lines, want %d", len(c.lines), n)
		}
		for i, l := range c.lines {
			if want := fmt.Sprintf("line %d", i+1); l.Text != want || l.Partial || l.Cut || l.Time.IsZero() {
				t.Fatalf("got %+v, want %q", l, want)
			}
		}
	})
}

func TestLongLine(t *testing.T) {
	both(t, func(t *testing.T, pty bool) {
		c := startChild(t, pty, "long", strconv.Itoa(1<<20))
		c.await("the end of output", c.Drained())
		if len(c.lines) != 2 || c.lines[1].Text != "end" || c.lines[1].Cut {
			t.Fatalf("got %d lines, the last %.80q", len(c.lines), c.lines[len(c.lines)-1].Text)
		}
		if l := c.lines[0]; !l.Cut || l.Text != strings.Repeat("x", maxLine)+"…" {
			t.Errorf("got a line of %d bytes, cut %v", len(l.Text), l.Cut)
		}
	})
}

func TestJunk(t *testing.T) {
	both(t, func(t *testing.T, pty bool) {
		c := startChild(t, pty, "junk")
		c.await("the end of output", c.Drained())
		if got := c.said(); !slices.Equal(got, misbehave.JunkOut) {
			t.Errorf("got  %q\nwant %q", got, misbehave.JunkOut)
		}
	})
}

// TestPrompt also sees that stdin is open: its end would answer the prompt.
func TestPrompt(t *testing.T) {
	both(t, func(t *testing.T, pty bool) {
		c := startChild(t, pty, "prompt")
		c.awaitLine("Name: ", 1)
		if c.mu.Lock(); !c.lines[0].Partial {
			t.Errorf("got %+v, want a partial line", c.lines[0])
		}
		c.mu.Unlock()
		stays(t, c)
	})
}

func TestStdinStaysOpen(t *testing.T) {
	both(t, func(t *testing.T, pty bool) {
		c := startChild(t, pty, "stdin")
		c.awaitLine("up", 1)
		stays(t, c)
		if got := c.said(); slices.Contains(got, "end of input") {
			t.Errorf("it said %q", got)
		}
	})
}

// stays checks that c does not end for a while.
func stays(t *testing.T, c *child) {
	t.Helper()
	select {
	case <-c.Done():
		t.Fatalf("it %s, having said %q", c.Exit(), c.said())
	case <-time.After(100 * time.Millisecond):
	}
}

// families are the modes that leave something behind, with how many processes live when all is set up.
var families = []struct {
	mode   string
	says   int // children that it names
	up     int // who says "up"
	alive  int
	leaves bool // the leader exits by itself
	marked bool // found by its mark only
}{
	{mode: "wait", up: 1, alive: 1},
	{mode: "tree", says: 2, up: 3, alive: 3},
	{mode: "session", says: 1, up: 2, alive: 2},
	{mode: "session-deaf", says: 1, up: 2, alive: 2},
	{mode: "daemon", says: 1, up: 2, alive: 2, marked: true},
	{mode: "leave", says: 1, up: 1, alive: 1, leaves: true},
	{mode: "leave-daemon", says: 1, up: 1, alive: 1, leaves: true, marked: true},
}

// TestFamily ends trees of all kinds and sees that each of their processes is gone, by its pid.
func TestFamily(t *testing.T) {
	both(t, func(t *testing.T, pty bool) {
		for _, f := range families {
			if f.marked && !canMark {
				continue
			}
			if f.leaves && pty {
				continue // its terminal hangs up with the leader, and that ends them: TestHangUp
			}
			t.Run(f.mode, func(t *testing.T) {
				c := startChild(t, pty, f.mode)
				family := append(c.children(f.says), c.Pid())
				c.awaitLine("up", f.up)
				if f.leaves {
					c.await("exit", c.Done())
					if code := c.Exit().Code; code != 5 {
						t.Errorf("got code %d", code)
					}
					select {
					case <-c.Drained():
						t.Error("drained, though a child holds stdout")
					default:
					}
				}
				if got := c.Tree(); len(got) != f.alive {
					t.Errorf("tree has %v, want %d of %v", got, f.alive, family)
				}
				c.End(context.Background(), syscall.SIGTERM, time.Second)
				for _, pid := range family {
					if alive(pid) {
						t.Errorf("process %d is alive after End", pid)
					}
				}
				c.await("the end of output", c.Drained())
			})
		}
	})
}

func TestEndOfTheDead(t *testing.T) {
	both(t, func(t *testing.T, pty bool) {
		c := startChild(t, pty, "exit", "0")
		c.await("exit", c.Done())
		for range 3 {
			if e := c.End(context.Background(), syscall.SIGTERM, time.Hour); e.Killed != nil || e.Left != nil {
				t.Errorf("got %+v", e)
			}
		}
		if err := c.Signal(syscall.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("Signal: got %v", err)
		}
	})
}

// TestBackPressure: a slow Output stops the child and nothing else, and no line is lost by it.
func TestBackPressure(t *testing.T) {
	both(t, func(t *testing.T, pty bool) {
		const n = 50000
		gate := make(chan struct{})
		var got int
		p, err := Start(Config{Argv: misbehave.Argv("lines", strconv.Itoa(n)), PTY: pty, Output: func(lines []Line) {
			<-gate
			got += len(lines)
		}})
		if err != nil {
			t.Fatal(err)
		}
		c := &child{Process: p, t: t}
		select {
		case <-c.Done():
			t.Error("it ended, though nobody took its output")
		case <-time.After(100 * time.Millisecond):
		}
		close(gate)
		c.await("exit", c.Done())
		c.await("the end of output", c.Drained())
		if got != n {
			t.Errorf("got %d lines, want %d", got, n)
		}
		c.finish()
	})
}

// TestCycles sees that 100 processes leave nothing behind in us.
func TestCycles(t *testing.T) {
	both(t, func(t *testing.T, pty bool) {
		cycle := func() {
			c := startChild(t, pty, "tree", "1")
			c.awaitLine("up", 2)
			c.End(context.Background(), syscall.SIGTERM, patience)
			c.finish()
		}
		cycle() // what is made once is there now
		before := openFiles(t)
		for range 100 {
			cycle()
		}
		// Our end of a terminal is closed by the goroutine that reaped, which may be a moment behind.
		over := time.Now().Add(patience)
		for openFiles(t) > before && time.Now().Before(over) {
			time.Sleep(time.Millisecond)
		}
		if after := openFiles(t); after > before {
			t.Errorf("%d descriptors open, %d before", after, before)
		}
		goleak.VerifyNone(t, goleak.IgnoreCurrent())
	})
}
