//go:build linux || darwin

package procs

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lbdev/lbdev/procs/misbehave"
)

// canMark: see families.
const canMark = hasMarks

func tempDir(t *testing.T) string { return t.TempDir() }

func alive(pid int) bool {
	p, ok := look(pid)
	return ok && p.alive
}

func openFiles(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

func TestKilled(t *testing.T) {
	both(t, func(t *testing.T, pty bool) {
		c := startChild(t, pty, "kill-self")
		c.await("exit", c.Done())
		if e := c.Exit(); e.String() != "killed by SIGKILL" || e.Code != -1 || e.Signal != syscall.SIGKILL {
			t.Errorf("got %+v, %s", e, e)
		}
	})
}

// TestOneSignal: each process is told once, whoever wants it to end, however often.
func TestOneSignal(t *testing.T) {
	both(t, func(t *testing.T, pty bool) {
		c := startChild(t, pty, "count", "300")
		c.awaitLine("up", 1)
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() { c.End(context.Background(), syscall.SIGTERM, patience) })
		}
		wg.Wait()
		c.await("the end of output", c.Drained())
		if got := c.awaitLine("signals ", 1)[0]; got != "1" {
			t.Errorf("it got %s signals", got)
		}
	})
}

func TestEndPolitely(t *testing.T) {
	both(t, func(t *testing.T, pty bool) {
		c := startChild(t, pty, "slow-term", "200")
		c.awaitLine("up", 1)
		ended := c.End(context.Background(), syscall.SIGTERM, patience)
		if len(ended.Killed)+len(ended.Left) > 0 || ended.Took < 200*time.Millisecond || ended.Took > patience {
			t.Errorf("got %+v", ended)
		}
		c.await("exit", c.Done())
		c.await("the end of output", c.Drained())
		if got := c.said(); !slices.Equal(got, []string{"up", "ending", "ended"}) {
			t.Errorf("it said %q", got)
		}
		if c.Exit().String() != "exited" {
			t.Errorf("it %s", c.Exit())
		}
	})
}

// TestEndTogether: eight that don't listen take one patience, not eight.
func TestEndTogether(t *testing.T) {
	const grace = time.Second
	var all []*child
	for range 8 {
		all = append(all, startChild(t, false, "ignore-term"))
	}
	for _, c := range all {
		c.awaitLine("up", 1)
	}
	begun := time.Now()
	var wg sync.WaitGroup
	for _, c := range all {
		wg.Go(func() {
			ended := c.End(context.Background(), syscall.SIGTERM, grace)
			if !slices.Equal(ended.Killed, []int{c.Pid()}) || len(ended.Left) > 0 || ended.Took < grace {
				t.Errorf("got %+v", ended)
			}
		})
	}
	wg.Wait()
	if took := time.Since(begun); took > 4*grace {
		t.Errorf("took %v", took)
	}
}

// TestEndImpatiently: a second call, or a cancelled context, ends the patience of the first.
func TestEndImpatiently(t *testing.T) {
	hurry := map[string]func(c *child, cancel func()){
		"second call": func(c *child, _ func()) {
			if ended := c.End(context.Background(), syscall.SIGTERM, 0); !slices.Equal(ended.Killed, []int{c.Pid()}) {
				t.Errorf("second call: got %+v", ended)
			}
		},
		"cancelled": func(_ *child, cancel func()) { cancel() },
	}
	for name, hurry := range hurry {
		t.Run(name, func(t *testing.T) {
			c := startChild(t, false, "ignore-term")
			c.awaitLine("up", 1)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			first := make(chan Ended)
			go func() { first <- c.End(ctx, syscall.SIGTERM, time.Hour) }()
			select {
			case ended := <-first:
				t.Fatalf("the first call was not patient: %+v", ended)
			case <-time.After(50 * time.Millisecond):
			}
			hurry(c, cancel)
			select {
			case ended := <-first:
				if !slices.Equal(ended.Killed, []int{c.Pid()}) {
					t.Errorf("first call: got %+v", ended)
				}
			case <-time.After(patience):
				t.Fatal("the first call goes on")
			}
		})
	}
}

func TestSignalReachesAll(t *testing.T) {
	both(t, func(t *testing.T, pty bool) {
		c := startChild(t, pty, "session")
		other := c.children(1)[0]
		c.awaitLine("up", 2)
		for _, sig := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT, syscall.SIGSTOP} {
			if err := c.Signal(sig); err != nil {
				t.Fatal(err)
			}
			awaitStopped(t, sig == syscall.SIGSTOP, c.Pid(), other)
		}
		// Stopped as it is, it must hear SIGTERM.
		if ended := c.End(context.Background(), syscall.SIGTERM, patience); len(ended.Killed) > 0 {
			t.Errorf("got %+v", ended)
		}
		if e := c.Exit(); e.Signal != syscall.SIGTERM {
			t.Errorf("it %s", e)
		}
	})
}

// awaitStopped polls until the processes are stopped, or none is.
func awaitStopped(t *testing.T, want bool, pids ...int) {
	t.Helper()
	over := time.Now().Add(patience)
	for _, pid := range pids {
		for p, _ := look(pid); p.stopped != want; p, _ = look(pid) {
			if time.Now().After(over) {
				t.Fatalf("process %d: stopped is %v, want %v", pid, p.stopped, want)
			}
			time.Sleep(time.Millisecond)
		}
	}
}

func TestIgnoreHUP(t *testing.T) {
	both(t, func(t *testing.T, pty bool) {
		c := startChild(t, pty, "ignore-hup")
		c.awaitLine("up", 1)
		if err := c.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		stays(t, c)
		if ended := c.End(context.Background(), syscall.SIGTERM, patience); len(ended.Killed) > 0 {
			t.Errorf("got %+v", ended)
		}
	})
}

// TestHangUp: with its leader gone, whoever is in the session of a terminal gets SIGHUP. The others are there for End.
func TestHangUp(t *testing.T) {
	c := startChild(t, true, "leave")
	c.await("exit", c.Done())
	c.await("the end of output", c.Drained())
	if code := c.Exit().Code; code != 5 {
		t.Errorf("got code %d", code)
	}
	if !hasMarks {
		return
	}
	c = startChild(t, true, "leave-daemon")
	other := c.children(1)[0]
	c.await("exit", c.Done())
	if got := c.Tree(); !slices.Equal(got, []int{other}) {
		t.Errorf("tree has %v, want %d", got, other)
	}
	c.End(context.Background(), syscall.SIGTERM, patience)
	if alive(other) {
		t.Errorf("process %d is alive after End", other)
	}
}

// TestLost: nothing leads to a process that left session, parent and environment behind. It must not hold us up.
func TestLost(t *testing.T) {
	both(t, func(t *testing.T, pty bool) {
		c := startChild(t, pty, "leave-lost")
		lost := c.children(1)[0]
		defer syscall.Kill(lost, syscall.SIGKILL)
		c.await("exit", c.Done())
		if ended := c.End(context.Background(), syscall.SIGTERM, patience); len(ended.Killed)+len(ended.Left) > 0 {
			t.Errorf("got %+v", ended)
		}
		begun := time.Now()
		c.await("the end of output", c.Drained())
		if took := time.Since(begun); took > patience/2 || !alive(lost) {
			t.Errorf("drained after %v, process alive: %v", took, alive(lost))
		}
	})
}

// TestBreed: a tree that grows while it is ended.
func TestBreed(t *testing.T) {
	c := startChild(t, false, "breed", "40")
	c.awaitLine("up", 6) // these, it and five others, are deaf by now
	ended := c.End(context.Background(), syscall.SIGTERM, 20*time.Millisecond)
	if len(ended.Killed) < 6 || len(ended.Left) > 0 {
		t.Errorf("got %+v", ended)
	}
	c.await("the end of output", c.Drained())
	for _, pid := range append(c.children(5), c.Pid()) {
		if alive(pid) {
			t.Errorf("process %d is alive after End", pid)
		}
	}
}

// TestReload: whoever kills the parent of a reloader, its child goes too.
func TestReload(t *testing.T) {
	both(t, func(t *testing.T, pty bool) {
		for _, sig := range []os.Signal{syscall.SIGTERM, os.Kill} {
			c := startChild(t, pty, "reload")
			server := c.children(1)[0]
			c.awaitLine("listening on ", 1)
			c.End(context.Background(), sig, patience)
			if alive(server) {
				t.Errorf("after %v, its child %d is alive", sig, server)
			}
		}
	})
}

// parentMain makes this test binary a supervisor that is killed; see TestOurDeath.
func parentMain() {
	if len(os.Args) < 2 || os.Args[1] != "parent" {
		return
	}
	say := func(lines []Line) {
		for _, l := range lines {
			fmt.Println(l.Text)
		}
	}
	for _, pty := range []bool{false, true} {
		p, err := Start(Config{Argv: misbehave.Argv("ignore-term"), PTY: pty, Output: say})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("child", p.Pid())
	}
	select {}
}

// TestOurDeath kills a supervisor, after its runtime had many threads come and go: its processes must live until then, and
// no longer.
func TestOurDeath(t *testing.T) {
	if !diesWithUs {
		t.Log("only the terminal's hang-up ends children here")
		return
	}
	c := startConfig(t, Config{Argv: []string{os.Args[0], "parent"}})
	both := c.children(2)
	c.awaitLine("up", 2)
	for _, pid := range both {
		if !alive(pid) {
			t.Errorf("process %d is gone too early", pid)
		}
	}
	if err := syscall.Kill(c.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	for _, pid := range both {
		for alive(pid) {
			if time.Since(begun) > 2*time.Second {
				t.Fatalf("process %d is alive 2 s after its supervisor's death", pid)
			}
			time.Sleep(time.Millisecond)
		}
	}
}
