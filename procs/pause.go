package procs

import (
	"fmt"
	"os"
)

// Pause freezes the whole tree, where it stands: SIGSTOP to its group at once and to all others of it, again until every
// process is stopped, as some may be forked meanwhile. Only SIGKILL, End and Resume move it then; its connections stay
// open, and its ports take new ones. A second Pause changes nothing.
//
// If some process does not stop within a second, or End is called meanwhile, the tree is let go and Pause fails. The error
// wraps os.ErrProcessDone when there is no tree. On Windows the processes of the job are suspended.
func (p *Process) Pause() error {
	p.freezing.Lock()
	defer p.freezing.Unlock()
	if err := p.freeze(); err != nil {
		p.thaw(true) // none at all is better than half of it
		return fmt.Errorf("cannot pause process %d: %w", p.Pid(), err)
	}
	return nil
}

// Resume lets the tree run on: SIGCONT to each process of it that is stopped, also to one that was not stopped by Pause. The
// error wraps os.ErrProcessDone when there is no tree.
func (p *Process) Resume() error {
	p.freezing.Lock()
	defer p.freezing.Unlock()
	if err := p.thaw(false); err != nil {
		return fmt.Errorf("cannot resume process %d: %w", p.Pid(), err)
	}
	return nil
}

// errEnding is what a Pause fails with that End has overtaken.
var errEnding = fmt.Errorf("it is being ended: %w", os.ErrProcessDone)
