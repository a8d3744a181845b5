//go:build linux

package main

import (
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
	const moment = 50 * time.Millisecond
	for _, app := range []string{"serve", "serve-deaf", "serve-held", "reload"} {
		for before := range 3 {
			for _, pty := range []string{"off", "on"} {
				u := startUp(t, append([]string{"-n", "2", "--pty", pty, "--"}, misbehave.Argv(app)...)...)
				u.awaitReady(2)
				guardians := guardiansOf(u.mark)
				if len(guardians) != 2 {
					t.Fatalf("guardians are %v", guardians)
				}
				for _, pid := range guardians[:before] {
					syscall.Kill(pid, syscall.SIGKILL)
				}
				if before > 0 {
					time.Sleep(moment)
				}
				u.cmd.Process.Kill()
				began := time.Now()
				wantNobody(t, u.mark, 2*time.Second)
				t.Logf("%s, pty %s, %d guardians killed before: nobody left after %v", app, pty, before, time.Since(began).Round(time.Millisecond))
				u.exitCode()
			}
		}
	}
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
