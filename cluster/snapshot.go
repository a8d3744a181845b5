package cluster

import (
	"os"
	"time"
)

// A Snapshot is the cluster at one moment, as GET /v1/cluster and ps --json show it.
type Snapshot struct {
	Name      string           `json:"name"`
	PID       int              `json:"pid"`
	Front     string           `json:"front"`
	Listen    []string         `json:"listen"`             // all addresses of the front; that of Front is the first
	Redirect  string           `json:"redirect,omitempty"` // an address that only leads to https
	Dashboard string           `json:"dashboard"`
	Policy    string           `json:"policy"`
	Sticky    string           `json:"sticky,omitempty"`        // how clients are kept at a worker; empty = not at all
	SlowMS    int64            `json:"slow_start_ms,omitempty"` // in which the share of a new process grows
	Program   *FrontProgram    `json:"front_program,omitempty"` // what listens there in place of lbdev itself
	Badge     *bool            `json:"badge,omitempty"`         // pages bear a label with the port that served them; nil = there are no pages
	UptimeMS  int64            `json:"uptime_ms"`
	Ending    bool             `json:"ending,omitempty"` // it is being shut down
	Requests  RequestCounts    `json:"requests"`
	Workers   []WorkerSnapshot `json:"workers"`
}

// RequestCounts counts the requests since the start. Rescued and held ones are also ok, failed, cut or canceled.
type RequestCounts struct {
	Total         uint64 `json:"total"`
	OK            uint64 `json:"ok"`
	Failed        uint64 `json:"failed"`
	Rescued       uint64 `json:"rescued"`
	Held          uint64 `json:"held"`
	Cut           uint64 `json:"cut"`
	Canceled      uint64 `json:"canceled"` // the client went away before it had its answer
	InFlight      int64  `json:"in_flight"`
	LongestWaitMS int64  `json:"longest_wait_ms"` // of a held request
}

// A WorkerSnapshot is one worker at one moment.
type WorkerSnapshot struct {
	Worker      int    `json:"worker"`
	Port        int    `json:"port"`
	Socket      string `json:"socket,omitempty"` // where it listens instead of on its port
	PID         int    `json:"pid"`              // 0 without a process
	State       State  `json:"state"`
	Incarnation uint64 `json:"incarnation"`
	Restarts    int    `json:"restarts"`
	InFlight    int64  `json:"in_flight"`
	Requests    uint64 `json:"requests"`
	Failures    uint64 `json:"failures"`
	SinceMS     int64  `json:"since_ms"` // how long it has been in this state
	UpMS        int64  `json:"up_ms"`    // how long its process runs; 0 without one
	// P95MS is the time in which it began to answer 95 % of its requests, exact to a sixteenth; 0 = it had none.
	P95MS    float64 `json:"p95_ms"`
	LastExit string  `json:"last_exit"`
	Weight   int     `json:"weight"`
	Backup   bool    `json:"backup,omitempty"` // it gets requests only when no other is ready
	// Fault is what it is made to do wrong, as fault.Parse reads it; FaultLeftMS is for how long, if that has an end.
	Fault       string `json:"fault,omitempty"`
	FaultLeftMS int64  `json:"fault_left_ms,omitempty"`
	// Reason says why it is in backoff, failed or unresponsive; LastWords are the last lines of an incarnation that failed.
	Reason    string   `json:"reason,omitempty"`
	LastWords []string `json:"last_words,omitempty"`
}

// workerStatus is what a worker's loop lets the others see. It is never changed after it was published.
type workerStatus struct {
	WorkerSnapshot
	since  time.Time
	began  time.Time // of its process
	config *Config   // with which that was started; nil = there is none
	over   bool      // see worker
	failed bool      // it is over because something went wrong
	late   bool      // it is over because it did not become ready in time
	out    bool      // somebody has taken it out: see takenOut
	waits  bool      // for its port, which a stranger has
}

// publishStatus shows the others what the loop knows; e is the event that led here.
func (w *worker) publishStatus(e Event) {
	s := &workerStatus{
		WorkerSnapshot: WorkerSnapshot{
			Worker:      w.worker,
			Port:        w.port,
			Socket:      w.socket,
			State:       w.state,
			Incarnation: w.incarnation,
			Restarts:    w.restarts,
			Reason:      e.Reason,
			LastWords:   e.Lines,
		},
		since:  time.Now(),
		over:   w.over,
		failed: w.over && (w.state == Failed || w.lastExit != nil && w.lastExit.Code != 0),
		late:   w.over && w.late,
		out:    w.out,
		waits:  w.state == Backoff && w.waitsForPort,
	}
	if w.state == Ready {
		s.Reason = "" // why it is so again is over
	}
	if w.run != nil {
		s.PID, s.began, s.config = w.run.proc.Pid(), w.run.started, w.run.config
	}
	if w.lastExit != nil {
		s.LastExit = w.lastExit.String()
	}
	w.seen.Store(s)
	w.cluster.following.poke()
}

func (w *worker) snapshot(now time.Time) WorkerSnapshot {
	status := w.seen.Load()
	s := status.WorkerSnapshot
	s.SinceMS = now.Sub(status.since).Milliseconds()
	if s.PID != 0 {
		s.UpMS = now.Sub(status.began).Milliseconds()
	}
	s.P95MS = float64(w.backend.FirstByteWithin(0.95).Microseconds()) / 1000
	if left := w.backend.Ejected(); left > 0 {
		s.Reason = "out of rotation for its answers, " + seconds(left) + " more"
	}
	s.Requests, s.Failures, s.InFlight = w.backend.Counts()
	s.Weight, s.Backup = w.backend.Share()
	if s.Fault = w.backend.Fault().String(); s.Fault != "" {
		s.FaultLeftMS = w.fault.left(now).Milliseconds()
	}
	return s
}

// Snapshot returns the cluster as it is now. It waits for nobody.
func (c *Cluster) Snapshot() Snapshot {
	now := time.Now()
	stats := c.proxy.Stats()
	s := Snapshot{
		Program:   c.frontProgram(),
		Badge:     c.badge(),
		Name:      c.config.name(),
		PID:       os.Getpid(),
		Front:     c.FrontURL(),
		Policy:    c.pool.Policy(),
		Dashboard: c.DashboardURL(),
		UptimeMS:  now.Sub(c.opened).Milliseconds(),
		Ending:    c.ending.Load(),
		Requests: RequestCounts{
			Total:         stats.Total,
			OK:            stats.OK,
			Failed:        stats.Failed,
			Rescued:       stats.Rescued,
			Held:          stats.Held,
			Cut:           stats.Cut,
			Canceled:      stats.Canceled,
			InFlight:      stats.InFlight,
			LongestWaitMS: stats.LongestWait.Milliseconds(),
		},
	}
	for _, o := range c.Openings() {
		if o.Redirects {
			s.Redirect = o.URL
		} else {
			s.Listen = append(s.Listen, o.URL)
		}
	}
	if b := c.Balanced(); b.Sticky != "off" {
		s.Sticky = b.Sticky
	}
	s.SlowMS = c.pool.SlowStart().Milliseconds()
	for _, w := range c.all() {
		s.Workers = append(s.Workers, w.snapshot(now))
	}
	return s
}
