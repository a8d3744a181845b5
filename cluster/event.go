package cluster

import (
	"time"

	"github.com/lbdev/lbdev/procs"
)

// A Kind says what an Event tells.
type Kind string

// The kinds of events.
const (
	// KindState: a worker went into Event.State.
	KindState Kind = "state"
	// KindNotice: something that people should know, told in Event.Text.
	KindNotice Kind = "notice"
	// KindWrongPort: a worker that is starting listens on Event.Ports instead of the port that it was given.
	KindWrongPort Kind = "wrong-port"
	// KindFault: a worker is made to misbehave as Event.Text says; if that is empty, not any more.
	KindFault Kind = "fault"
	// KindFront: the program that is the front went into Event.Program; Event.Text is what people should know of it, if there is something.
	KindFront Kind = "front"
)

// An Event is something that happened to the cluster or one of its workers. Fields that do not apply are zero.
type Event struct {
	Seq  uint64
	Time time.Time
	Kind Kind
	Log  uint64 // number of the last log line that came before

	Worker      int // 0 means the cluster as a whole
	Port        int
	Incarnation uint64
	PID         int
	State       State

	Took     time.Duration // ready: since the start of the process
	Exit     *procs.Exit   // backoff, stopped, failed: how the process ended, if it had one
	Killed   int           // stopped: how many processes had to be ended by SIGKILL after the stop timeout
	Restarts int           // starting, backoff: how often the worker was started again so far
	Delay    time.Duration // backoff: until the next start
	Reason   string        // backoff, failed, stopping, stopped, unresponsive, ready after that: why, in words, where it was not asked for
	Lines    []string      // backoff before it was ever ready, failed: the last words of the process
	Argv     []string      // failed: the command line that did, which a Renew may have replaced since
	Ports    []int         // wrong-port: where it listens, ascending
	Program  *FrontProgram // front
	Text     string        // notice, wrong-port: what people should know; fault: a plan, as fault.Parse reads it
}

// A LogLine is one line of a worker's output.
type LogLine struct {
	procs.Line
	Worker, Port int
	From         string // the program that is the front, if it is not a worker's
	Incarnation  uint64
}
