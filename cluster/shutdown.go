package cluster

import (
	"context"
	"time"
)

// frontPatience is how long requests in flight may take when the cluster ends, where the stop timeout is longer.
const frontPatience = 5 * time.Second

// A Report tells how a shutdown went.
type Report struct {
	Stopped int            // workers that ended when they were asked to
	Killed  []WorkerReport // workers that had to be ended by SIGKILL
	Left    []WorkerReport // workers of whose tree something could not be ended
	Took    time.Duration
}

// A WorkerReport names processes of one worker.
type WorkerReport struct {
	Worker, Port int
	PIDs         []int
}

// Shutdown ends the cluster, in this order: the front stops accepting and finishes what it has, held requests and streams
// are let go; all workers are stopped side by side within one stop timeout; the feeds are closed, so that their readers
// get the rest and io.EOF. When ctx ends Shutdown stops waiting and kills. A second call waits for the first.
func (c *Cluster) Shutdown(ctx context.Context) Report {
	began := time.Now()
	stop := context.AfterFunc(ctx, c.hurry)
	defer stop()
	c.scaling.Lock()
	defer c.scaling.Unlock()
	if c.ending.Swap(true) {
		return c.report
	}
	c.front.close(c.patience, c.proxy, min(c.config.stopTimeout(), frontPatience))
	workers := c.all()
	retire(workers)
	c.hurry() // ends the probers
	c.goroutines.Wait()
	c.report = report(workers)
	c.report.Took = time.Since(began)
	c.events.Close()
	c.logs.Close()
	return c.report
}

// Hurry stops waiting for processes to end by themselves: what is being stopped is killed now.
func (c *Cluster) Hurry() { c.hurry() }

func report(workers []*worker) Report {
	var r Report
	for _, w := range workers {
		switch ended := w.ended; {
		case len(ended.Left) > 0:
			r.Left = append(r.Left, WorkerReport{w.worker, w.port, ended.Left})
		case len(ended.Killed) > 0:
			r.Killed = append(r.Killed, WorkerReport{w.worker, w.port, ended.Killed})
		default:
			r.Stopped++
		}
	}
	return r
}
