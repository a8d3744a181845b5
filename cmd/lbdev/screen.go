package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/proxy"
)

// batchLines is how many log lines are formatted before they are written: enough to make the write cheap, few enough to
// let events and requests come between.
const batchLines = 1024

// keepNotes is more than a session ever says, but for what follows keys: see trySay.
const keepNotes = 64

// A printer gives what happens its form: text for people or JSON for programs. Each method appends to buf what it has to
// say and returns it.
type printer interface {
	logs(buf []byte, lines []cluster.LogLine) []byte
	lost(buf []byte, what string, n uint64) []byte
	event(buf []byte, e cluster.Event) []byte
	request(buf []byte, a *proxy.Access) []byte
	summary(buf []byte, s *second, now time.Time) []byte
	note(buf []byte, n note) []byte
	done(buf []byte, r cluster.Report) []byte
}

// A note is something that up itself says: what it chose, that it is stopping.
type note struct {
	kind string // for programs
	text string // for people
}

// A screen is the one goroutine that writes to stdout while a cluster runs. It reads three streams, each at its own pace,
// and writes whole lines, many in one write.
type screen struct {
	out      io.Writer
	printer  printer
	logs     *cluster.Reader[cluster.LogLine]
	events   *cluster.Reader[cluster.Event]
	requests *requests
	notes    chan note
	remarks  chan remark // of an act
	warn     func(error)
	broken   chan error // told once, when nobody can read what is written
	done     chan struct{}

	written atomic.Int64 // writes that have returned
	buf     []byte
	lines   []cluster.LogLine
	happen  []cluster.Event
	unread  bool // nobody can read what is written
	warned  bool // of a write that failed
}

// run writes until both feeds have ended.
func (s *screen) run() {
	defer close(s.done)
	defer s.logs.Close()
	defer s.events.Close()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for logsDone, eventsDone := false, false; !logsDone || !eventsDone; s.flush() {
		select {
		case <-s.logs.More():
			logsDone = s.takeLogs()
		case <-s.events.More():
			eventsDone = s.takeEvents()
		case <-s.requests.more:
			s.takeRequests()
		case n := <-s.notes:
			s.buf = s.printer.note(s.buf, n)
		case r := <-s.remarks:
			s.takeRemark(r)
		case now := <-tick.C:
			s.takeSecond(now)
		}
	}
	for len(s.notes) > 0 {
		s.buf = s.printer.note(s.buf, <-s.notes)
	}
	s.takeRequests()
	s.takeSecond(time.Now())
	s.flush()
}

// takeLogs shows what waits and says whether that was the end of the feed. More is told again if something is left.
func (s *screen) takeLogs() (done bool) {
	var lost uint64
	s.lines, lost, done = s.logs.Take(s.lines[:0], batchLines)
	if lost > 0 {
		s.buf = s.printer.lost(s.buf, "log lines", lost)
	}
	s.buf = s.printer.logs(s.buf, s.lines)
	return done
}

func (s *screen) takeEvents() (done bool) {
	var lost uint64
	s.happen, lost, done = s.events.Take(s.happen[:0], 0)
	if lost > 0 {
		s.buf = s.printer.lost(s.buf, "events", lost)
	}
	for _, e := range s.happen {
		for s.logs.Seen() < e.Log { // the last words of a worker come before its exit
			s.takeLogs()
			s.flush()
		}
		s.buf = s.printer.event(s.buf, e)
	}
	return done
}

func (s *screen) takeRequests() {
	shown, lost := s.requests.take()
	for i := range shown {
		s.buf = s.printer.request(s.buf, &shown[i])
	}
	if lost > 0 {
		s.buf = s.printer.lost(s.buf, "requests", uint64(lost))
	}
}

// takeRemark shows what an act says after what it speaks of. That a feed has ended is seen again by the next look at it.
func (s *screen) takeRemark(r remark) {
	s.takeEvents()
	s.takeRequests()
	s.buf = r(s.buf)
}

func (s *screen) takeSecond(now time.Time) {
	if past, busy := s.requests.tick(now); busy {
		s.buf = s.printer.summary(s.buf, &past, now)
	}
}

// flush writes what was gathered in one write. When nobody can read it any more the session is told, and nothing is
// written from then on; the feeds are read on, since workers must not freeze for that. On a disk that is full output is
// lost and lbdev says so, but the app goes on, and so does the output when there is room again.
func (s *screen) flush() {
	if len(s.buf) > 0 && !s.unread {
		_, err := s.out.Write(s.buf)
		s.written.Add(1)
		switch {
		case err == nil:
			s.warned = false
		case errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.EIO), errors.Is(err, os.ErrClosed):
			s.unread = true
			s.broken <- err
		case !s.warned:
			s.warned = true
			s.warn(fmt.Errorf("cannot write the output, some of it is lost: %w", err))
		}
	}
	s.buf = s.buf[:0]
}

// conclude writes the last words, after run has ended.
func (s *screen) conclude(r cluster.Report) {
	s.buf = s.printer.done(s.buf, r)
	s.flush()
}

// trySay shows a note, unless the screen is so slow that others wait for it.
func (s *screen) trySay(kind, text string) {
	if len(s.notes) > keepNotes/2 {
		return
	}
	select {
	case s.notes <- note{kind, text}:
	default:
	}
}

// say shows a note. It never waits for the screen: a session says less than keepNotes.
func (s *screen) say(kind, text string) { s.notes <- note{kind, text} }
