package procs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/lbdev/lbdev/procs/misbehave"
)

func TestMain(m *testing.M) {
	misbehave.Main()
	parentMain()
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/lbdev/lbdev/procs.(*forker).run"))
}

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

func TestReport(t *testing.T) {
	dir := tempDir(t)
	both(t, func(t *testing.T, pty bool) {
		c := startConfig(t, Config{
			Argv: misbehave.Argv("report", "a b", "", `"`, "$HOME", "%PATH%"), Dir: dir, PTY: pty, Rows: 7, Cols: 33,
			Env: append(os.Environ(), "TWICE=1", "TWICE=2", "EMPTY="),
		})
		c.await("the end of output", c.Drained())
		said := c.said()
		if want := `args ["a b" "" "\"" "$HOME" "%PATH%"]`; said[0] != want {
			t.Errorf("got %s, want %s", said[0], want)
		}
		if real, _ := filepath.EvalSymlinks(dir); said[1] != "dir "+dir+" <nil>" && said[1] != "dir "+real+" <nil>" {
			t.Errorf("got %s", said[1])
		}
		terminal, controlled := "no terminal", "controlled false"
		if pty {
			terminal, controlled = "terminal 7×33", "controlled true"
		}
		if said[2] != terminal || said[3] != controlled {
			t.Errorf("got %q, %q", said[2], said[3])
		}
		for _, want := range []string{"env TWICE=2", "env EMPTY="} {
			if !slices.Contains(said, want) {
				t.Errorf("no %q in %q", want, said)
			}
		}
		if slices.Contains(said, "env TWICE=1") {
			t.Error("both values of a variable arrived")
		}
	})
}

func TestCannotStart(t *testing.T) {
	dir := tempDir(t)
	plain := filepath.Join(dir, "plain.txt")
	if err := os.WriteFile(plain, []byte("text\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		config Config
		class  error
		text   string
	}{
		{"nothing", Config{}, nil, "no command"},
		{"not in PATH", Config{Argv: []string{"no-such-program"}}, exec.ErrNotFound, `cannot start "no-such-program"`},
		{"no such file", Config{Argv: []string{filepath.Join(dir, "none")}}, exec.ErrNotFound, "no such file"},
		{"not executable", Config{Argv: []string{plain}}, fs.ErrPermission, "not executable"},
		{"folder", Config{Argv: []string{dir}}, fs.ErrPermission, "folder"},
		{"no such Dir", Config{Argv: misbehave.Argv("exit"), Dir: filepath.Join(dir, "none")}, fs.ErrNotExist, "cannot run in"},
		{"Dir is a file", Config{Argv: misbehave.Argv("exit"), Dir: plain}, syscall.ENOTDIR, "cannot run in"},
		{"PATH is empty", Config{Argv: []string{"sh"}, Env: []string{"PATH="}}, exec.ErrNotFound, "PATH"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Start(tt.config)
			if err == nil {
				p.End(context.Background(), os.Kill, 0)
				t.Fatal("it started")
			}
			if tt.class != nil && !errors.Is(err, tt.class) || !strings.Contains(err.Error(), tt.text) ||
				!strings.HasPrefix(err.Error(), "cannot ") {
				t.Errorf("got %q (%T)", err, err)
			}
			if tt.class != exec.ErrNotFound && errors.Is(err, exec.ErrNotFound) {
				t.Errorf("%q counts as not found", err)
			}
		})
	}
}

func TestSignalByName(t *testing.T) {
	for name, want := range map[string]os.Signal{
		"TERM": syscall.SIGTERM, "SIGTERM": syscall.SIGTERM, "int": os.Interrupt, "sigKill": os.Kill, "9": os.Kill, "15": syscall.SIGTERM,
	} {
		if got, err := SignalByName(name); err != nil || got != want {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
	for _, name := range []string{"", "SIG", "nonsense", "0", "-9", "999", "SIGSIGTERM"} {
		if got, err := SignalByName(name); err == nil || !strings.HasPrefix(err.Error(), "cannot ") {
			t.Errorf("%q: got %v, %v", name, got, err)
		}
	}
}
