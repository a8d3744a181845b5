package logfile

import (
	"bytes"
	"sync"
)

// blockSize is how much is gathered before it is written.
const blockSize = 128 << 10

// A sink is one log file: a rotor with what waits to be written, and with a count of what could not be.
type sink struct {
	rotor   rotor
	name    string
	trouble *trouble
	note    func(buf []byte, lost uint64, err error) []byte // appends the line that says what is missing
	block   int
	buf     []byte
	notes   []byte
	lost    uint64 // lines that are missing since the last one in the file
	err     error  // why, if it was the disk; nil when it can be written
}

// add takes one line with its newline, which end appended to buf.
func (s *sink) add(end func(buf []byte) []byte) {
	s.buf = end(s.buf)
	if len(s.buf) >= s.block {
		s.flush()
	}
}

// flush writes what waits.
func (s *sink) flush() {
	if len(s.buf) == 0 && s.lost == 0 {
		return
	}
	note := 0
	out := s.buf
	if s.lost > 0 {
		s.notes = s.note(s.notes[:0], s.lost, s.err)
		note = len(s.notes)
		s.notes = append(s.notes, s.buf...)
		out = s.notes
	}
	n, err := s.rotor.write(out)
	if n >= note {
		s.lost = uint64(bytes.Count(out[n:], newline))
	} else {
		s.lost += uint64(bytes.Count(s.buf, newline))
	}
	s.buf = s.buf[:0]
	if (err != nil) != (s.err != nil) {
		s.trouble.set(s.name, err)
	}
	s.err = err
}

// close writes what waits and lets the file go. What is missing then will not be told by anybody else.
func (s *sink) close() (lost uint64, err error) {
	s.flush()
	if s.err != nil {
		s.trouble.set(s.name, nil)
	}
	s.rotor.close()
	return s.lost, s.err
}

var newline = []byte{'\n'}

// trouble tells once that the disk refuses, however many files are concerned, and again only when all was well in between.
type trouble struct {
	warn func(error)

	mu    sync.Mutex
	files map[string]bool // that cannot be written
}

func (t *trouble) set(name string, err error) {
	t.mu.Lock()
	first := err != nil && len(t.files) == 0
	if err != nil {
		t.files[name] = true
	} else {
		delete(t.files, name)
	}
	t.mu.Unlock()
	if first && t.warn != nil {
		t.warn(&WriteError{File: name, Err: err})
	}
}
