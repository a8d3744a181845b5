package procs

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"
)

// Config says what to run and how.
type Config struct {
	// Argv is executed as it is, never through a shell. Argv[0] is looked up in the PATH of Env, or relative to Dir when
	// it has a slash in it.
	Argv []string

	// Dir is where it runs; "" = where we do.
	Dir string

	// Env is the complete environment as K=V; nil = ours. The last of several values of one name counts.
	Env []string

	// PTY puts stdout and stderr on a pseudo terminal, which becomes the controlling terminal of the process. Otherwise
	// both are one pipe. Where HasPTY is false it is an error that wraps errors.ErrUnsupported.
	PTY bool

	// Rows and Cols are the size of the pseudo terminal; 0 = 24 and 80.
	Rows, Cols uint16

	// Output gets all lines that one read brought, in order, from the one goroutine that reads. The slice is reused
	// after the call, the strings are the receiver's for good. A slow Output blocks the child. nil discards.
	Output func([]Line)
}

// Line is one line of output.
type Line struct {
	Time    time.Time
	Text    string // without newline: printable text, tabs and SGR colours; valid UTF-8; its end has no colour on
	Partial bool   // no newline came: a prompt, flushed after 150 ms of silence, or the last words
	Cut     bool   // it was longer than 64 KiB and ends with "…"
}

// Process is one child with its descendants. Its stdin is a pipe that stays open and empty as long as it lives: many
// programs take the end of their input for a wish to end.
type Process struct {
	started time.Time
	cmd     *exec.Cmd
	leader  member
	group   *group // what the system knows the tree by
	streams *streams
	reader  *reader
	done    chan struct{}
	exit    Exit // written before done is closed

	once     sync.Once // letGo
	book     book
	servers  servers
	freezing sync.Mutex  // one Pause or Resume at a time
	paused   bool        // by Pause; guarded by freezing
	ending   atomic.Bool // End has begun: there is no Pause any more
}

// Start runs config. Its errors wrap exec.ErrNotFound or fs.ErrPermission where the program is missing or not executable.
func Start(config Config) (*Process, error) {
	if len(config.Argv) == 0 || config.Argv[0] == "" {
		return nil, errors.New("cannot start: no command given")
	}
	if config.Env == nil {
		config.Env = os.Environ()
	}
	if err := checkDir(config.Dir); err != nil {
		return nil, err
	}
	path, err := Lookup(config.Argv[0], config.Dir, config.Env)
	if err != nil {
		return nil, err
	}
	group, err := newGroup()
	if err != nil {
		return nil, startError(config.Argv[0], err)
	}
	streams, err := openStreams(config)
	if err != nil {
		group.close()
		return nil, startError(config.Argv[0], err)
	}
	p := &Process{group: group, streams: streams, done: make(chan struct{})}
	p.cmd = command(path, config)
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = streams.childIn, streams.childOut, streams.childOut
	group.prepare(p.cmd, config.PTY)
	p.started = time.Now()
	if p.leader, err = group.start(p.cmd); err != nil {
		streams.close()
		group.close()
		return nil, startError(config.Argv[0], err)
	}
	streams.started()
	p.reader = newReader(streams.output, config.Output)
	go p.reader.run()
	go p.wait()
	return p, nil
}

// wait reaps the leader. It is the process's own goroutine, and ends with the leader but for the last words.
func (p *Process) wait() {
	p.cmd.Wait() // its error only says again what ProcessState does
	now := time.Now()
	p.exit = exitOf(p.cmd.ProcessState)
	p.exit.Time, p.exit.Ran = now, now.Sub(p.started)
	close(p.done)
	p.streams.hangUp(p.reader.drained)
}

// Pid is the leader's: the process that Start started.
func (p *Process) Pid() int { return p.leader.pid }

// Leader identifies the process that Start started for good. On Windows that must be asked for while it lives.
func (p *Process) Leader() Leader { return leaderOf(p.leader) }

// Done is closed when the leader has been reaped, whoever may still hold its output.
func (p *Process) Done() <-chan struct{} { return p.done }

// Exit is how the leader ended; valid after Done.
func (p *Process) Exit() Exit { return p.exit }

// Drained is closed when Output will not be called any more: at the end of the output, which may be long after Done if
// the process left a child behind, but soon after End.
func (p *Process) Drained() <-chan struct{} { return p.reader.drained }

// Tree gives the pids of the tree that live now, in any order. Zombies don't live.
func (p *Process) Tree() []int { return pids(p.scan()) }

// Signal sends sig to each process of the tree once. It is os.ErrProcessDone when there is none.
func (p *Process) Signal(sig os.Signal) error {
	members := p.scan()
	if len(members) == 0 {
		return os.ErrProcessDone
	}
	return p.group.signal(members, sig)
}

// leaderDone says whether the leader has been reaped.
func (p *Process) leaderDone() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Ended is what End had to do.
type Ended struct {
	Killed []int         // pids that needed SIGKILL
	Left   []int         // pids that are still alive: they could not be killed
	Took   time.Duration // from the call to its return
}

// End ends the whole tree and waits until it is gone; Done is closed then. Each process gets sig once, and SIGCONT if it is
// stopped, as it could not hear sig otherwise. What still lives after grace gets SIGKILL, again and again until none is left; with a
// grace of 0, at once and without sig. When ctx is cancelled, the grace is over.
//
// It may be called several times, also at once: the least patient call decides, and none sends the same sig to a process
// twice. What cannot be killed (it is in an uninterruptible system call, or another user's) is given up about 2 s after
// SIGKILL and reported.
func (p *Process) End(ctx context.Context, sig os.Signal, grace time.Duration) Ended {
	begun := time.Now()
	p.ending.Store(true)
	before := p.book.killedSoFar()
	if grace > 0 && sig != os.Kill {
		p.endPolitely(ctx, sig, grace)
	}
	left := p.endByForce()
	if len(left) == 0 {
		p.awaitReaped()
	}
	p.letGo()
	return Ended{Killed: p.book.killedSince(before), Left: left, Took: time.Since(begun)}
}
