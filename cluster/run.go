package cluster

import (
	"context"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lbdev/lbdev/procs"
)

const (
	// lastWords is how long an exit waits for the output that the process wrote before it.
	lastWords = 100 * time.Millisecond
	// tailLines is how many of its last lines a worker that failed is remembered by.
	tailLines = 20
	// portPatience is how long a port may stay busy after the tree that held it is gone.
	portPatience = 2 * time.Second
)

// process is what the loop needs of a *procs.Process; tests have a fake.
type process interface {
	Pid() int
	Done() <-chan struct{}
	Exit() procs.Exit
	Drained() <-chan struct{}
	Tree() []int
	End(ctx context.Context, sig os.Signal, grace time.Duration) procs.Ended
}

// A run is one incarnation: a process and what its goroutines tell the worker's loop about it. Each run has channels of
// its own, with room for the one message that each will ever carry, so that a late message of an older incarnation
// neither blocks its sender nor reaches anyone.
type run struct {
	incarnation uint64
	proc        process
	cancel      context.CancelFunc // ends the prober
	readied     chan struct{}
	finished    chan procs.Ended
	tail        *tail
	refusal     atomic.Pointer[string] // what it answers to the prober instead of what is wanted

	// The rest belongs to the worker's loop.
	started  time.Time
	readyAt  time.Time // zero until it was ready
	exited   bool      // the loop has seen that the process is gone
	ending   bool      // end is under way
	timedOut bool      // it is being ended because it did not become ready in time
	killed   bool      // its death was asked for and says nothing about the app
}

// exit, ready and ended are the channels to select on; a nil run and a message that was had give a nil channel.
func (r *run) exit() <-chan struct{} {
	if r == nil || r.exited {
		return nil
	}
	return r.proc.Done()
}

func (r *run) ready() <-chan struct{} {
	if r == nil {
		return nil
	}
	return r.readied
}

func (r *run) ended() <-chan procs.Ended {
	if r == nil {
		return nil
	}
	return r.finished
}

// exitIfDead is how the process ended. A process that could not be ended, such as another user's, has not: its exit says
// code -1.
func (r *run) exitIfDead() procs.Exit {
	select {
	case <-r.proc.Done():
		return r.proc.Exit()
	default:
		return procs.Exit{Code: -1, Time: time.Now(), Ran: time.Since(r.started)}
	}
}

// A tail holds the last lines of an incarnation. Its writer is the process's reader, its reader the worker's loop.
type tail struct {
	mu    sync.Mutex
	lines []string
}

func (t *tail) add(lines []procs.Line) {
	if len(lines) > tailLines {
		lines = lines[len(lines)-tailLines:]
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if over := len(t.lines) + len(lines) - tailLines; over > 0 {
		t.lines = slices.Delete(t.lines, 0, over)
	}
	for _, line := range lines {
		t.lines = append(t.lines, line.Text)
	}
}

func (t *tail) last() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.lines)
}
