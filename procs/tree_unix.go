//go:build linux || darwin

package procs

import "os"

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
	children := make(map[int][]int, len(all)) // of each pid, as places in all
	reused := false
	for i, p := range all {
		children[p.ppid] = append(children[p.ppid], i)
		// The kernel gives nobody a number that is still a session's or group's. So if another process has the
		// leader's, then a session of this number is not the leader's either.
		reused = reused || p.pid == leader.pid && p.start != leader.start
	}
	in := make([]bool, len(all))
	var add func(i int)
	add = func(i int) {
		if in[i] {
			return
		}
		in[i] = true
		for _, c := range children[all[i].pid] {
			if all[c].start >= all[i].start { // else the parent's pid was reused while the snapshot was taken
				add(c)
			}
		}
	}
	ours := func(p proc) bool {
		switch {
		case p.pid == leader.pid:
			return !reused
		case seen[member{pid: p.pid, start: p.start}]:
			return true
		}
		return !reused && p.start >= leader.start && (p.sid == leader.pid || p.pgid == leader.pid)
	}
	for i, p := range all {
		if ours(p) {
			add(i)
		}
	}
	self := os.Getpid()
	for i, p := range all {
		if !in[i] && p.alive && p.start >= leader.start && p.pid != self && isMarked(p.pid) {
			add(i)
		}
	}
	var members []member
	for i, p := range all {
		if in[i] && p.alive && p.pid != self {
			members = append(members, member{pid: p.pid, start: p.start, pgid: p.pgid, stopped: p.stopped})
		}
	}
	return members
}
