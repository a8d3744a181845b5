package main

import (
	"encoding/json"
	"time"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/proxy"
)

// A jsonPrinter shows what happens to programs: one JSON object per line, each with an "event" and a "time". Nothing is
// summed up; where a reader is so slow that something had to be dropped, "lost" says how much.
type jsonPrinter struct {
	cluster *cluster.Cluster
}

type jsonHead struct {
	Event string    `json:"event"`
	Time  time.Time `json:"time"`
}

// jsonEvent is an event of the cluster; "event" is the state that a worker went into, or the kind of a notice.
type jsonEvent struct {
	jsonHead
	Seq         uint64   `json:"seq"`
	Worker      int      `json:"worker"`
	Port        int      `json:"port"`
	Incarnation uint64   `json:"incarnation"`
	PID         int      `json:"pid,omitempty"`
	TookMS      float64  `json:"took_ms,omitempty"`
	Exit        string   `json:"exit,omitempty"`
	RanMS       float64  `json:"ran_ms,omitempty"`
	Killed      int      `json:"killed,omitempty"`
	Restarts    int      `json:"restarts"`
	DelayMS     float64  `json:"delay_ms,omitempty"`
	Reason      string   `json:"reason,omitempty"`
	Ports       []int    `json:"ports,omitempty"`
	Lines       []string `json:"lines,omitempty"`
	Text        string   `json:"text,omitempty"`
}

type jsonLog struct {
	jsonHead
	Worker      int    `json:"worker"`
	Port        int    `json:"port"`
	Incarnation uint64 `json:"incarnation"`
	Line        string `json:"line"`
}

type jsonRequest struct {
	jsonHead
	Method   string        `json:"method"`
	Path     string        `json:"path"`
	Status   int           `json:"status"`
	Worker   int           `json:"worker,omitempty"`
	Port     int           `json:"port,omitempty"`
	Outcome  string        `json:"outcome"`
	Reason   string        `json:"reason,omitempty"`
	TotalMS  float64       `json:"total_ms"`
	HeldMS   float64       `json:"held_ms,omitempty"`
	Bytes    int64         `json:"bytes"`
	Attempts []jsonAttempt `json:"attempts"`
}

type jsonAttempt struct {
	Worker      int     `json:"worker"`
	Port        int     `json:"port"`
	Incarnation uint64  `json:"incarnation"`
	Result      string  `json:"result"`
	Sent        bool    `json:"sent"` // at least one byte of the request went out
	ConnectMS   float64 `json:"connect_ms"`
	FirstByteMS float64 `json:"first_byte_ms"`
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// appendJSON appends one line. Its types hold nothing that can't be marshalled.
func appendJSON(buf []byte, v any) []byte {
	line, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return append(append(buf, line...), '\n')
}

func (p jsonPrinter) logs(buf []byte, lines []cluster.LogLine) []byte {
	for _, l := range lines {
		buf = appendJSON(buf, jsonLog{jsonHead{"log", l.Time}, l.Worker, l.Port, l.Incarnation, string(appendPlain(nil, l.Text))})
	}
	return buf
}

func (p jsonPrinter) lost(buf []byte, what string, n uint64) []byte {
	return appendJSON(buf, struct {
		jsonHead
		What  string `json:"what"`
		Count uint64 `json:"count"`
	}{jsonHead{"lost", time.Now()}, what, n})
}

func (p jsonPrinter) event(buf []byte, e cluster.Event) []byte {
	name := string(e.Kind)
	if e.Kind == cluster.KindState {
		name = string(e.State)
	}
	j := jsonEvent{
		jsonHead: jsonHead{name, e.Time}, Seq: e.Seq, Worker: e.Worker, Port: e.Port, Incarnation: e.Incarnation, PID: e.PID,
		TookMS: millis(e.Took), Killed: e.Killed, Restarts: e.Restarts, DelayMS: millis(e.Delay), Reason: e.Reason,
		Ports: e.Ports, Lines: e.Lines, Text: e.Text,
	}
	if e.Exit != nil {
		j.Exit, j.RanMS = e.Exit.String(), millis(e.Exit.Ran)
	}
	return appendJSON(buf, j)
}

func (p jsonPrinter) request(buf []byte, a *proxy.Access) []byte {
	j := jsonRequest{
		jsonHead: jsonHead{"request", a.Start}, Method: a.Method, Path: a.Path, Status: a.Status, Worker: a.Worker,
		Port: a.Port, Outcome: string(a.Outcome), Reason: a.Reason, TotalMS: millis(a.Total), HeldMS: millis(a.Held), Bytes: a.Bytes,
		Attempts: []jsonAttempt{},
	}
	for _, at := range a.Attempts {
		j.Attempts = append(j.Attempts, jsonAttempt{
			Worker: at.Worker, Port: at.Port, Incarnation: at.Incarnation, Result: at.Result, Sent: at.Sent,
			ConnectMS: millis(at.Connect), FirstByteMS: millis(at.FirstByte),
		})
	}
	return appendJSON(buf, j)
}

// summary never comes: JSON lines have every request.
func (p jsonPrinter) summary(buf []byte, _ *second, _ time.Time) []byte { return buf }

// note carries the cluster as it is: "open" at the beginning, "stopping" and "killing" towards the end.
func (p jsonPrinter) note(buf []byte, n note) []byte {
	return appendJSON(buf, struct {
		jsonHead
		Text    string           `json:"text,omitempty"`
		Cluster cluster.Snapshot `json:"cluster"`
	}{jsonHead{n.kind, time.Now()}, n.text, p.cluster.Snapshot()})
}

func (p jsonPrinter) done(buf []byte, r cluster.Report) []byte {
	return appendJSON(buf, struct {
		jsonHead
		TookMS  float64                `json:"took_ms"`
		Stopped int                    `json:"stopped"`
		Killed  []cluster.WorkerReport `json:"killed"`
		Left    []cluster.WorkerReport `json:"left"`
		Cluster cluster.Snapshot       `json:"cluster"`
	}{jsonHead{"done", time.Now()}, millis(r.Took), r.Stopped, r.Killed, r.Left, p.cluster.Snapshot()})
}
