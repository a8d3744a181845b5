//go:build linux

package main

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lbdev/lbdev/procs/misbehave"
)

// guardiansOf are the guardians among the processes with a mark.
func guardiansOf(mark string) (pids []int) {
	for _, pid := range marked(mark) {
		if strings.Contains(describe([]int{pid}), ": guardian guardian ") {
			pids = append(pids, pid)
		}
	}
	return pids
}

// TestUpKilledLeavesNobody kills lbdev, also when a guardian, or both, died a moment before. That its output ends shows
// that no guardian has it open.
func TestUpKilledLeavesNobody(t *testing.T) {
	django := djangoProject(t)
	for name, app := range map[string][]string{
		"plain":             misbehave.Argv("serve"),
		"deaf":              misbehave.Argv("serve-deaf"),
		"own session":       misbehave.Argv("serve-held"),
		"reloader":          misbehave.Argv("reload"),
		"Django's reloader": {python, "manage.py", "runserver", "{port}"},
	} {
		for before := range 3 {
			for _, pty := range []string{"off", "on"} {
				args := append([]string{"-n", "2", "--pty", pty, "-e", "PYTHONDONTWRITEBYTECODE=1", "--"}, app...)
				u := startUpIn(t, django, args...)
				u.awaitReady(2)
				took := u.killUnguarded(before)
				t.Logf("%s, pty %s, %d guardians killed before: nobody left after %v", name, pty, before, took.Round(time.Millisecond))
			}
		}
	}
}

// killUnguarded kills some guardians, lbdev a moment later, and returns how long it took until nobody was left.
func (u *upTest) killUnguarded(before int) time.Duration {
	u.Helper()
	guardians := guardiansOf(u.mark)
	if len(guardians) != 2 {
		u.Fatalf("guardians are %v", guardians)
	}
	for _, pid := range guardians[:before] {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	if before == len(guardians) { // then nobody watches until there is a new one
		waitFor(u.T, "a new guardian", func() bool {
			return slices.ContainsFunc(guardiansOf(u.mark), func(pid int) bool { return !slices.Contains(guardians, pid) })
		})
	}
	u.cmd.Process.Kill()
	began := time.Now()
	wantNobody(u.T, u.mark, 2*time.Second)
	took := time.Since(began)
	u.exitCode() // its output has ended, so no guardian has it open
	return took
}

// TestUpRefusedLeavesNoGuardian: a cluster that cannot be opened has none to guard.
func TestUpRefusedLeavesNoGuardian(t *testing.T) {
	u := startUp(t, "--sample", "-n", "1")
	u.awaitReady(1)
	second := startLbdev(t, t.TempDir(), "up", "--sample", "-n", "1", "--listen", strings.TrimPrefix(u.front, "http://"))
	if code := second.exitCode(); code != exitPortTaken {
		t.Errorf("exit code %d, want %d\n%s", code, exitPortTaken, second.dump())
	}
	wantNobody(t, second.mark, 0)
}
