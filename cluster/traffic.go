package cluster

import (
	"time"

	"github.com/lbdev/lbdev/proxy"
)

// A Traffic is everything that is counted of a cluster's requests, at one moment. It is what metrics are made of; a Snapshot
// has what people want to see.
type Traffic struct {
	Name    string
	Policy  string
	Uptime  time.Duration
	Stats   proxy.Stats
	Held    int             // requests that wait for a worker at the moment
	Workers []WorkerTraffic // in the order of their numbers
}

// A WorkerTraffic is a worker with what it has had to do.
type WorkerTraffic struct {
	Worker, Port int
	State        State
	Weight       int
	Ejected      bool // it is out of rotation for its answers: see Config.EjectAfter
	Restarts     int
	proxy.Traffic
}

// Traffic returns what is counted now. It waits for nobody.
func (c *Cluster) Traffic() Traffic {
	t := Traffic{
		Name: c.config.name(), Policy: c.pool.Policy(), Uptime: time.Since(c.opened), Stats: c.proxy.Stats(), Held: c.pool.Held(),
	}
	for _, w := range c.all() {
		s := w.seen.Load()
		weight, _ := w.backend.Share()
		t.Workers = append(t.Workers, WorkerTraffic{
			Worker: s.Worker, Port: s.Port, State: s.State, Weight: weight, Ejected: w.backend.Ejected() > 0, Restarts: s.Restarts, Traffic: w.backend.Traffic(),
		})
	}
	return t
}
