package procs

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/shirou/gopsutil/v4/process"
	"golang.org/x/sys/windows"
)

func leaderOf(m member) Leader {
	start, _ := startTime(m.pid)
	return Leader{Pid: m.pid, Start: start}
}

// startTime is in microseconds since 1970.
func startTime(pid int) (uint64, bool) {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION|windows.SYNCHRONIZE, false, uint32(pid))
	if err != nil {
		return 0, false
	}
	defer windows.CloseHandle(h)
	return startOf(h)
}

// startOf is not ok for a process that has ended: it is there as long as somebody has a handle.
func startOf(h windows.Handle) (uint64, bool) {
	var created, exited, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(h, &created, &exited, &kernel, &user); err != nil {
		return 0, false
	}
	event, err := windows.WaitForSingleObject(h, 0)
	return uint64(created.Nanoseconds() / 1000), err == nil && event == uint32(windows.WAIT_TIMEOUT)
}

func isAlive(pid int, start uint64) bool {
	got, ok := startTime(pid)
	return ok && got == start
}

func findMarked(_ string, leaders []Leader) []Leftover {
	var found []Leftover
	for _, l := range leaders {
		if !isAlive(l.Pid, l.Start) || l.Pid == os.Getpid() {
			continue
		}
		found = append(found, Leftover{
			Pid: l.Pid, Start: l.Start, Began: time.UnixMicro(int64(l.Start)), Command: commandOf(l.Pid),
		})
	}
	return found
}

func commandOf(pid int) string {
	p := process.Process{Pid: int32(pid)}
	if line, err := p.Cmdline(); err == nil && line != "" {
		return line
	}
	name, _ := p.Name()
	return fmt.Sprintf("[%s]", name)
}

// endMarked terminates the leaders: a job that would know more has ended with its lbdev.
func endMarked(_ context.Context, _ string, leaders []Leader, _ os.Signal, _ time.Duration) Ended {
	begun := time.Now()
	var ended Ended
	for _, l := range leaders {
		switch killed, left := terminate(l); {
		case left:
			ended.Left = append(ended.Left, l.Pid)
		case killed:
			ended.Killed = append(ended.Killed, l.Pid)
		}
	}
	slices.Sort(ended.Killed)
	ended.Took = time.Since(begun)
	return ended
}

// terminate ends one process. The handle is the process's for good, so nobody else can be hit after the comparison.
func terminate(l Leader) (killed, left bool) {
	const rights = windows.PROCESS_QUERY_LIMITED_INFORMATION | windows.SYNCHRONIZE | windows.PROCESS_TERMINATE
	h, err := windows.OpenProcess(rights, false, uint32(l.Pid))
	if err != nil {
		return false, isAlive(l.Pid, l.Start)
	}
	defer windows.CloseHandle(h)
	if start, ok := startOf(h); !ok || start != l.Start {
		return false, false
	}
	if err := windows.TerminateProcess(h, 1); err != nil {
		return false, true
	}
	event, err := windows.WaitForSingleObject(h, uint32(killPatience.Milliseconds()))
	return true, err != nil || event != windows.WAIT_OBJECT_0
}
