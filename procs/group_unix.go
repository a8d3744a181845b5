//go:build linux || darwin

package procs

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// A group is what a tree is known by: a session and a process group of its own, both with the leader's pid for a number,
// and a mark.
type group struct {
	leader int
	mark   []byte
}

func newGroup() (*group, error) {
	return &group{mark: []byte(newMark())}, nil
}

// command is cmd with everything but its streams.
func command(path string, config Config) *exec.Cmd {
	return &exec.Cmd{Path: path, Args: config.Argv, Dir: config.Dir, Env: config.Env}
}

// prepare makes cmd the leader of the group. Setsid and not Setpgid: a group in the background of the user's terminal would
// be frozen by SIGTTOU or SIGTTIN as soon as it touches it.
func (g *group) prepare(cmd *exec.Cmd, pty bool) {
	mark := OurMark() + "," + string(g.mark)
	if outer := value(cmd.Env, markName); outer != "" && len(outer) < maxMarks {
		mark = outer + "," + mark // we are part of another's tree, and so is what we start
	}
	env := make([]string, 0, len(cmd.Env)+2)
	for _, kv := range cmd.Env {
		if !strings.HasPrefix(kv, markName+"=") {
			env = append(env, kv)
		}
	}
	if dir, err := filepath.Abs(cmd.Dir); cmd.Dir != "" && err == nil {
		env = append(env, "PWD="+dir) // as a shell's cd would; many programs believe it
	}
	cmd.Env = append(env, markName+"="+mark)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if pty {
		cmd.SysProcAttr.Setctty, cmd.SysProcAttr.Ctty = true, 1 // the child's descriptor: its stdout
	}
	dieWithUs(cmd.SysProcAttr)
}

// start starts cmd as the leader.
func (g *group) start(cmd *exec.Cmd) (member, error) {
	if err := fork(cmd); err != nil {
		return member{}, err
	}
	g.leader = cmd.Process.Pid
	leader := member{pid: g.leader, pgid: g.leader}
	if p, ok := look(leader.pid); ok { // it has not been reaped yet: the pid is its own
		leader.start = p.start
	}
	if guard := theGuard.Load(); guard != nil {
		guard.started(leader)
	}
	return leader, nil
}

// signal sends sig to each of members, which were all of the tree a moment ago. Those in the group get it by the group and
// all at once, so that none can fork between. A group without a live member is not signalled: its number may be a
// stranger's by now.
func (g *group) signal(members []member, sig os.Signal) error {
	s, ok := sig.(syscall.Signal)
	if !ok {
		return fmt.Errorf("cannot send %v: not a signal of this system", sig)
	}
	var outside []member
	for _, m := range members {
		if m.pgid != g.leader {
			outside = append(outside, m)
		}
	}
	told := 0
	var errs []error
	if len(outside) < len(members) {
		if err := syscall.Kill(-g.leader, s); err != nil && err != syscall.ESRCH {
			errs = append(errs, fmt.Errorf("cannot send %s to group %d: %w", signalName(s), g.leader, err))
		} else {
			told++
		}
	}
	n, err := g.each(outside, s)
	if errs = append(errs, err); told+n > 0 {
		return nil
	}
	return errors.Join(errs...)
}

// signalEach sends sig to each of members alone.
func (g *group) signalEach(members []member, sig os.Signal) {
	if s, ok := sig.(syscall.Signal); ok {
		g.each(members, s)
	}
}

func (g *group) each(members []member, sig syscall.Signal) (told int, err error) {
	var errs []error
	for _, m := range members {
		if err := signalOne(m, sig); err != nil && err != syscall.ESRCH {
			errs = append(errs, fmt.Errorf("cannot send %s to process %d: %w", signalName(sig), m.pid, err))
		} else {
			told++
		}
	}
	return told, errors.Join(errs...)
}

// wake lets those of members who are stopped hear what they were sent. The others are left alone, as a program may do
// something on SIGCONT.
func (g *group) wake(members []member) {
	for _, m := range members {
		if m.stopped {
			signalOne(m, syscall.SIGCONT) // who is gone needs it no more
		}
	}
}

// anyAlive says whether any of members is still there.
func (g *group) anyAlive(members []member, leaderDone bool) bool {
	for _, m := range members {
		if m.pid == g.leader && leaderDone {
			continue
		}
		if p, ok := look(m.pid); ok && p.start == m.start && p.alive {
			return true
		}
	}
	return false
}

// gone is told when nobody of the tree is left, as its numbers may be others' from now on.
func (g *group) gone(leader member) {
	if guard := theGuard.Load(); guard != nil {
		guard.gone(leader)
	}
}

// release and close have nothing to do here: a group is only numbers.
func (g *group) release() {}
func (g *group) close()   {}
