package control

import (
	"time"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/procs"
	"github.com/lbdev/lbdev/proxy"
)

// A Head begins everything that happened: what it is, and when.
type Head struct {
	Event string    `json:"event"`
	Time  time.Time `json:"time"`
}

// An Event is an event of the cluster. Its Head.Event is the state that a worker went into, or the kind of a notice.
type Event struct {
	Head
	Seq         uint64                `json:"seq"`
	Worker      int                   `json:"worker"` // 0 means the cluster as a whole
	Port        int                   `json:"port"`
	Incarnation uint64                `json:"incarnation"`
	PID         int                   `json:"pid,omitempty"`
	TookMS      float64               `json:"took_ms,omitempty"`
	Exit        string                `json:"exit,omitempty"`
	RanMS       float64               `json:"ran_ms,omitempty"`
	Killed      int                   `json:"killed,omitempty"`
	Restarts    int                   `json:"restarts"`
	DelayMS     float64               `json:"delay_ms,omitempty"`
	Reason      string                `json:"reason,omitempty"`
	Ports       []int                 `json:"ports,omitempty"`
	Lines       []string              `json:"lines,omitempty"`
	Text        string                `json:"text,omitempty"`
	Program     *cluster.FrontProgram `json:"front_program,omitempty"`
}

// NewEvent is the form in which an event travels.
func NewEvent(e cluster.Event) Event {
	name := string(e.Kind)
	if e.Kind == cluster.KindState {
		name = string(e.State)
	}
	wire := Event{
		Head: Head{name, e.Time}, Seq: e.Seq, Worker: e.Worker, Port: e.Port, Incarnation: e.Incarnation, PID: e.PID,
		TookMS: Millis(e.Took), Killed: e.Killed, Restarts: e.Restarts, DelayMS: Millis(e.Delay), Reason: e.Reason,
		Ports: e.Ports, Lines: e.Lines, Text: e.Text, Program: e.Program,
	}
	if e.Exit != nil {
		wire.Exit, wire.RanMS = e.Exit.String(), Millis(e.Exit.Ran)
	}
	return wire
}

// A Log is one line of a worker's output.
type Log struct {
	Head
	Worker      int    `json:"worker"`
	Port        int    `json:"port"`
	Incarnation uint64 `json:"incarnation"`
	From        string `json:"from,omitempty"` // the program that is the front, if it is not a worker's
	Line        string `json:"line"`
	// Seq is the line's number in this run of the cluster. It travels as the id of the server-sent event.
	Seq uint64 `json:"-"`
}

// NewLog is the form in which a log line travels; its text loses its colours unless colour is set.
func NewLog(l cluster.LogLine, colour bool) Log {
	text := l.Text
	if !colour {
		text = string(procs.AppendPlain(nil, text))
	}
	return Log{Head: Head{"log", l.Time}, Worker: l.Worker, Port: l.Port, Incarnation: l.Incarnation, From: l.From, Line: text}
}

// A Request is one request that the front has answered. Its path is without secrets (see proxy.Redact), and nothing here is of a
// cookie or an Authorization but the name of a user.
type Request struct {
	Head
	Seq       uint64    `json:"seq,omitempty"` // its number in this run of the cluster; up --json has none
	Method    string    `json:"method"`
	Path      string    `json:"path"`
	Status    int       `json:"status"`
	Worker    int       `json:"worker,omitempty"`
	Port      int       `json:"port,omitempty"`
	Outcome   string    `json:"outcome"`
	Reason    string    `json:"reason,omitempty"`
	TotalMS   float64   `json:"total_ms"`
	HeldMS    float64   `json:"held_ms,omitempty"` // how long it waited for a worker
	Bytes     int64     `json:"bytes"`
	Proto     string    `json:"proto,omitempty"`
	Host      string    `json:"host,omitempty"`
	Client    string    `json:"client,omitempty"`
	User      string    `json:"user,omitempty"`
	Referer   string    `json:"referer,omitempty"`
	UserAgent string    `json:"user_agent,omitempty"`
	Attempts  []Attempt `json:"attempts"`
}

// An Attempt is one worker that was asked for a request.
type Attempt struct {
	Worker      int     `json:"worker"`
	Port        int     `json:"port"`
	Incarnation uint64  `json:"incarnation"`
	Result      string  `json:"result"`
	Fault       string  `json:"fault,omitempty"`  // what the worker was made to do wrong
	Sent        bool    `json:"sent"`             // at least one byte of the request went out
	Reused      bool    `json:"reused,omitempty"` // over a connection that was there
	StartMS     float64 `json:"start_ms"`         // after the request came
	ConnectMS   float64 `json:"connect_ms"`
	FirstByteMS float64 `json:"first_byte_ms"` // after the attempt began; 0 = none came
	TotalMS     float64 `json:"total_ms"`
	Why         string  `json:"why,omitempty"` // why this worker; up --json does not have it
}

// NewRequest is the form in which a request travels.
func NewRequest(a *proxy.Access) Request {
	wire := Request{
		Head: Head{"request", a.Start}, Method: a.Method, Path: proxy.Redact(a.Path), Status: a.Status, Worker: a.Worker, Port: a.Port,
		Outcome: string(a.Outcome), Reason: a.Reason, TotalMS: Millis(a.Total), HeldMS: Millis(a.Held), Bytes: a.Bytes,
		Proto: a.Proto, Host: a.Host, Client: a.Client, User: a.User, Referer: proxy.Redact(a.Referer), UserAgent: a.UserAgent,
		Attempts: []Attempt{},
	}
	for _, at := range a.Attempts {
		wire.Attempts = append(wire.Attempts, Attempt{
			Worker: at.Worker, Port: at.Port, Incarnation: at.Incarnation, Result: at.Result, Fault: string(at.Fault), Sent: at.Sent, Reused: at.Reused,
			StartMS: Millis(at.Start), ConnectMS: Millis(at.Connect), FirstByteMS: Millis(at.FirstByte), TotalMS: Millis(at.Total),
		})
	}
	return wire
}

// A Lost says how many items a reader was too slow for.
type Lost struct {
	Head
	What  string `json:"what"` // "events", "log lines"
	Count uint64 `json:"count"`
}

// NewLost says so now.
func NewLost(what string, count uint64) Lost { return Lost{Head{"lost", time.Now()}, what, count} }

// A Note is something that lbdev itself says, with the cluster as it is.
type Note struct {
	Head
	Text    string           `json:"text,omitempty"`
	Cluster cluster.Snapshot `json:"cluster"`
}

// A Report tells how a shutdown went; see cluster.Report.
type Report struct {
	TookMS  float64                `json:"took_ms"`
	Stopped int                    `json:"stopped"`
	Killed  []cluster.WorkerReport `json:"killed"`
	Left    []cluster.WorkerReport `json:"left"`
}

// NewReport is the form in which a report travels.
func NewReport(r cluster.Report) Report {
	return Report{TookMS: Millis(r.Took), Stopped: r.Stopped, Killed: r.Killed, Left: r.Left}
}

// A Done is the last that up --json says.
type Done struct {
	Head
	Report
	Cluster cluster.Snapshot `json:"cluster"`
}

// Workers is the answer to an action on workers: each of them as it is after the action was taken up.
type Workers struct {
	Workers []cluster.WorkerSnapshot `json:"workers"`
}

// An ErrorBody is the answer when something went wrong, and the last line of a long action that failed. Workers are those
// of several for which the action was taken up all the same.
type ErrorBody struct {
	Error   string                   `json:"error"`
	Hint    string                   `json:"hint"`
	Workers []cluster.WorkerSnapshot `json:"workers,omitempty"`
}

// A scaleBody asks for a number of workers.
type scaleBody struct {
	N *int `json:"n"`
}

// A finish is the last line of a long action that went well. The lines before it are cluster.Steps, whose "done" is a
// number.
type finish struct {
	Done    bool                     `json:"done"` // true
	Workers []cluster.WorkerSnapshot `json:"workers,omitempty"`
	Report  *Report                  `json:"report,omitempty"`
}

// Millis is the form in which a short time travels: milliseconds, exact to a microsecond.
func Millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
