//go:build linux || darwin

package procs

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lbdev/lbdev/procs/misbehave"
)

// deathPatience is how long anything may live after our death.
const deathPatience = 2 * time.Second

// guardedMain makes this test binary a small lbdev: "guarded pty|pipe MODE [ARG…]". SIGUSR1 pauses its tree, SIGUSR2 ends it
// with everything.
func guardedMain() {
	if len(os.Args) < 4 || os.Args[1] != "guarded" {
		return
	}
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGUSR1, syscall.SIGUSR2)
	guard, err := EndWithUs(func(err error) { fmt.Println("report", err) })
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	p, err := Start(Config{Argv: misbehave.Argv(os.Args[3], os.Args[4:]...), PTY: os.Args[2] == "pty", Output: func(lines []Line) {
		for _, l := range lines {
			fmt.Println(l.Text)
		}
	}})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("leader", p.Pid(), p.Leader().Start)
	fmt.Println("mark", OurMark())
	for _, pid := range guard.Guardians() {
		fmt.Println("guardian", pid)
	}
	for sig := range told {
		if sig == syscall.SIGUSR1 {
			fmt.Println("paused", p.Pause())
			continue
		}
		p.End(context.Background(), syscall.SIGTERM, time.Second)
		guard.Release()
		os.Exit(0)
	}
}

// A guarded is a small lbdev under test.
type guarded struct {
	*child
	mark      string
	leader    Leader
	guardians []int
}

func startGuarded(t *testing.T, pty bool, mode string, args ...string) *guarded {
	t.Helper()
	stream := "pipe"
	if pty {
		stream = "pty"
	}
	g := &guarded{child: startConfig(t, Config{Argv: append([]string{os.Args[0], "guarded", stream, mode}, args...)})}
	if _, err := fmt.Sscan(g.awaitLine("leader ", 1)[0], &g.leader.Pid, &g.leader.Start); err != nil {
		t.Fatal(err)
	}
	g.mark = g.awaitLine("mark ", 1)[0]
	for _, s := range g.awaitLine("guardian ", guardians) {
		pid, _ := strconv.Atoi(s)
		g.guardians = append(g.guardians, pid)
	}
	return g
}

// kill is SIGKILL, which the caller has good reason to send.
func (g *guarded) kill(pids ...int) {
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			g.t.Errorf("cannot kill %d: %v", pid, err)
		}
	}
}

// left says who is alive of what it has started.
func (g *guarded) left() (left []string) {
	for _, l := range Marked(g.mark, g.leader) {
		left = append(left, fmt.Sprintf("%d: %s", l.Pid, l.Command))
	}
	for _, pid := range append(g.guardians, g.watching()...) {
		if alive(pid) {
			left = append(left, fmt.Sprintf("guardian %d", pid))
		}
	}
	return left
}

// watching are the guardians that it has now.
func (g *guarded) watching() (out []int) {
	all, _ := snapshot()
	for _, p := range all {
		if p.ppid == g.Pid() && p.pid != g.leader.Pid && p.alive && strings.Contains(commandOf(p.pid), guardianWord+" "+guardianWord) {
			out = append(out, p.pid)
		}
	}
	return out
}

// awaitNobody waits until nothing is left, and says how long it took.
func (g *guarded) awaitNobody(begun time.Time) {
	g.t.Helper()
	for {
		left := g.left()
		if len(left) == 0 {
			g.t.Logf("nothing left after %v", time.Since(begun).Round(100*time.Microsecond))
			return
		}
		if time.Since(begun) > deathPatience {
			g.t.Fatalf("left after %v: %s", deathPatience, strings.Join(left, "; "))
		}
		time.Sleep(time.Millisecond)
	}
}

// awaitGuardians waits until there are as many as there should be, none of them one of old.
func (g *guarded) awaitGuardians(old []int) []int {
	g.t.Helper()
	for over := time.Now().Add(patience); ; {
		now, fresh := g.watching(), true
		for _, pid := range old {
			fresh = fresh && !alive(pid)
		}
		if fresh && len(now) == guardians {
			return now
		}
		if time.Now().After(over) {
			g.t.Fatalf("guardians are %v, those before were %v", now, old)
		}
		time.Sleep(time.Millisecond)
	}
}

// awaitSuccessor waits until there is one who is none of the first guardians. With none of them there nobody would end what outlives us.
func (g *guarded) awaitSuccessor() {
	g.t.Helper()
	isOld := func(pid int) bool { return slices.Contains(g.guardians, pid) }
	for over := time.Now().Add(patience); len(slices.DeleteFunc(g.watching(), isOld)) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(over) {
			g.t.Fatal("no guardian was replaced")
		}
	}
}

// trees are those that must end with us. Each says first how many lines "up" it comes to when it is complete.
var trees = []struct {
	name   string
	argv   []string
	awaits string
	lines  int
	paused bool
	marked bool // can be found by its mark only
}{
	{"plain", []string{"serve"}, "listening on ", 1, false, false},
	{"reloader", []string{"reload"}, "listening on ", 1, false, false},
	{"deaf with deaf children", []string{"deaf", "3"}, "up", 4, false, false},
	{"session of its own", []string{"session-deaf"}, "up", 2, false, false},
	{"daemon", []string{"daemon"}, "up", 2, false, true},
	{"paused", []string{"session-deaf"}, "up", 2, true, false},
}

// TestSuddenDeath kills a small lbdev: nothing may be left, whatever its tree is like and whatever became of its guardians
// a moment before.
func TestSuddenDeath(t *testing.T) {
	// moment is how long before our death a guardian dies: that is what the test is about, nothing is waited for.
	const moment = 50 * time.Millisecond
	before := []struct {
		name string
		do   func(g *guarded)
	}{
		{"alone", func(*guarded) {}},
		{"after a guardian", func(g *guarded) { g.kill(g.guardians[0]); time.Sleep(moment) }},
		{"after both guardians", func(g *guarded) { g.kill(g.guardians...); g.awaitSuccessor() }},
		{"with a guardian", func(g *guarded) { g.kill(g.guardians[1]) }},
		{"with a guardian stopped", func(g *guarded) { syscall.Kill(g.guardians[0], syscall.SIGSTOP) }},
	}
	for _, tree := range trees {
		if tree.marked && !hasMarks {
			continue
		}
		for _, before := range before {
			t.Run(tree.name+"/"+before.name, func(t *testing.T) {
				both(t, func(t *testing.T, pty bool) {
					g := startGuarded(t, pty, tree.argv[0], tree.argv[1:]...)
					g.awaitLine(tree.awaits, tree.lines)
					if tree.paused {
						syscall.Kill(g.Pid(), syscall.SIGUSR1)
						if got := g.awaitLine("paused ", 1)[0]; got != "<nil>" {
							t.Fatalf("pause: %s", got)
						}
					}
					before.do(g)
					g.kill(g.Pid())
					g.awaitNobody(time.Now())
				})
			})
		}
	}
}

// TestAllKilledAtOnce kills a small lbdev with both of its guardians. There is nobody to end what it leaves but the kernel,
// which ends direct children on Linux. EndMarked finds the rest.
func TestAllKilledAtOnce(t *testing.T) {
	for _, tree := range trees {
		if tree.marked && !hasMarks || tree.paused {
			continue
		}
		t.Run(tree.name, func(t *testing.T) {
			g := startGuarded(t, false, tree.argv[0], tree.argv[1:]...)
			g.awaitLine(tree.awaits, tree.lines)
			syscall.Kill(g.Pid(), syscall.SIGSTOP) // it cannot replace the first that dies
			awaitStopped(t, true, g.Pid())
			g.kill(append(g.guardians, g.Pid())...)
			if diesWithUs {
				for begun := time.Now(); Alive(g.leader.Pid, g.leader.Start); time.Sleep(time.Millisecond) {
					if time.Since(begun) > deathPatience {
						t.Fatalf("the leader is alive after %v", deathPatience)
					}
				}
			}
			t.Logf("left: %q", g.left())
			for _, pid := range g.guardians {
				for over := time.Now().Add(patience); alive(pid); time.Sleep(time.Millisecond) {
					if time.Now().After(over) {
						t.Fatalf("guardian %d lives on", pid)
					}
				}
			}
			if ended := EndMarked(context.Background(), g.mark, []Leader{g.leader}, syscall.SIGTERM, 50*time.Millisecond); len(ended.Left) > 0 {
				t.Errorf("got %+v", ended)
			}
			if left := g.left(); len(left) > 0 {
				t.Errorf("left after EndMarked: %q", left)
			}
		})
	}
}

// TestGuardianKilled: there is another one soon, and it does its duty when only it is there.
func TestGuardianKilled(t *testing.T) {
	g := startGuarded(t, false, "deaf", "2")
	g.awaitLine("up", 3)
	old := g.guardians
	for range 3 {
		begun := time.Now()
		g.kill(old...)
		now := g.awaitGuardians(old)
		t.Logf("both replaced after %v", time.Since(begun).Round(100*time.Microsecond))
		old = now
	}
	syscall.Kill(old[0], syscall.SIGKILL)
	g.kill(g.Pid())
	g.awaitNobody(time.Now())
}

// TestGuardianDeaf: what people send to everybody does not reach a guardian.
func TestGuardianDeaf(t *testing.T) {
	g := startGuarded(t, false, "wait")
	g.awaitLine("up", 1)
	for over := time.Now().Add(patience); !isDeaf(g.guardians[0]) || !isDeaf(g.guardians[1]); time.Sleep(time.Millisecond) {
		if time.Now().After(over) {
			t.Fatal("the guardians don't come up")
		}
	}
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGTSTP} {
		for _, pid := range g.guardians {
			syscall.Kill(pid, sig)
		}
	}
	syscall.Kill(g.Pid(), syscall.SIGUSR1)
	g.awaitLine("paused <nil>", 1)
	for _, pid := range g.guardians {
		if p, ok := look(pid); !ok || !p.alive || p.stopped || p.sid != pid {
			t.Errorf("guardian %d is %+v, want it running in its own session", pid, p)
		}
	}
}

// TestRelease: after a clean end no guardian is there, from the moment of our exit on.
func TestRelease(t *testing.T) {
	for _, tree := range []string{"session", "session-deaf"} {
		g := startGuarded(t, false, tree)
		g.awaitLine("up", 2)
		syscall.Kill(g.guardians[1], syscall.SIGSTOP) // this one too
		syscall.Kill(g.Pid(), syscall.SIGUSR2)
		g.await("exit", g.Done())
		if left := g.left(); len(left) > 0 || g.Exit().Code != 0 {
			t.Errorf("left: %q; it %s", left, g.Exit())
		}
	}
}

// TestStoppedGuardians: whoever does not read holds nobody up. Its pipe gets full, so it is replaced.
func TestStoppedGuardians(t *testing.T) {
	guard, err := EndWithUs(func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	defer guard.Release()
	if _, err := EndWithUs(nil); err == nil {
		t.Error("there are two guards")
	}
	old := guard.Guardians()
	for _, pid := range old {
		syscall.Kill(pid, syscall.SIGSTOP)
	}
	awaitStopped(t, true, old...)
	var longest time.Duration
	for i := range 5000 { // twice what a pipe of 64 KiB holds
		begun := time.Now()
		m := member{pid: 1<<30 + i, start: 1}
		guard.started(m)
		guard.gone(m)
		longest = max(longest, time.Since(begun))
	}
	t.Logf("the longest of 5000 took %v", longest)
	if longest > patience/3 { // while a successor is being started it waits for that, which takes long on a busy machine
		t.Errorf("one took %v", longest)
	}
	over := time.Now().Add(patience)
	for now := guard.Guardians(); len(now) < guardians || alive(old[0]) || alive(old[1]); now = guard.Guardians() {
		if time.Now().After(over) {
			t.Fatalf("guardians are %v, the stopped ones were %v", now, old)
		}
		time.Sleep(time.Millisecond)
	}
	now := guard.Guardians()
	guard.Release()
	guard.Release() // does nothing
	for _, pid := range now {
		if alive(pid) {
			t.Errorf("guardian %d is alive after Release", pid)
		}
	}
	again, err := EndWithUs(nil)
	if err != nil {
		t.Fatalf("after Release: %v", err)
	}
	again.Release()
}

// TestGuardianListens is about what a guardian makes of what it is told.
func TestGuardianListens(t *testing.T) {
	head := "mark " + OurMark() + " 99999999999999\n" // nobody is that young
	gone := fmt.Sprintf("tree %d 1\n", 1<<30)
	for _, tt := range []struct {
		name, in string
		ok       bool
	}{
		{"nothing", "", false},
		{"nonsense", "hello\n", false},
		{"bye alone", "bye\n", false},
		{"a tree before the mark", gone + "bye\n", false},
		{"a mark that is none", "mark PATH= 1\n", false},
		{"clean end", head + gone + "bye\n", true},
		{"sudden end, nobody there", head + gone, true},
		{"a newer lbdev's word", head + "news 1 2\nbye\n", true},
		{"gone", head + gone + strings.Replace(gone, "tree", "gone", 1), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := startConfig(t, Config{Argv: []string{"sh", "-c", `printf "$0" | "$1" guardian`, strings.ReplaceAll(tt.in, "\n", `\n`), os.Args[0]}})
			c.await("exit", c.Done())
			if code := c.Exit().Code; code != map[bool]int{true: 0, false: 2}[tt.ok] {
				t.Errorf("exit code %d; it said %q", code, c.said())
			}
		})
	}
	c := startConfig(t, Config{Argv: []string{"sh", "-c", `"$0" guardian </dev/tty`, os.Args[0]}, PTY: true})
	c.await("exit", c.Done())
	c.await("the end of output", c.Drained())
	if code := c.Exit().Code; code != 2 || !strings.Contains(strings.Join(c.said(), " "), "cannot guard") {
		t.Errorf("typed by a person: exit code %d; it said %q", code, c.said())
	}
}
