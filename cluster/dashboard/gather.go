package dashboard

import (
	"cmp"
	"slices"
	"time"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/cluster/control"
	"github.com/lbdev/lbdev/proxy"
)

// A gatherer collects what has happened since it was asked last. One goroutine uses it.
type gatherer struct {
	cluster *cluster.Cluster
	events  *cluster.Reader[cluster.Event]
	logs    *cluster.Reader[cluster.LogLine]
	request uint64 // the last one that was gathered
	lines   []cluster.LogLine

	requestRoom, logRoom budget
}

// newGatherer begins with what happens from now on.
func newGatherer(c *cluster.Cluster) *gatherer {
	_, newest, _ := c.Requests(^uint64(0), 1, nil)
	return &gatherer{
		cluster: c, request: newest,
		events: c.Events().Reader(c.Events().Last(), false), logs: c.Logs().Reader(c.Logs().Last(), false),
		requestRoom: requestBytes, logRoom: logBytes,
	}
}

func (g *gatherer) close() {
	g.events.Close()
	g.logs.Close()
}

// next is what has happened, without the cluster as it is.
func (g *gatherer) next() frame {
	f := frame{Event: "frame", TimeMS: time.Now().UnixMilli()}
	g.requestRoom.refill(requestBytes)
	g.logRoom.refill(logBytes)
	f.Events = g.newEvents(frameEvents)
	f.Requests, f.LeftOut = g.newRequests(frameRequests)
	f.Logs, f.LogsLeft = g.newLogs(frameLogs)
	return f
}

func (f *frame) empty() bool {
	return len(f.Events) == 0 && len(f.Requests) == 0 && f.LeftOut == 0 && len(f.Logs) == 0 && f.LogsLeft == 0
}

// past is what a page shows of the time before it came, up to where the gatherer is.
func (g *gatherer) past() (events []control.Event, requests []brief, logs []logLine) {
	back := func(n uint64, seen uint64) uint64 { return seen - min(n, seen) }
	early := &gatherer{
		cluster: g.cluster,
		events:  g.cluster.Events().Reader(back(pastEvents, g.events.Seen()), false),
		logs:    g.cluster.Logs().Reader(back(pastLogs, g.logs.Seen()), false),
		logRoom: 2 * pastLogs * (lineBytes + maxLine),
	}
	defer early.close()
	last, _, _ := g.cluster.Requests(0, pastRequests, nil)
	requests = []brief{}
	for i := range last {
		if last[i].Seq <= g.request {
			requests = append(requests, newBrief(&last[i]))
		}
	}
	events, logs = early.newEvents(pastEvents), []logLine{}
	if events == nil {
		events = []control.Event{}
	}
	events = slices.DeleteFunc(events, func(e control.Event) bool { return e.Seq > g.events.Seen() })
	lines, _ := early.newLogs(2 * pastLogs)
	for _, l := range lines {
		if l.Seq <= g.logs.Seen() {
			logs = append(logs, l)
		}
	}
	return events, requests, logs
}

func (g *gatherer) newEvents(limit int) (events []control.Event) {
	found, _, _ := g.events.Take(nil, 0)
	for _, e := range found[max(0, len(found)-limit):] {
		events = append(events, control.NewEvent(e))
	}
	return events
}

// newRequests are the unusual ones first of all, and the newest others; left is how many more there were.
func (g *gatherer) newRequests(limit int) (requests []brief, left uint64) {
	after := g.request
	found, newest, _ := g.cluster.Requests(after, limit, (*proxy.Access).Unusual)
	g.requestRoom.fit(found)                   // they come in any case
	for _, kept := range []bool{true, false} { // of which there is more to be seen
		if room := limit - len(found); room > 0 {
			usual := func(a *proxy.Access) bool { return !a.Unusual() && kept == (a.Kept != nil) }
			more, _, _ := g.cluster.Requests(after, room, usual) // some may be newer than newest: they are for the next frame
			found = append(found, g.requestRoom.fit(more)...)
		}
	}
	slices.SortFunc(found, func(a, b cluster.PastRequest) int { return cmp.Compare(a.Seq, b.Seq) })
	for i := range found {
		if found[i].Seq <= newest {
			requests = append(requests, newBrief(&found[i]))
		}
	}
	g.request = newest
	return requests, newest - after - uint64(len(requests))
}

func (g *gatherer) newLogs(limit int) (logs []logLine, left uint64) {
	found, lost, _ := g.logs.Take(g.lines[:0], 0)
	seq := g.logs.Seen() - uint64(len(found))
	skip := len(found)
	for skip > max(0, len(found)-limit) && g.logRoom.take(lineBytes+min(len(found[skip-1].Text), maxLine)) {
		skip--
	}
	for i, l := range found[skip:] {
		logs = append(logs, newLogLine(l, seq+uint64(skip+i)+1))
	}
	clear(found) // what they point to may be freed
	g.lines = found
	return logs, lost + uint64(skip)
}
