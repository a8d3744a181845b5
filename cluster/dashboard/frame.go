package dashboard

import (
	"time"
	"unicode/utf8"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/cluster/control"
	"github.com/lbdev/lbdev/proxy"
	"github.com/lbdev/lbdev/proxy/balance"
)

const (
	// What a page gets at first, and at most in one frame: more than a person can read, less than what keeps a browser busy.
	pastEvents, pastRequests, pastLogs    = 100, 200, 300
	frameEvents, frameRequests, frameLogs = 50, 20, 30
	// requestBytes and logBytes are what the lists of a second's frames take at most, on average: with the cluster (clusterBytes) less than
	// 200 kB. Only long lines and long paths meet it. Each item has so much besides its text.
	requestBytes, logBytes = 45_000, 60_000
	briefBytes, lineBytes  = 190, 110
	// maxLine is how much of a log line is shown, in bytes.
	maxLine = 500
)

// A hello is all that a page must know to begin: it comes first, and whenever what came meanwhile is not known any more.
type hello struct {
	Event    string           `json:"event"` // "hello"
	Run      string           `json:"run"`   // names this run of lbdev
	Version  string           `json:"version"`
	ReadOnly bool             `json:"read_only"`
	TimeMS   int64            `json:"time_ms"`
	Cluster  cluster.Snapshot `json:"cluster"`
	Policies []string         `json:"policies"`
	Load     load             `json:"load"`
	Events   []control.Event  `json:"events"`
	Requests []brief          `json:"requests"`
	Logs     []logLine        `json:"logs"`
}

// A frame is what has happened since the one before. Counts in Cluster are exact, the lists are what is worth to be seen.
type frame struct {
	Event    string            `json:"event"` // "frame"
	TimeMS   int64             `json:"time_ms"`
	Cluster  *cluster.Snapshot `json:"cluster,omitempty"`
	Load     *load             `json:"load,omitempty"` // when it has changed
	Events   []control.Event   `json:"events,omitempty"`
	Requests []brief           `json:"requests,omitempty"`
	LeftOut  uint64            `json:"requests_left_out,omitempty"`
	Logs     []logLine         `json:"logs,omitempty"`
	LogsLeft uint64            `json:"logs_left_out,omitempty"`
}

// A brief is one request, as far as a list shows it.
type brief struct {
	Seq      uint64  `json:"seq"`
	TimeMS   int64   `json:"time_ms"` // when it came
	Method   string  `json:"method"`
	Path     string  `json:"path"` // without secrets
	Status   int     `json:"status"`
	Worker   int     `json:"worker,omitempty"`
	Port     int     `json:"port,omitempty"`
	Outcome  string  `json:"outcome"`
	Reason   string  `json:"reason,omitempty"`
	TotalMS  float64 `json:"total_ms"`
	HeldMS   float64 `json:"held_ms,omitempty"`
	Attempts int     `json:"attempts"`
	Bytes    int64   `json:"bytes"`
}

func newBrief(r *cluster.PastRequest) brief {
	return brief{
		Seq: r.Seq, TimeMS: r.Start.UnixMilli(), Method: r.Method, Path: shorten(proxy.Redact(r.Path)), Status: r.Status, Worker: r.Worker,
		Port: r.Port, Outcome: string(r.Outcome), Reason: r.Reason, TotalMS: control.Millis(r.Total), HeldMS: control.Millis(r.Held),
		Attempts: len(r.Attempts), Bytes: r.Bytes,
	}
}

// A logLine is one line that a worker has printed.
type logLine struct {
	Seq    uint64    `json:"seq"`
	Time   time.Time `json:"time"`
	Worker int       `json:"worker"`
	Port   int       `json:"port"`
	Line   string    `json:"line"`
}

func newLogLine(l cluster.LogLine, seq uint64) logLine {
	wire := control.NewLog(l, false)
	return logLine{Seq: seq, Time: wire.Time, Worker: wire.Worker, Port: wire.Port, Line: shorten(wire.Line)}
}

// A budget is how many bytes there still are for a list. What one frame leaves is there for those of the next second.
type budget int

// refill is called for each beat.
func (b *budget) refill(perSecond int) {
	*b = min(*b+budget(perSecond*int(beat/time.Millisecond)/1000), budget(perSecond))
}

// take says whether there is something left, and takes from it; the last one may take more.
func (b *budget) take(n int) bool {
	if *b <= 0 {
		return false
	}
	*b -= budget(n)
	return true
}

// fit are the newest requests for which there is room.
func (b *budget) fit(requests []cluster.PastRequest) []cluster.PastRequest {
	for i := len(requests) - 1; i >= 0; i-- {
		if !b.take(briefBytes + min(len(requests[i].Path), maxLine)) {
			return requests[i+1:]
		}
	}
	return requests
}

// shorten cuts what is too long for a list.
func shorten(text string) string {
	if len(text) <= maxLine {
		return text
	}
	cut := maxLine
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

// policies are the names of the policies that can be chosen.
func policies() []string {
	var names []string
	for _, rule := range balance.Rules() {
		names = append(names, rule.Name)
	}
	return names
}
