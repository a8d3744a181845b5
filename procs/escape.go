package procs

const esc = 0x1b

// The states of an escape sequence, after ECMA-48 and what xterm makes of it.
const (
	ground  = iota // none
	escaped        // after ESC
	charset        // after ESC and an intermediate: ESC ( B
	control        // after ESC [: parameters up to a final byte
	str            // after ESC ] and the like: text up to BEL or ESC \
	strEsc         // ESC within such a text
)

const (
	maxParams = 128  // a colour has up to 17 bytes, and one sequence may set a few
	maxString = 4096 // a window title, a link
)

// An escape eats escape sequences, byte by byte, and finds the one that we keep: SGR, ESC [ … m. None survives a newline,
// and each has a bound: what never ends must not swallow the output that follows.
type escape struct {
	state  int
	length int // bytes since ESC
	colour bool
	n      int
	param  [maxParams]byte
}

func (e *escape) begin() { e.state, e.length, e.n = escaped, 0, 0 }

func (e *escape) end() bool {
	e.state = ground
	return true
}

// params is what the SGR sequence has between [ and m.
func (e *escape) params() []byte { return e.param[:e.n] }

// take takes one byte; false means that it ended the sequence and is to be taken as if there had been none.
func (e *escape) take(c byte) bool {
	e.length++
	switch {
	case c == '\n' || c == '\r':
		return !e.end()
	case c == 0x18 || c == 0x1a: // CAN and SUB end any sequence
		return e.end()
	case c == esc && e.state == str:
		e.state = strEsc
		return true
	case c == esc:
		e.begin()
		return true
	}
	switch e.state {
	case control:
		return e.takeControl(c)
	case str:
		if c == '\a' || e.length > maxString {
			e.end()
		}
		return true
	case strEsc:
		if c == '\\' {
			return e.end()
		}
		e.begin()
		e.length++
	}
	return e.takeEscaped(c)
}

// takeEscaped is for what follows ESC, and ESC with intermediates.
func (e *escape) takeEscaped(c byte) bool {
	switch {
	case c >= 0x80:
		return !e.end()
	case c < ' ' || c == del: // carried out by a terminal, dropped by us
		return e.bounded(maxParams)
	case c < '0':
		e.state = charset
		return e.bounded(maxParams)
	case e.state == charset:
		return e.end()
	case c == '[':
		e.state = control
	case c == ']', c == 'P', c == 'X', c == '^', c == '_': // OSC, DCS, SOS, PM, APC
		e.state = str
	default:
		return e.end()
	}
	return true
}

// takeControl is for what follows ESC [.
func (e *escape) takeControl(c byte) bool {
	switch {
	case c >= 0x80:
		return !e.end()
	case c < ' ' || c == del:
		return e.bounded(maxParams)
	case c >= '@':
		e.colour = c == 'm' && e.length == e.n+2 && isSGR(e.param[:e.n])
		return e.end()
	}
	if e.n < maxParams {
		e.param[e.n] = c
		e.n++
	}
	return e.bounded(2 * maxParams)
}

// bounded gives up on a sequence that goes on for too long.
func (e *escape) bounded(limit int) bool {
	if e.length > limit {
		e.end()
	}
	return true
}
