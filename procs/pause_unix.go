//go:build linux || darwin

package procs

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"
)

// freezePatience is how long the processes of a tree may take to stop, all together. Each of their threads stops by itself, when it gets
// a processor.
const freezePatience = 5 * time.Second

// freeze stops the tree. A process is sure to be frozen when it shows as stopped after it was told; until then it may have
// forked, so there is another round.
func (p *Process) freeze() error {
	over := time.Now().Add(freezePatience)
	round := time.NewTimer(0)
	defer round.Stop()
	told := map[member]bool{}
	for wait := tick / 4; ; wait = min(2*wait, maxTick) {
		<-round.C
		if p.ending.Load() {
			return errEnding
		}
		members := p.scan()
		if len(members) == 0 {
			return os.ErrProcessDone
		}
		moving := slices.DeleteFunc(slices.Clone(members), func(m member) bool { return m.frozen && (m.stopped || told[m.id()]) })
		if len(moving) == 0 {
			return nil
		}
		if time.Now().After(over) {
			return fmt.Errorf("these did not stop: %v", pids(moving))
		}
		if err := p.stop(members, moving, told); err != nil {
			return err
		}
		round.Reset(wait)
	}
}

// stop sends SIGSTOP to those that move, by their group where one of it does. Parents come first in a snapshot: they should
// not see their children stop.
func (p *Process) stop(members, moving []member, told map[member]bool) error {
	for _, m := range moving {
		told[m.id()] = true
	}
	if len(moving) == len(members) {
		return p.group.signal(moving, syscall.SIGSTOP)
	}
	_, err := p.group.each(moving, syscall.SIGSTOP)
	return err
}

// thaw lets those go that are stopped, children first: a parent that asks for the fate of its children should find them
// running. One look is enough, as who is stopped forks nobody. all are those too who may be about to stop: SIGCONT takes back
// a SIGSTOP that has not had its effect yet.
func (p *Process) thaw(all bool) error {
	members := p.scan()
	if len(members) == 0 {
		return os.ErrProcessDone
	}
	var errs []error
	for _, m := range slices.Backward(members) {
		if !all && !m.stopped {
			continue
		}
		if err := signalOne(m, syscall.SIGCONT); err != nil && err != syscall.ESRCH {
			errs = append(errs, fmt.Errorf("cannot send SIGCONT to process %d: %w", m.pid, err))
		}
	}
	return errors.Join(errs...)
}
