package logfile

import (
	"encoding/json"
	"time"

	"github.com/lbdev/lbdev/proxy"
)

// gather is how long requests are gathered before they are written: a writer that is woken for each costs more than the
// writing.
const gather = 10 * time.Millisecond

// writeRequests is the goroutine that writes the access log.
func (f *Files) writeRequests() {
	s := f.sink(f.config.AccessFile, f.appendMissing)
	defer f.closeSink(s)
	timer := time.NewTimer(gather)
	defer timer.Stop()
	for {
		select {
		case <-f.queue.more:
		case <-f.closing:
			f.takeRequests(s)
			return
		}
		timer.Reset(gather)
		select {
		case <-timer.C:
		case <-f.closing:
		}
		f.takeRequests(s)
	}
}

// takeRequests writes what waits.
func (f *Files) takeRequests(s *sink) {
	write := func(a *proxy.Access) {
		s.add(func(buf []byte) []byte { return f.config.AppendRequest(buf, a) })
	}
	for f.queue.take(write) {
	}
	s.lost += f.queue.dropped.Swap(0)
	s.flush()
}

// appendMissing is the note in the access log.
func (f *Files) appendMissing(buf []byte, missing uint64, err error) []byte {
	reason := "they came faster than they could be written"
	if err != nil {
		reason = cause(err).Error()
	}
	if f.config.AppendMissing != nil {
		return f.config.AppendMissing(buf, missing, reason)
	}
	return appendMissingJSON(buf, missing, reason)
}

// appendMissingJSON has the form of lbdev's other JSON lines.
func appendMissingJSON(buf []byte, missing uint64, reason string) []byte {
	line, err := json.Marshal(struct {
		Event  string    `json:"event"`
		Time   time.Time `json:"time"`
		What   string    `json:"what"`
		Count  uint64    `json:"count"`
		Reason string    `json:"reason"`
	}{"lost", time.Now(), "requests", missing, reason})
	if err != nil {
		panic(err) // nothing in it that can't be marshalled
	}
	return append(append(buf, line...), '\n')
}
