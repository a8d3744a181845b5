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

func (c *Cluster) ask(id int, v verb) error {
	w, err := c.find(id)
	if err != nil {
		return err
	}
	return w.ask(v)
}

// find returns the worker with this number or port.
func (c *Cluster) find(id int) (*worker, error) {
	workers := c.all()
	for _, w := range workers {
		if w.worker == id || w.port == id {
			return w, nil
		}
	}
	return nil, fmt.Errorf("cannot find worker %d: there are 1 to %d, with ports %d to %d",
		id, len(workers), workers[0].port, workers[len(workers)-1].port)
}

// Scale changes the number of workers: new ones come at the end, the last ones are drained and go. It returns when the
// workers that go are gone; those that come are starting.
func (c *Cluster) Scale(n int) error {
	if n < 1 || n > MaxWorkers || c.base+n-1 > 65535 {
		return fmt.Errorf("cannot scale to %d workers: the number must be 1 to %d", n, min(MaxWorkers, 65536-c.base))
	}
	c.scaling.Lock()
	defer c.scaling.Unlock()
	if c.ending.Load() {
		return fmt.Errorf("cannot scale to %d workers: the cluster is ending", n)
	}
	workers := c.all()
	for i := len(workers); i < n; i++ {
		port := c.base + i
		if port == c.front.addr().Port {
			return fmt.Errorf("cannot start worker %d: port %d is the front's", i+1, port)
		}
		if !portFree(port) {
			return &PortTakenError{Worker: i + 1, Port: port, Holder: holderOf(port, longLook)}
		}
	}
	if n < len(workers) {
		retire(workers[n:])
		rest := workers[:n:n]
		if !c.ending.Load() { // else the report has them too
			c.list.Store(&rest)
		}
		return nil
	}
	c.grow(n)
	return nil
}

// retire ends workers side by side and returns when they are gone.
func retire(workers []*worker) {
	for _, w := range workers {
		w.ask(verbRetire) // its one error says that it is gone already
	}
	for _, w := range workers {
		<-w.done
	}
}
