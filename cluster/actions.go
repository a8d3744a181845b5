package cluster

import (
	"fmt"
)

// Start starts a worker that is stopped or failed, or waits to be started again. Its earlier deaths are forgotten.
func (c *Cluster) Start(id int) error { return c.ask(id, verbStart) }

// Stop takes a worker out of rotation, lets it finish its requests, and ends its process; it stays down until Start.
// Stop returns when that has begun; the events tell when it is done.
func (c *Cluster) Stop(id int) error { return c.ask(id, verbStop) }

// Restart is Stop and Start.
func (c *Cluster) Restart(id int) error { return c.ask(id, verbRestart) }

// Kill sends SIGKILL to a worker's whole tree. It is not taken out of rotation before: this is what a crash looks like.
// The supervisor brings it back.
func (c *Cluster) Kill(id int) error { return c.ask(id, verbKill) }

// Pause takes a worker out of rotation and then freezes its whole tree. Requests that it has and that may be run twice go
// to another worker when they are not done in a moment; the others wait until Resume.
func (c *Cluster) Pause(id int) error { return c.ask(id, verbPause) }

// Resume lets a paused worker run on; it gets requests again.
func (c *Cluster) Resume(id int) error { return c.ask(id, verbResume) }

// Drain takes a worker out of rotation. Its process runs on and finishes the requests that it has.
func (c *Cluster) Drain(id int) error { return c.ask(id, verbDrain) }

// Undrain puts a drained worker back into rotation.
func (c *Cluster) Undrain(id int) error { return c.ask(id, verbUndrain) }

func (c *Cluster) ask(id int, v verb) error {
	w, err := c.find(id)
	if err != nil {
		return err
	}
	return w.ask(v)
}

// A NoWorkerError says that there is no worker with this number or port.
type NoWorkerError struct {
	ID          int
	Workers     int // there are 1 to Workers
	First, Last int // their ports
}

func (e *NoWorkerError) Error() string {
	return fmt.Sprintf("cannot find worker %d: there are 1 to %d, with ports %d to %d", e.ID, e.Workers, e.First, e.Last)
}

// A StateError says that a worker can't do what was asked because of what it is doing.
type StateError struct {
	Verb   string // "pause", "drain", …
	Worker int
	State  State
	Why    string // "it has no process"
}

func (e *StateError) Error() string {
	return fmt.Sprintf("cannot %s worker %d: %s, it is %s", e.Verb, e.Worker, e.Why, e.State)
}

// find returns the worker with this number or port.
func (c *Cluster) find(id int) (*worker, error) {
	workers := c.all()
	for _, w := range workers {
		if w.worker == id || w.port == id {
			return w, nil
		}
	}
	return nil, &NoWorkerError{ID: id, Workers: len(workers), First: workers[0].port, Last: workers[len(workers)-1].port}
}
