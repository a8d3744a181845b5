//go:build linux || darwin

package procs

import (
	"context"
	"maps"
	"slices"
	"syscall"
	"time"
)

// maxRound is how long one round of killing may take to be followed by the next.
const maxRound = 20 * time.Millisecond

// A family is all trees of one lbdev as others can find them: its guardian, or whoever cleans up after it. They are no
// parents of it and hear of no exits, so they look again and again.
type family struct {
	mark []byte // that all of it bear; nil = not known
	kin  kin
	find func(seen map[member]bool) []member // how the living members are found; nil = by mark and kin
}

func newFamily() *family { return &family{kin: kin{leaders: map[int]uint64{}}} }

// scan gives the members that live now.
func (f *family) scan() []member {
	var members []member
	if f.find != nil {
		members = f.find(f.kin.seen)
	} else {
		members, _ = find(f.kin, f.mark)
	}
	f.kin.seen = make(map[member]bool, len(members))
	for _, m := range members {
		f.kin.seen[m.id()] = true
	}
	return members
}

// signal sends sig to all of members, group by group where they are in one of a told leader, so that none can fork between.
func (f *family) signal(members []member, sig syscall.Signal) {
	groups := map[int][]member{}
	for _, m := range members {
		leader := 0
		if _, ours := f.kin.leaders[m.pgid]; ours {
			leader = m.pgid
		}
		groups[leader] = append(groups[leader], m)
	}
	for leader, members := range groups {
		(&group{leader: leader}).signal(members, sig) // who could not be told is seen by the next scan
	}
}

// end is Process.End for all of it, but that it cannot reap.
func (f *family) end(ctx context.Context, sig syscall.Signal, grace time.Duration) Ended {
	begun := time.Now()
	if grace > 0 && sig != syscall.SIGKILL {
		f.endPolitely(ctx, sig, grace)
	}
	killed, left := f.kill(killPatience)
	return Ended{Killed: killed, Left: left, Took: time.Since(begun)}
}

// endPolitely sends sig to each process once, also to those that come late, and returns when none is left or the patience
// is over.
func (f *family) endPolitely(ctx context.Context, sig syscall.Signal, grace time.Duration) {
	over := time.NewTimer(grace)
	defer over.Stop()
	round := time.NewTimer(0)
	defer round.Stop()
	told := map[member]bool{}
	for wait := tick; ; wait = min(2*wait, maxTick) {
		select {
		case <-ctx.Done():
			return
		case <-over.C:
			return
		case <-round.C:
		}
		members := f.scan()
		if len(members) == 0 {
			return
		}
		var g group // the signals go to each alone
		for _, m := range members {
			if !told[m.id()] {
				told[m.id()] = true
				signalOne(m, sig)
			}
		}
		g.wake(members)
		round.Reset(wait)
	}
}

// kill kills in rounds, as new ones may be forked meanwhile, until two in a row have found nobody. When patience is over
// it gives up and returns who is left.
func (f *family) kill(patience time.Duration) (killed, left []int) {
	over := time.Now().Add(patience)
	dead := map[int]bool{}
	round := time.NewTimer(0)
	defer round.Stop()
	none := 0
	for wait := tick; ; wait = min(2*wait, maxRound) {
		<-round.C
		members := f.scan()
		none++
		if len(members) > 0 {
			none = 0
			f.signal(members, syscall.SIGKILL)
		}
		for _, m := range members {
			dead[m.pid] = true
		}
		if late := time.Now().After(over); none == 2 || late && none == 0 {
			return slices.Sorted(maps.Keys(dead)), pids(members)
		}
		round.Reset(wait)
	}
}
