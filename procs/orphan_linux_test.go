package procs

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lbdev/lbdev/procs/misbehave"
)

func takeTurn(t *testing.T) {
	t.Helper()
	done, err := misbehave.Turn()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(done)
}

// crash kills a lbdev and its guardians so that none of them can do anything.
func (g *guarded) crash() {
	g.t.Helper()
	syscall.Kill(g.Pid(), syscall.SIGSTOP)
	g.kill(append(g.watching(), g.Pid())...)
	g.await("its death", g.Done())
}

// bereft starts a lbdev with an app, crashes it, and returns the one of the app's processes that the kernel leaves alive.
func bereft(t *testing.T, mode string) (g *guarded, orphan int) {
	t.Helper()
	g = startGuarded(t, false, mode)
	orphan = g.children(1)[0]
	if mode == "reload" {
		g.awaitLine("listening on ", 1)
	} else {
		g.awaitLine("up", 2) // its own and its parent's: now it takes signals as it means to
	}
	if found, unsure := Orphans(); has(found, orphan) || has(found, g.leader.Pid) || has(unsure, orphan) {
		t.Errorf("while its lbdev lives: found %+v, unsure %+v", found, unsure)
	}
	if owner, ok := OwnerOf(orphan); !ok || owner.Pid != g.Pid() {
		t.Errorf("owner is %+v, %v, want %d", owner, ok, g.Pid())
	}
	g.crash()
	return g, orphan
}

func has(found []Leftover, pid int) bool {
	return slices.ContainsFunc(found, func(l Leftover) bool { return l.Pid == pid })
}

// TestOrphans: what a lbdev left that was killed with its guardians is found and ended; what one has that lives is not, be
// it frozen or started by another lbdev, as all here are.
func TestOrphans(t *testing.T) {
	takeTurn(t)
	lives := startGuarded(t, false, "reload")
	frozen := startGuarded(t, false, "session")
	spared := []int{lives.Pid(), lives.leader.Pid, lives.children(1)[0], frozen.Pid(), frozen.leader.Pid, frozen.children(1)[0]}
	spared = append(append(spared, lives.guardians...), frozen.guardians...)
	syscall.Kill(frozen.Pid(), syscall.SIGSTOP)

	g, orphan := bereft(t, "session-deaf")
	found, _ := Orphans()
	i := slices.IndexFunc(found, func(l Leftover) bool { return l.Pid == orphan })
	if i < 0 {
		t.Fatalf("found %+v, without %d", found, orphan)
	}
	if l := found[i]; !slices.Contains(l.Owners, g.mark) || !strings.HasSuffix(l.Command, "misbehave ignore-term") {
		t.Errorf("got %+v", l)
	}
	if _, ok := OwnerOf(orphan); ok {
		t.Error("its lbdev is said to live")
	}
	for _, pid := range spared {
		if has(found, pid) {
			t.Errorf("found %d, whose lbdev lives: %+v", pid, found)
		}
	}
	if found, _ := Orphans(Leader{Pid: orphan, Start: found[i].Start}); has(found, orphan) {
		t.Errorf("found %d, of which we said that it lives", orphan)
	}
	ended := EndOrphans(context.Background(), nil, syscall.SIGTERM, 100*time.Millisecond)
	if !slices.Contains(ended.Killed, orphan) || len(ended.Left) > 0 || alive(orphan) {
		t.Errorf("got %+v, want %d killed", ended, orphan)
	}
	for _, pid := range spared {
		if !alive(pid) {
			t.Errorf("%d, whose lbdev lives, was ended", pid)
		}
	}
	syscall.Kill(frozen.Pid(), syscall.SIGCONT)
}

// TestOrphansEndPolitely: they may do what they do on SIGTERM.
func TestOrphansEndPolitely(t *testing.T) {
	takeTurn(t)
	_, orphan := bereft(t, "reload")
	ended := EndOrphans(context.Background(), nil, syscall.SIGTERM, patience)
	if slices.Contains(ended.Killed, orphan) || alive(orphan) || ended.Took > patience/2 {
		t.Errorf("got %+v for %d", ended, orphan)
	}
}

// TestOrphanGuardian: a guardian that was stopped does not notice that its lbdev dies. It can be found, and woken it does
// its work.
func TestOrphanGuardian(t *testing.T) {
	takeTurn(t)
	g := startGuarded(t, false, "session")
	child := g.children(1)[0]
	if found, unsure := Orphans(); has(found, g.guardians[0]) || has(unsure, g.guardians[0]) {
		t.Errorf("while its lbdev lives: found %+v, unsure %+v", found, unsure)
	}
	for _, pid := range g.guardians {
		syscall.Kill(pid, syscall.SIGSTOP)
	}
	g.kill(g.Pid())
	g.await("its death", g.Done())
	found, _ := Orphans()
	for _, pid := range g.guardians {
		i := slices.IndexFunc(found, func(l Leftover) bool { return l.Pid == pid })
		if i < 0 || !slices.Contains(found[i].Owners, g.mark) {
			t.Errorf("guardian %d: found %+v", pid, found)
		}
	}
	EndOrphans(context.Background(), nil, syscall.SIGTERM, patience)
	for _, pid := range append(g.guardians, child) {
		if alive(pid) {
			t.Errorf("%d is alive", pid)
		}
	}
}

// TestPickOrphans is about families that are hard to make.
func TestPickOrphans(t *testing.T) {
	lives := map[int]bool{30: true}
	all := []proc{
		{pid: 1, start: 1}, {pid: 10, ppid: 1, start: 10},
		{pid: 20, ppid: 10, start: 20}, {pid: 30, ppid: 20, start: 30}, {pid: 40, ppid: 30, start: 40},
		{pid: 41, ppid: 30, start: 25}, // not its child: the pid was reused
		{pid: 50, ppid: 51, start: 50}, {pid: 51, ppid: 50, start: 51},
	}
	near := relatives(all, lives)
	for _, p := range all {
		if want := slices.Contains([]int{1, 10, 20, 30, 40}, p.pid); near[p.pid] != want {
			t.Errorf("%d is near: %v", p.pid, near[p.pid])
		}
	}
	if near := relatives(all, map[int]bool{50: true}); !near[50] || !near[51] || near[1] {
		t.Errorf("in a circle: %v", near)
	}
}

// TestUnsureWhoOwns: a mark without a pid tells nothing, and a pid alone is not enough.
func TestUnsureWhoOwns(t *testing.T) {
	for name, mark := range map[string]string{
		"a mark that does not say whose it is": ownPrefix + newMark(),
		"a pid that is another process by now": "",
	} {
		if mark == "" {
			mark = fmt.Sprintf("%s%s-%d-%d", ownPrefix, newMark(), os.Getpid(), 7)
		}
		c := startConfig(t, Config{Argv: []string{"env", "-i", markName + "=" + mark, misbehave.Argv("wait")[0], "misbehave", "wait"}})
		c.awaitLine("up", 1)
		want := map[bool]fate{true: unknown, false: orphaned}[strings.Count(mark, "-") == 1]
		if _, got := fateOf(c.Pid()); got != want {
			t.Errorf("%s: fate is %d, want %d", name, got, want)
		}
		if found, _ := Orphans(); has(found, c.Pid()) {
			t.Errorf("%s: found although it is our own", name)
		}
	}
}

func TestOwner(t *testing.T) {
	start, _ := StartTime(os.Getpid())
	if owner, ok := Owner(OurMark()); !ok || owner != (Leader{Pid: os.Getpid(), Start: start}) {
		t.Errorf("ours: %+v, %v", owner, ok)
	}
	random := newMark()
	for _, mark := range []string{
		"", random, ownPrefix, ownPrefix + random, ownPrefix + random + "-", ownPrefix + random + "-1", ownPrefix + random + "-1-",
		ownPrefix + random + "-0-1", ownPrefix + random + "-1-x", ownPrefix + random + "-1-2-3", random + "-1-2", ownPrefix + "-1-2",
		ownPrefix + random + "--1-2", ownPrefix + random + "-99999999999-2",
	} {
		if owner, ok := Owner(mark); ok {
			t.Errorf("%q: %+v", mark, owner)
		}
		if want := mark == random || mark == ownPrefix+random; isMark(mark) != want {
			t.Errorf("%q is a mark: %v", mark, !want)
		}
	}
	if mark := ownPrefix + random + "-4100-77"; !isMark(mark) {
		t.Errorf("%q is no mark", mark)
	}
}
