package procs

import (
	"context"
	"os"
	"slices"
	"sync"
	"time"
)

const (
	// tick is how often the members of a tree are looked at while they are to end; it doubles up to maxTick. The leader
	// is not waited for in this way, but most trees are larger.
	tick    = 2 * time.Millisecond
	maxTick = 50 * time.Millisecond

	// killPatience is how long a process may take to die of SIGKILL.
	killPatience = 2 * time.Second

	// drainPatience is how long after the end of its tree a process's output may go on.
	drainPatience = 250 * time.Millisecond
)

// A member is one process of a tree. A pid alone would not do: it may be another process's tomorrow.
type member struct {
	pid     int
	start   uint64 // when it started, in a unit of the system's; 0 where the system has no need of it
	pgid    int
	stopped bool // by a signal
	frozen  bool // it does nothing before it has heard what it was sent
}

// id is what identifies a member for good.
func (m member) id() member { return member{pid: m.pid, start: m.start} }

func pids(members []member) []int {
	out := make([]int, len(members))
	for i, m := range members {
		out[i] = m.pid
	}
	return out
}

// A book remembers what was done to a tree, as several Ends may be at work, and whom it was seen to have, as a process
// that outlives its parent may have nothing that shows where it came from.
type book struct {
	mu     sync.Mutex
	gone   bool // the tree was seen to be gone, and its numbers may be others' by now
	seen   map[member]bool
	told   map[member]os.Signal
	killed []int
}

// untold returns those of members who have not been told sig, and notes that they have been now.
func (b *book) untold(members []member, sig os.Signal) []member {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.told == nil {
		b.told = map[member]os.Signal{}
	}
	var out []member
	for _, m := range members {
		if b.told[m.id()] != sig {
			b.told[m.id()] = sig
			out = append(out, m)
		}
	}
	return out
}

func (b *book) kill(members []member) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range members {
		if !slices.Contains(b.killed, m.pid) {
			b.killed = append(b.killed, m.pid)
		}
	}
}

func (b *book) killedSoFar() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.killed)
}

func (b *book) killedSince(n int) []int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.killed[n:])
}

// scan gives the members that live now.
func (p *Process) scan() []member {
	p.book.mu.Lock()
	defer p.book.mu.Unlock()
	if p.book.gone {
		return nil
	}
	done := p.leaderDone()
	members := p.group.scan(p.leader, done, p.book.seen)
	if p.book.gone = done && len(members) == 0; p.book.gone {
		p.group.gone(p.leader)
	}
	p.book.seen = make(map[member]bool, len(members))
	for _, m := range members {
		p.book.seen[m.id()] = true
	}
	return members
}

// endPolitely sends sig and returns when the tree is gone or the patience is over.
func (p *Process) endPolitely(ctx context.Context, sig os.Signal, grace time.Duration) {
	members := p.scan()
	if err := p.tell(members, sig); err != nil {
		return // nobody could be told, so there is nothing to wait for
	}
	over := time.NewTimer(grace)
	defer over.Stop()
	p.await(ctx, over.C, members)
}

// tell sends sig to those of members who have not been told before. Its error means that none of them could be told.
func (p *Process) tell(members []member, sig os.Signal) error {
	untold := p.book.untold(members, sig)
	var err error
	switch len(untold) {
	case 0:
	case len(members):
		err = p.group.signal(members, sig)
	default: // not by their group, which has others
		p.group.signalEach(untold, sig)
	}
	p.group.wake(members)
	return err
}

// await returns when the tree is gone, ctx is cancelled or over fires. It looks at the members that it knows and scans for
// others only when those are gone, as a scan looks at every process of the machine.
func (p *Process) await(ctx context.Context, over <-chan time.Time, members []member) {
	done := p.done
	wait := tick
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		if !p.group.anyAlive(members, p.leaderDone()) {
			if members = p.scan(); len(members) == 0 {
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-over:
			return
		case <-done:
			done = nil
			wait = tick // those who waited for the leader are likely to follow
		case <-timer.C:
			wait = min(2*wait, maxTick)
		}
		timer.Reset(wait)
	}
}

// endByForce kills until none is left or patience ends, and returns who is left. New ones may be forked while others are
// killed, hence the rounds.
func (p *Process) endByForce() (left []int) {
	over := time.NewTimer(killPatience)
	defer over.Stop()
	for {
		members := p.scan()
		if len(members) == 0 {
			return nil
		}
		p.book.kill(members)
		p.group.signal(members, os.Kill) // who cannot be killed is seen by the next scan
		round := time.NewTimer(maxTick)
		p.await(context.Background(), round.C, members)
		round.Stop()
		select {
		case <-over.C:
			return pids(p.scan())
		default:
		}
	}
}

// awaitReaped returns when Done is closed. The leader is dead, but may not have been reaped yet.
func (p *Process) awaitReaped() {
	over := time.NewTimer(killPatience)
	defer over.Stop()
	select {
	case <-p.done:
	case <-over.C:
	}
}

// letGo gives up what we hold for the tree, which is gone. Whoever still has its output open is none of ours; it gets a
// moment, as it may be on its way out.
func (p *Process) letGo() {
	p.once.Do(func() {
		time.AfterFunc(drainPatience, p.reader.stop)
		p.group.release()
	})
}
