package logfile

import (
	"path/filepath"
	"time"

	"github.com/lbdev/lbdev/cluster"
)

// takeLines is how many lines are taken at a time.
const takeLines = 2048

// A follower is the goroutine that writes what the workers print and what becomes of them.
type follower struct {
	files  *Files
	logs   *cluster.Feed[cluster.LogLine]
	events *cluster.Feed[cluster.Event]
	lines  *cluster.Reader[cluster.LogLine]
	happen *cluster.Reader[cluster.Event]
	sinks  map[int]*sink // by port

	batch   []cluster.LogLine
	pending []cluster.Event // taken, but lines that came before them are not
}

// run writes until both feeds have ended, or the files are closed.
func (w *follower) run() {
	defer w.lines.Close()
	defer w.happen.Close()
	logsDone, eventsDone := false, false
	for !logsDone || !eventsDone {
		select {
		case <-w.lines.More():
		case <-w.happen.More():
		case <-w.files.closing:
			w.rest()
			logsDone, eventsDone = true, true
			continue
		}
		logsDone, eventsDone = w.take()
	}
	for _, s := range w.sinks {
		w.files.closeSink(s)
	}
}

// rest takes what is there when the files are closed.
func (w *follower) rest() {
	line, event := w.logs.Last(), w.events.Last()
	for w.lines.Seen() < line || w.happen.Seen() < event {
		if logsDone, eventsDone := w.take(); logsDone && eventsDone {
			return
		}
	}
}

// take writes what waits, each event after the last line that came before it. Lines are taken first: what happened before
// one of these is then in the other feed already. An event that is ahead of the lines waits for them; the feed has them, so
// More is told.
func (w *follower) take() (logsDone, eventsDone bool) {
	logsDone = w.takeLines()
	var lost uint64
	w.pending, lost, eventsDone = w.happen.Take(w.pending, 0)
	if lost > 0 {
		w.toAll(lost)
	}
	w.merge()
	for _, s := range w.sinks {
		s.flush()
	}
	return logsDone, eventsDone
}

func (w *follower) takeLines() (done bool) {
	var lost uint64
	w.batch, lost, done = w.lines.Take(w.batch[:0], takeLines)
	if lost > 0 { // only if lines were published before there was a follower
		w.toAll(lost)
	}
	return done
}

// merge writes the lines of the batch and those pending events that none of the lines to come precedes.
func (w *follower) merge() {
	seen := w.lines.Seen()
	number := seen - uint64(len(w.batch))
	n := 0
	for i := range w.batch {
		for ; n < len(w.pending) && w.pending[n].Log <= number; n++ {
			w.event(&w.pending[n])
		}
		number++
		l := &w.batch[i]
		w.sinkOf(l).add(func(buf []byte) []byte { return appendLine(buf, l) })
	}
	for ; n < len(w.pending) && w.pending[n].Log <= seen; n++ {
		w.event(&w.pending[n])
	}
	w.pending = append(w.pending[:0], w.pending[n:]...)
	w.batch = w.batch[:0]
}

// event writes what is about one worker. Without a process its file is let go; the next line or event opens it again.
func (w *follower) event(e *cluster.Event) {
	if e.Port == 0 {
		return
	}
	s := w.sink(e.Port)
	s.add(func(buf []byte) []byte { return appendEvent(buf, e) })
	if e.Kind == cluster.KindState && (e.State == cluster.Stopped || e.State == cluster.Failed) {
		s.flush()
		if s.err == nil {
			s.rotor.close()
		}
	}
}

// toAll says in every file that something is missing of which nobody knows whose it was.
func (w *follower) toAll(lost uint64) {
	for _, s := range w.sinks {
		s.add(func(buf []byte) []byte {
			return appendFact(buf, time.Now(), "%d lines or events of this or other workers are missing here", lost)
		})
	}
}

// sinkOf is the file of a line: of a worker's port, or of the program that is the front, which has port 0.
func (w *follower) sinkOf(l *cluster.LogLine) *sink {
	if l.From != "" {
		return w.sinkNamed(0, l.From+".log")
	}
	return w.sink(l.Port)
}

func (w *follower) sink(port int) *sink { return w.sinkNamed(port, workerFile(port)) }

func (w *follower) sinkNamed(port int, name string) *sink {
	s := w.sinks[port]
	if s == nil {
		s = w.files.sink(filepath.Join(w.files.config.Dir, name), appendMissing)
		w.sinks[port] = s
	}
	return s
}

// appendMissing is the note in a worker's file.
func appendMissing(buf []byte, lost uint64, err error) []byte {
	return appendFact(buf, time.Now(), "%d lines are missing here: %v", lost, cause(err))
}
