//go:build linux || darwin

package procs

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// guardians is how many there are. The second one costs its memory and closes the gap that one alone would leave
	// between its death and its successor's start.
	guardians = 2

	// releasePatience is how long a guardian may take to leave when it was told to; then it is killed.
	releasePatience = time.Second
)

// A Guard has our trees end with us; see EndWithUs. One mutex guards its state. Nothing that is done under it waits for
// anybody, but for the start of a guardian: one is told by one write that fails if its pipe is full, and one that does not
// read is killed and replaced.
type Guard struct {
	report  func(error)
	ending  chan struct{} // closed by Release
	running sync.WaitGroup

	mu       sync.Mutex
	released bool
	trees    map[member]bool // the leaders of those that are not gone
	terminal string          // the line that tells of it; see KeepTerminal
	keepers  []*keeper
}

// theGuard is the one of this process, as a process has only one death. Every tree tells it of its start and end.
var theGuard atomic.Pointer[Guard]

func endWithUs(report func(error)) (*Guard, error) {
	if report == nil {
		report = func(error) {}
	}
	g := &Guard{report: report, ending: make(chan struct{}), trees: map[member]bool{}}
	for range guardians {
		g.keepers = append(g.keepers, &keeper{guard: g})
	}
	if !theGuard.CompareAndSwap(nil, g) {
		return nil, errors.New("cannot guard the processes twice")
	}
	for _, k := range g.keepers {
		if err := k.start(); err != nil {
			g.Release()
			return nil, err
		}
		g.running.Go(k.run)
	}
	return g, nil
}

// Release lets the guardians go, and returns when they are gone. Call it when all trees have ended; what is started later is
// not guarded.
func (g *Guard) Release() {
	theGuard.CompareAndSwap(g, nil)
	g.mu.Lock()
	if !g.released {
		g.released = true
		close(g.ending)
		for _, k := range g.keepers {
			k.dismiss()
		}
	}
	g.mu.Unlock()
	over := time.AfterFunc(releasePatience, g.killGuardians)
	defer over.Stop()
	g.running.Wait()
}

// killGuardians ends those that did not leave.
func (g *Guard) killGuardians() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, k := range g.keepers {
		if k.pipe != nil {
			k.guardian.Process.Kill()
		}
	}
}

// Guardians are the pids of those that watch now, two unless one is just being replaced. On Windows there are none.
func (g *Guard) Guardians() []int {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []int
	for _, k := range g.keepers {
		if k.pipe != nil {
			out = append(out, k.guardian.Process.Pid)
		}
	}
	return out
}

// started notes a tree.
func (g *Guard) started(leader member) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.trees[leader.id()] = true
	g.tell(treeLine(leader))
}

// gone notes that nobody of a tree is left.
func (g *Guard) gone(leader member) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.trees[leader.id()] {
		delete(g.trees, leader.id())
		g.tell(line(goneWord, leader))
	}
}

// tell tells all guardians.
func (g *Guard) tell(text string) {
	for _, k := range g.keepers {
		k.tell(text)
	}
}

// everything is what a new guardian must know. The mark comes first, and before any process that bears it, so a tree need
// not be told before it starts: it is found by the mark until its leader is told.
func (g *Guard) everything() string {
	var b strings.Builder
	us, _ := look(os.Getpid())
	fmt.Fprintf(&b, "%s %s %d\n", markWord, OurMark(), us.start)
	b.WriteString(g.terminal)
	for leader := range g.trees {
		b.WriteString(treeLine(leader))
	}
	return b.String()
}

func treeLine(leader member) string { return line(treeWord, leader) }

func line(word string, m member) string { return fmt.Sprintf("%s %d %d\n", word, m.pid, m.start) }

// introduce tells the guardians of each other: one that was stopped by a signal can be woken by the others only.
func (g *Guard) introduce(k *keeper) {
	for _, other := range g.keepers {
		if other != k && other.pipe != nil {
			other.tell(line(peerWord, k.identity()))
			k.tell(line(peerWord, other.identity()))
		}
	}
}
