package cluster

import (
	"context"
	"time"
)

// frontPatience is how long requests in flight may take when the cluster ends, where the stop timeout is longer.
const frontPatience = 5 * time.Second

// outputPatience is how long a lossless reader may take nothing when everything else has ended.
const outputPatience = 10 * time.Second

// A Report tells how a shutdown went.
type Report struct {
	Stopped int            // workers that ended when they were asked to
	Killed  []WorkerReport // workers that had to be ended by SIGKILL
	Left    []WorkerReport // workers of whose tree something could not be ended
	Took    time.Duration
}

// A WorkerReport names processes of one worker.
type WorkerReport struct {
	Worker int   `json:"worker"`
	Port   int   `json:"port"`
	PIDs   []int `json:"pids"`
}

// Shutdown ends the cluster, in this order: the front stops accepting and finishes what it has, held requests and streams
// are let go; all workers are stopped side by side within one stop timeout; the feeds are closed, so that their readers
// get the rest and io.EOF. When ctx ends Shutdown stops waiting and kills. A second call waits for the first.
func (c *Cluster) Shutdown(ctx context.Context) Report {
	began := time.Now()
	stop := context.AfterFunc(ctx, c.hurry)
	defer stop()
	first := !c.ending.Swap(true)
	if first {
		if patience := min(c.launch.Load().stopTimeout(), frontPatience); c.following != nil {
			c.following.close(c.patience, patience)
		} else {
			c.front.close(c.patience, c.proxy, patience)
		}
		retire(c.all()) // also lets go a Scale that waits for its workers
	}
	c.scaling.enter(context.Background()) // its one error is a context that ends
	defer c.scaling.leave()
	if !first {
		return c.report
	}
	workers := c.all()
	retire(workers) // whom a Scale has added in between
	c.report = report(workers)
	c.report.Took = time.Since(began)
	c.awaitOutput()
	c.hurry() // ends the probers
	c.events.Close()
	c.logs.Close()
	c.goroutines.Wait()
	c.closeSockets()
	return c.report
}

// awaitOutput waits until the workers' last lines are in the feed. A lossless reader may take its time for that, but if
// it takes nothing at all it has stopped reading.
func (c *Cluster) awaitOutput() {
	output := make(chan struct{})
	go c.drain(output)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	taken, since := c.logs.taken(), time.Now()
	for {
		select {
		case <-output:
			return
		case <-c.patience.Done():
			return
		case now := <-tick.C:
			if n := c.logs.taken(); n != taken {
				taken, since = n, now
			} else if now.Sub(since) > outputPatience {
				return
			}
		}
	}
}

// drain is the goroutine that waits for the end of every process's output.
func (c *Cluster) drain(output chan<- struct{}) {
	c.outputs.Wait()
	close(output)
}

// Hurry stops waiting for processes to end by themselves: what is being stopped is killed now.
func (c *Cluster) Hurry() { c.hurry() }

func report(workers []*worker) Report {
	r := Report{Killed: []WorkerReport{}, Left: []WorkerReport{}}
	for _, w := range workers {
		switch ended := w.ended; {
		case !w.stoppedLast: // there was nothing to stop
		case len(ended.Left) > 0:
			r.Left = append(r.Left, WorkerReport{Worker: w.worker, Port: w.port, PIDs: ended.Left})
		case len(ended.Killed) > 0:
			r.Killed = append(r.Killed, WorkerReport{Worker: w.worker, Port: w.port, PIDs: ended.Killed})
		default:
			r.Stopped++
		}
	}
	return r
}
