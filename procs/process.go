package procs

import (
	"context"
	"errors"
	"os"
	"syscall"
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

// Ended is what End had to do.
type Ended struct {
	Killed []int         // pids that needed SIGKILL
	Left   []int         // pids that are still alive: they could not be killed
	Took   time.Duration // from the call to its return
}

// Process is one child with its descendants.
type Process struct{}

// Start runs config. Its errors wrap exec.ErrNotFound or fs.ErrPermission where the program is missing or not executable.
func Start(config Config) (*Process, error) { return nil, errors.New("cannot start: not ready") }

// Pid is the leader's.
func (p *Process) Pid() int { return 0 }

// Done is closed when the leader has been reaped, whoever may still hold its output.
func (p *Process) Done() <-chan struct{} { return nil }

// Exit is how the leader ended; valid after Done.
func (p *Process) Exit() Exit { return Exit{} }

// Drained is closed when Output will not be called any more.
func (p *Process) Drained() <-chan struct{} { return nil }

// Tree gives the pids that live now, in any order.
func (p *Process) Tree() []int { return nil }

// Signal sends sig to each process of the tree.
func (p *Process) Signal(sig os.Signal) error { return nil }

// End ends the whole tree.
func (p *Process) End(ctx context.Context, sig os.Signal, grace time.Duration) Ended { return Ended{} }

// HasPTY says whether Config.PTY works on this system.
const HasPTY = true

// EndWithUs sees to it that our own death, however sudden, ends all processes that we start from now on.
func EndWithUs() error { return nil }

// SignalByName understands "TERM", "SIGTERM", "int" and "9".
func SignalByName(name string) (os.Signal, error) { return syscall.SIGTERM, nil }

func signalName(sig syscall.Signal) string { return sig.String() }
