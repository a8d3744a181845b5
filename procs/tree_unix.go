//go:build linux || darwin

package procs

import "os"

// A proc is what a snapshot knows of one process of the machine.
type proc struct {
	pid, ppid, pgid, sid int
	start                uint64
	alive                bool // no zombie
	stopped              bool
	frozen               bool // stopped, or will not run a step of its own before it has heard what it was sent
}

// kin is what a tree, or several, are known by besides their marks.
type kin struct {
	leaders map[int]uint64  // of the sessions and groups: pid and start
	since   uint64          // nobody of it is older
	seen    map[member]bool // who was found before
}

// snapshots is how often find looks again when it found nothing, but processes came and went while it looked: one of ours
// may have forked and died between.
const snapshots = 3

// scan finds the members of the tree that are alive.
func (g *group) scan(leader member, leaderDone bool, seen map[member]bool) []member {
	kin := kin{leaders: map[int]uint64{leader.pid: leader.start}, since: leader.start, seen: seen}
	members, blind := find(kin, g.mark)
	if blind && !leaderDone {
		return []member{leader}
	}
	return members
}

// find gives those of kin, or with the mark, that are alive. It is blind if no process can be seen: a /proc that is not
// mounted.
func find(kin kin, mark []byte) (members []member, blind bool) {
	for range snapshots {
		all, settled := snapshot()
		if all == nil {
			return nil, true
		}
		members = pick(all, kin, func(pid int) bool {
			if len(mark) == 0 {
				return false
			}
			yes, sure := marked(pid, mark)
			settled = settled && sure
			return yes
		})
		if len(members) > 0 || settled {
			return members, false
		}
	}
	return nil, false
}

// pick finds the tree in a snapshot: the leaders, whoever is in their sessions or groups, whoever was seen to belong to it
// before, whoever bears the mark; and the descendants of them all. isMarked is expensive and asked last.
func pick(all []proc, kin kin, isMarked func(pid int) bool) []member {
	f := newForest(all)
	// The kernel gives nobody a number that is still a session's or group's. So if another process has a leader's, then
	// a session of this number is not the leader's either.
	reused := map[int]bool{}
	for _, p := range all {
		if start, ok := kin.leaders[p.pid]; ok && p.start != start {
			reused[p.pid] = true
		}
	}
	led := func(p proc, number int) bool {
		start, ok := kin.leaders[number]
		return ok && !reused[number] && p.start >= start
	}
	for i, p := range all {
		if kin.seen[member{pid: p.pid, start: p.start}] || led(p, p.pid) || led(p, p.sid) || led(p, p.pgid) {
			f.add(i)
		}
	}
	self := os.Getpid()
	for i, p := range all {
		if !f.in[i] && p.alive && p.start >= kin.since && p.pid != self && isMarked(p.pid) {
			f.add(i)
		}
	}
	var members []member
	for i, p := range all {
		if f.in[i] && p.alive && p.pid != self {
			members = append(members, member{pid: p.pid, start: p.start, pgid: p.pgid, stopped: p.stopped, frozen: p.frozen})
		}
	}
	return members
}

// A forest is a snapshot by parents, with those marked that are in.
type forest struct {
	all      []proc
	in       []bool
	children map[int][]int // of a pid, as places in all
}

func newForest(all []proc) *forest {
	f := &forest{all: all, in: make([]bool, len(all)), children: make(map[int][]int, len(all))}
	for i, p := range all {
		f.children[p.ppid] = append(f.children[p.ppid], i)
	}
	return f
}

// add takes in all[i] with its descendants.
func (f *forest) add(i int) {
	if f.in[i] {
		return
	}
	f.in[i] = true
	for _, c := range f.children[f.all[i].pid] {
		if f.all[c].start >= f.all[i].start { // else the parent's pid was reused while the snapshot was taken
			f.add(c)
		}
	}
}
