//go:build linux || darwin

package procs

import (
	"os"
	"slices"
)

// A proc is what a snapshot knows of one process of the machine.
type proc struct {
	pid, ppid, pgid, sid int
	start                uint64
	alive                bool // no zombie
	stopped              bool
}

// snapshots is how often scan looks again when it found nothing, but processes came and went while it looked: one of ours
// may have forked and died between.
const snapshots = 3

// scan finds the members of the tree that are alive.
func (g *group) scan(leader member, leaderDone bool, seen map[member]bool) []member {
	for range snapshots {
		all, settled := snapshot()
		if all == nil { // no process can be seen (a /proc that is not mounted): there is the leader at least
			if leaderDone {
				return nil
			}
			return []member{leader}
		}
		members := pick(all, leader, seen, func(pid int) bool {
			yes, sure := marked(pid, g.mark)
			settled = settled && sure
			return yes
		})
		if len(members) > 0 || settled {
			return members
		}
	}
	return nil
}

// pick finds the tree in a snapshot: the leader, whoever is in its session or group, whoever was seen to belong to it
// before, whoever bears the mark; and the descendants of them all. isMarked is expensive and asked last.
func pick(all []proc, leader member, seen map[member]bool, isMarked func(pid int) bool) []member {
	f := newForest(all)
	// The kernel gives nobody a number that is still a session's or group's. So if another process has the leader's, then
	// a session of this number is not the leader's either.
	reused := slices.ContainsFunc(all, func(p proc) bool { return p.pid == leader.pid && p.start != leader.start })
	for i, p := range all {
		switch {
		case seen[member{pid: p.pid, start: p.start}],
			!reused && p.start >= leader.start && (p.pid == leader.pid || p.sid == leader.pid || p.pgid == leader.pid):
			f.add(i)
		}
	}
	self := os.Getpid()
	for i, p := range all {
		if !f.in[i] && p.alive && p.start >= leader.start && p.pid != self && isMarked(p.pid) {
			f.add(i)
		}
	}
	var members []member
	for i, p := range all {
		if f.in[i] && p.alive && p.pid != self {
			members = append(members, member{pid: p.pid, start: p.start, pgid: p.pgid, stopped: p.stopped})
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
