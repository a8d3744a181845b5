package procs

import (
	"bytes"
	"encoding/binary"
	"time"
	"unicode/utf8"
)

// maxLine is where a line is cut, in bytes of its text.
const maxLine = 64 << 10

// A splitter turns the bytes that a process writes into lines that are safe to show: the text that a reader of a terminal
// would end up with, with colours but without anything that moves a cursor. It does no I/O and knows no clock.
//
// Most output is plain, and a million lines must cost little more than reading them. So feed looks at whole lines first:
// a plain one becomes a substring of the one string that is made of the whole read. Only the rest goes byte by byte
// through the machine below, which keeps its state between reads.
type splitter struct {
	lines []Line // what this read brought; reused
	now   time.Time

	pend     []byte // cleaned text of the line that has begun
	have     sgr    // what is on at the end of pend
	astray   bool   // have is not known: a backspace went over a change of colour
	want     sgr    // what the process has on
	cr       bool   // a CR came: the next text overwrites, a newline ends the line as it is
	dropping bool   // the line was cut, its rest is dropped
	cut      bool   // pend has to be marked as cut
	flushed  bool   // the begin of this line went out as a partial one

	rune [utf8.UTFMax]byte // a rune that has begun
	held int               // bytes in rune

	esc escape
}

// feed takes what one read brought. The lines are good until the next call.
func (s *splitter) feed(chunk []byte, now time.Time) []Line {
	s.lines, s.now = s.lines[:0], now
	text := "" // chunk as a string, once a line needs it
	for at := 0; at < len(chunk); {
		rest := chunk[at:]
		n := bytes.IndexByte(rest, '\n')
		if n < 0 {
			s.slow(rest)
			break
		}
		end := n
		if end > 0 && rest[end-1] == '\r' { // a terminal turns LF into CRLF
			end--
		}
		if end <= maxLine && s.fresh() && plain(rest[:end]) {
			if text == "" {
				text = string(chunk)
			}
			s.lines = append(s.lines, Line{Time: now, Text: text[at : at+end]})
		} else {
			s.slow(rest[:n+1])
		}
		at += n + 1
	}
	return s.lines
}

// pending says whether text waits for its newline.
func (s *splitter) pending() bool { return len(s.pend) > 0 }

// flush gives out what waits for its newline.
func (s *splitter) flush(now time.Time) []Line {
	s.lines, s.now = s.lines[:0], now
	if len(s.pend) > 0 {
		s.emit(true)
		dropping := s.dropping
		s.clear()
		s.dropping, s.flushed = dropping, true
	}
	return s.lines
}

// finish gives out the last words. An escape that never ended is dropped, a rune that never ended is replaced.
func (s *splitter) finish(now time.Time) []Line {
	s.esc = escape{}
	held := s.held
	s.held = 0
	for range held {
		s.put(replacement)
	}
	return s.flush(now)
}

// fresh says whether nothing of what came before concerns the line that begins now.
func (s *splitter) fresh() bool {
	return len(s.pend) == 0 && s.held == 0 && s.esc.state == ground && !s.cr && !s.dropping && !s.flushed && s.want.none()
}

// slow takes bytes one by one, printable ASCII in runs.
func (s *splitter) slow(b []byte) {
	for i := 0; i < len(b); {
		if s.esc.state == ground && s.held == 0 {
			if n := printable(b[i:]); n > 0 {
				s.put(b[i : i+n])
				i += n
				continue
			}
		}
		s.step(b[i])
		i++
	}
}

// step takes one byte that is not plain text, or text within an escape or a rune.
func (s *splitter) step(c byte) {
	if s.esc.state != ground {
		took := s.esc.take(c)
		if s.esc.colour {
			s.want.apply(s.esc.params())
			s.esc.colour = false
		}
		if took {
			return
		}
	}
	switch {
	case s.held > 0 || c >= utf8.RuneSelf:
		s.hold(c)
	case c == '\n':
		s.end()
	case c == '\r':
		s.cr = true
	case c == '\b':
		s.erase()
	case c == esc:
		s.esc.begin()
	}
}

// hold collects the bytes of a rune, which a read may have split.
func (s *splitter) hold(c byte) {
	s.rune[s.held] = c
	s.held++
	got := s.rune[:s.held]
	if !utf8.FullRune(got) {
		return
	}
	r, size := utf8.DecodeRune(got)
	s.held = 0
	switch {
	case r == utf8.RuneError && size == 1:
		// The first byte is junk; those after it begin anew. They are at most two, each call has fewer of them.
		var rest [utf8.UTFMax]byte
		n := copy(rest[:], got[1:])
		s.put(replacement)
		s.slow(rest[:n])
	case r < 0xa0: // C1 controls
	default:
		s.put(got)
	}
}

var replacement = []byte("\uFFFD")

// put appends printable text: ASCII, or one whole rune.
func (s *splitter) put(text []byte) {
	if s.cr {
		s.clear()
	}
	if s.dropping {
		return
	}
	if s.astray || s.have != s.want {
		s.pend = s.want.appendChange(s.pend, s.astray || !s.have.none())
		s.have, s.astray = s.want, false
	}
	if room := max(maxLine-len(s.pend), 0); len(text) > room {
		for room > 0 && !utf8.RuneStart(text[room]) {
			room--
		}
		text = text[:room]
		s.cut, s.dropping = true, true
	}
	s.pend = append(s.pend, text...)
}

// erase takes back the last rune, and a change of colour that only that rune had.
func (s *splitter) erase() {
	if s.cr || s.dropping || len(s.pend) == 0 {
		return
	}
	_, size := utf8.DecodeLastRune(s.pend)
	s.pend = s.pend[:len(s.pend)-size]
	// The text itself has no ESC: each one in pend begins a change of colour of our own making, up to its 'm'.
	if at := bytes.LastIndexByte(s.pend, esc); at >= 0 && bytes.IndexByte(s.pend[at:], 'm') == len(s.pend)-at-1 {
		s.pend, s.astray = s.pend[:at], true
	}
	if len(s.pend) == 0 {
		s.clear()
	}
}

// end takes a newline. The one that ends a prompt which went out already makes no line of its own.
func (s *splitter) end() {
	if len(s.pend) > 0 || !s.flushed {
		s.emit(false)
	}
	s.clear()
	s.flushed = false
}

// emit gives out pend, with its colours off.
func (s *splitter) emit(partial bool) {
	if s.cut {
		s.pend = append(s.pend, "…"...)
	}
	if s.astray || !s.have.none() {
		s.pend = append(s.pend, "\x1b[0m"...)
	}
	s.lines = append(s.lines, Line{Time: s.now, Text: string(s.pend), Partial: partial, Cut: s.cut})
}

// clear begins the line anew.
func (s *splitter) clear() {
	s.pend, s.have = s.pend[:0], sgr{}
	s.astray, s.cr, s.cut, s.dropping = false, false, false, false
}

const del = 0x7f

// printable is the length of the printable ASCII that b begins with.
func printable(b []byte) int {
	for i, c := range b {
		if c < ' ' && c != '\t' || c >= del {
			return i
		}
	}
	return len(b)
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// plain says whether b can be shown as it is. Eight bytes at a time, because each line of each worker passes here.
func plain(b []byte) bool {
	for len(b) >= 8 {
		w := binary.LittleEndian.Uint64(b)
		low := (w - ones*' ') &^ w   // high bit: a byte below ' ' (or a neighbour of one)
		is7f := w ^ ones*del         // zero byte: DEL
		is7f = (is7f - ones) &^ is7f // high bit: it was zero
		if (w|low|is7f)&highs != 0 {
			break
		}
		b = b[8:]
	}
	for i := 0; i < len(b); {
		c := b[i]
		if c < utf8.RuneSelf {
			if c < ' ' && c != '\t' || c == del {
				return false
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size == 1 || r < 0xa0 {
			return false
		}
		i += size
	}
	return true
}
