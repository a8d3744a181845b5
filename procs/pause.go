package procs

import (
	"fmt"
	"os"
)

// Pause freezes the whole tree, where it stands: SIGSTOP to its group at once and to all others of it, again until every
// process is stopped, as some may be forked meanwhile. Only SIGKILL, End and Resume move it then; its connections stay
// open, and its ports take new ones. A second Pause changes nothing.
//
// If some process does not stop within five seconds (one on Windows), or End is called meanwhile, the tree is let go and
// Pause fails. The error wraps os.ErrProcessDone when there is no tree. On Windows the processes of the job are suspended.
func (p *Process) Pause() error {
	p.freezing.Lock()
	defer p.freezing.Unlock()
	p.paused = true
	if err := p.freeze(); err != nil {
		p.paused = false
		p.thaw(true) // none at all is better than half of it
		return fmt.Errorf("cannot pause process %d: %w", p.Pid(), err)
	}
	return nil
}

// Resume lets the tree run on after Pause: SIGCONT to each process of it, as one that does not show as stopped yet may be about
// to. Without a Pause only those get it that are stopped. The error wraps os.ErrProcessDone when there is no tree.
func (p *Process) Resume() error {
	p.freezing.Lock()
	defer p.freezing.Unlock()
	all := p.paused
	p.paused = false
	if err := p.thaw(all); err != nil {
		return fmt.Errorf("cannot resume process %d: %w", p.Pid(), err)
	}
	return nil
}

// errEnding is what a Pause fails with that End has overtaken.
var errEnding = fmt.Errorf("it is being ended: %w", os.ErrProcessDone)
