//go:build linux || darwin

package procs

import (
	"os"
	"slices"
	"testing"
)

// TestPick is about who belongs to a tree, in snapshots that don't happen at will.
func TestPick(t *testing.T) {
	leader := member{pid: 100, start: 50}
	live := func(pid, ppid, pgid, sid int, start uint64) proc {
		return proc{pid: pid, ppid: ppid, pgid: pgid, sid: sid, start: start, alive: true}
	}
	me := live(100, 1, 100, 100, 50)
	tests := []struct {
		name string
		all  []proc
		seen []member
		mark []int
		want []int
	}{
		{"leader alone", []proc{me, live(7, 1, 7, 7, 60)}, nil, nil, []int{100}},
		{"session and group", []proc{me, live(101, 1, 101, 100, 51), live(102, 1, 100, 102, 52)}, nil, nil, []int{100, 101, 102}},
		{"descendants", []proc{me, live(101, 100, 101, 101, 51), live(102, 101, 102, 102, 52)}, nil, nil, []int{100, 101, 102}},
		{"descendants in any order", []proc{live(9, 12, 9, 9, 53), live(12, 100, 12, 12, 52), me}, nil, nil, []int{9, 12, 100}},
		{"marked, and its children", []proc{live(101, 1, 101, 101, 51), live(102, 101, 102, 102, 52)}, nil, []int{101}, []int{101, 102}},
		{"older than the tree", []proc{me, live(101, 1, 101, 101, 49)}, nil, []int{101}, []int{100}},
		{"zombie", []proc{{pid: 100, sid: 100, pgid: 100, start: 50}, live(101, 1, 100, 100, 51)}, nil, nil, []int{101}},
		{"seen before", []proc{live(101, 1, 101, 101, 51)}, []member{{pid: 101, start: 51}}, nil, []int{101}},
		{"seen before, reused", []proc{live(101, 1, 101, 101, 52)}, []member{{pid: 101, start: 51}}, nil, nil},
		{"leader's pid reused", []proc{live(100, 1, 100, 100, 90), live(101, 100, 100, 100, 91)}, nil, nil, nil},
		{"child's pid older than its parent", []proc{me, live(101, 100, 101, 101, 40)}, nil, nil, []int{100}},
		{"ourselves", []proc{me, live(os.Getpid(), 100, 100, 100, 51)}, nil, nil, []int{100}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			seen := map[member]bool{}
			for _, m := range tt.seen {
				seen[m] = true
			}
			got := pids(pick(tt.all, kin{map[int]uint64{leader.pid: leader.start}, leader.start, seen}, func(pid int) bool { return slices.Contains(tt.mark, pid) }))
			if !slices.Equal(got, tt.want) && len(got)+len(tt.want) > 0 {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
