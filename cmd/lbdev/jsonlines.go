package main

import (
	"encoding/json"
	"time"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/cluster/control"
	"github.com/lbdev/lbdev/proxy"
)

// A jsonPrinter shows what happens to programs: one JSON object per line, each with an "event" and a "time". Nothing is
// summed up; where a reader is so slow that something had to be dropped, "lost" says how much.
type jsonPrinter struct {
	cluster *cluster.Cluster
}

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
		buf = appendJSON(buf, control.NewLog(l, false))
	}
	return buf
}

func (p jsonPrinter) lost(buf []byte, what string, n uint64) []byte {
	return appendJSON(buf, control.NewLost(what, n))
}

func (p jsonPrinter) event(buf []byte, e cluster.Event) []byte {
	return appendJSON(buf, control.NewEvent(e))
}

func (p jsonPrinter) request(buf []byte, a *proxy.Access) []byte {
	return appendJSON(buf, control.NewRequest(a))
}

// summary never comes: JSON lines have every request.
func (p jsonPrinter) summary(buf []byte, _ *second, _ time.Time) []byte { return buf }

// note carries the cluster as it is: "open" at the beginning, "stopping" and "killing" towards the end.
func (p jsonPrinter) note(buf []byte, n note) []byte {
	return appendJSON(buf, control.Note{Head: control.Head{Event: n.kind, Time: time.Now()}, Text: n.text, Cluster: p.cluster.Snapshot()})
}

func (p jsonPrinter) done(buf []byte, r cluster.Report) []byte {
	return appendJSON(buf, control.Done{
		Head: control.Head{Event: "done", Time: time.Now()}, Report: control.NewReport(r), Cluster: p.cluster.Snapshot(),
	})
}
