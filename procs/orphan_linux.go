package procs

import (
	"context"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A fate is what became of the lbdev that a process names as its own.
type fate int

const (
	unowned  fate = iota // it names none
	owned                // the lbdev lives
	orphaned             // it has ended
	unknown              // that can't be told
)

func findOrphans(living []Leader) (orphans, unsure []Leftover) {
	s := search{living: living}
	members, doubtful := s.look(nil)
	for _, m := range members {
		orphans = append(orphans, s.describe(m))
	}
	for _, m := range doubtful {
		unsure = append(unsure, s.describe(m))
	}
	return orphans, unsure
}

func endOrphans(ctx context.Context, living []Leader, sig os.Signal, grace time.Duration) Ended {
	s := search{living: living}
	f := newFamily()
	f.find = func(seen map[member]bool) []member {
		members, _ := s.look(seen)
		return members
	}
	number, ok := sig.(syscall.Signal)
	if !ok {
		number = syscall.SIGTERM
	}
	return f.end(ctx, number, grace)
}

func ownerOf(pid int) (Leader, bool) {
	owner, fate := fateOf(pid)
	return owner, fate == owned
}

// A search looks for orphans.
type search struct {
	living []Leader
}

// describe is as for any leftover; a guardian's lbdev is its owner.
func (search) describe(m member) Leftover {
	l := describe(m)
	if mark := environOf(m.pid).ownerMark(); mark != "" && !slices.Contains(l.Owners, mark) {
		l.Owners = append(l.Owners, mark)
	}
	return l
}

// look takes in all processes and sorts out those that are orphans. seen are those who were before: when the parent that
// led to a process is gone, nothing else may.
func (s search) look(seen map[member]bool) (orphans, unsure []member) {
	if !seesItself() {
		return nil, nil
	}
	for range snapshots {
		all, settled := snapshot()
		if orphans, unsure = s.pick(all, seen); len(orphans) > 0 || settled {
			break
		}
	}
	return orphans, unsure
}

func (s search) pick(all []proc, seen map[member]bool) (orphans, unsure []member) {
	lives := s.lbdevs()
	fates := make([]fate, len(all))
	for i, p := range all {
		if p.alive && isOurs(p.pid) {
			var owner Leader
			if owner, fates[i] = fateOf(p.pid); fates[i] == owned {
				lives[owner.Pid] = true
			}
		}
	}
	near := relatives(all, lives)
	f := newForest(all)
	for i, p := range all {
		if !near[p.pid] && (fates[i] == orphaned || seen[member{pid: p.pid, start: p.start}]) {
			f.add(i)
		}
	}
	for i, p := range all {
		m := member{pid: p.pid, start: p.start, pgid: p.pgid, stopped: p.stopped, frozen: p.frozen}
		switch {
		case near[p.pid] || !p.alive || !isOurs(p.pid):
		case fates[i] == unknown:
			unsure = append(unsure, m)
		case f.in[i] && fates[i] != owned:
			orphans = append(orphans, m)
		}
	}
	return orphans, unsure
}

// lbdevs are the pids of those that are known to live, and our own.
func (s search) lbdevs() map[int]bool {
	lives := map[int]bool{os.Getpid(): true}
	for _, l := range s.living {
		if isAlive(l.Pid, l.Start) {
			lives[l.Pid] = true
		}
	}
	return lives
}

// relatives are those processes, their ancestors and their descendants: whoever ends one of the ancestors may end them too.
func relatives(all []proc, of map[int]bool) map[int]bool {
	near := map[int]bool{}
	parents := make(map[int]int, len(all))
	f := newForest(all)
	for i, p := range all {
		parents[p.pid] = p.ppid
		if of[p.pid] {
			f.add(i)
		}
	}
	for i, p := range all {
		if f.in[i] {
			near[p.pid] = true
		}
	}
	for pid := range of {
		for range all { // no process has more ancestors, and reused pids could make a circle
			if pid <= 0 {
				break
			}
			near[pid] = true
			pid = parents[pid]
		}
	}
	return near
}

// fateOf says what became of the lbdev that started a process of ours, or that it guards.
func fateOf(pid int) (owner Leader, of fate) {
	mark := environOf(pid).ownerMark()
	if mark == "" {
		return Leader{}, unowned
	}
	owner, ok := Owner(mark)
	if !ok || !sharesNumbers(pid) {
		return Leader{}, unknown
	}
	if isAlive(owner.Pid, owner.Start) {
		return owner, owned
	}
	if _, ok := look(owner.Pid); ok {
		return owner, orphaned // a zombie, or another process by now
	}
	// A /proc mounted with hidepid shows us only our own user's processes, and a lbdev of root may have started one as us.
	if err := syscall.Kill(owner.Pid, 0); err != syscall.ESRCH {
		return owner, unknown
	}
	return owner, orphaned
}

// ownerMark is the mark of the lbdev that has started the process, or whose guardian it is.
func (e environ) ownerMark() string {
	if guarded := ownPrefix + e.value(guardsName); isMark(guarded) {
		return guarded
	}
	if marks := owners(strings.Split(e.value(markName), ",")); len(marks) > 0 {
		return marks[len(marks)-1]
	}
	return ""
}

// sharesNumbers says whether the process has the same pids and clock as we have: in a container 4100 is somebody else.
func sharesNumbers(pid int) bool {
	for _, namespace := range []string{"pid", "time"} {
		own, err := os.Readlink("/proc/self/ns/" + namespace)
		if err != nil && namespace == "time" {
			continue // before Linux 5.6 there is one clock
		}
		other, otherErr := os.Readlink("/proc/" + strconv.Itoa(pid) + "/ns/" + namespace)
		if err != nil || otherErr != nil || own != other {
			return false
		}
	}
	return true
}

// seesItself says whether /proc shows the pids that system calls know, which it doesn't if it was mounted elsewhere.
func seesItself() bool {
	self, err := os.Readlink("/proc/self")
	return err == nil && self == strconv.Itoa(os.Getpid())
}
