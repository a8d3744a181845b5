//go:build linux || darwin

package procs

import (
	"context"
	"os"
	"syscall"
	"time"
)

func leaderOf(m member) Leader { return Leader{Pid: m.pid, Start: stamp(m.start)} }

func startTime(pid int) (uint64, bool) {
	p, ok := look(pid)
	return stamp(p.start), ok && p.alive
}

func isAlive(pid int, start uint64) bool {
	got, ok := startTime(pid)
	return ok && got == start
}

// familyOf is everybody with this mark or in the trees of these leaders. A mark that is none, from a file that was damaged,
// leads to nobody, and so does a leader from before the machine was started.
func familyOf(mark string, leaders []Leader) *family {
	f := newFamily()
	if isMark(mark) {
		f.mark = []byte(mark)
	}
	for _, l := range leaders {
		if start, ok := unstamp(l.Start); ok && l.Pid > 1 {
			f.kin.leaders[l.Pid] = start
		}
	}
	return f
}

func findMarked(mark string, leaders []Leader) []Leftover {
	var found []Leftover
	for _, m := range familyOf(mark, leaders).scan() {
		found = append(found, describe(m))
	}
	return found
}

// describe says of m what can be seen. It may have ended meanwhile.
func describe(m member) Leftover {
	marks := marksOf(m.pid)
	return Leftover{
		Pid: m.pid, Start: stamp(m.start), Began: began(m.start), Command: commandOf(m.pid), Ports: Listeners([]int{m.pid}),
		Marks: marks, Owners: owners(marks),
	}
}

func endMarked(ctx context.Context, mark string, leaders []Leader, sig os.Signal, grace time.Duration) Ended {
	s, ok := sig.(syscall.Signal)
	if !ok {
		s = syscall.SIGTERM
	}
	return familyOf(mark, leaders).end(ctx, s, grace)
}
