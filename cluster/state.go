package cluster

import "github.com/lbdev/lbdev/proxy"

// A State is what a worker is doing.
type State string

// The states of a worker; the package's doc draws how they follow each other.
const (
	// Starting: the process runs and has not answered yet.
	Starting State = "starting"
	// Ready: the process runs and gets requests.
	Ready State = "ready"
	// Unresponsive: the process runs but does not answer; it gets no requests until it does.
	Unresponsive State = "unresponsive"
	// Drained: the process runs, finishes what it has and gets nothing new.
	Drained State = "drained"
	// Paused: the process tree is stopped by SIGSTOP.
	Paused State = "paused"
	// Stopping: the process was told to end; this lasts until its whole tree is gone and its port is free.
	Stopping State = "stopping"
	// Stopped: there is no process, because someone wanted it so or the restart policy did.
	Stopped State = "stopped"
	// Backoff: there is no process; the next one starts when a delay is over or the port is free.
	Backoff State = "backoff"
	// Failed: there is no process and starting another is pointless.
	Failed State = "failed"
)

// States are all of them, in the order in which a worker may go through them.
func States() []State {
	return []State{Starting, Ready, Unresponsive, Drained, Paused, Stopping, Stopped, Backoff, Failed}
}

// status is what the proxy needs to know of a worker in this state: may it have requests, is it worth waiting for.
// wanted says that a worker that is stopping shall come back.
func (s State) status(wanted bool) proxy.Status {
	switch s {
	case Ready:
		return proxy.Ready
	case Starting, Unresponsive, Backoff:
		return proxy.Coming
	case Stopping:
		if wanted {
			return proxy.Coming
		}
		return proxy.Down
	case Drained, Paused, Stopped, Failed:
		return proxy.Down
	}
	panic("cluster: unknown state " + string(s))
}

// Hopeful says whether a worker in this state serves requests or may do so without anybody's help.
func (s State) Hopeful() bool { return s.status(false) != proxy.Down }
