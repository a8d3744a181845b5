package procs

import (
	"bytes"
	"strconv"
	"strings"
)

// sgr is what "select graphic rendition" has on: ECMA-48 8.3.117 with the colours of ISO 8613-6 and the underline colour
// that kitty brought. It is kept as a state and not as the sequences that led there, so that a colour can be taken up
// again on the next line, and so that a line bears no more sequences than it needs.
type sgr struct {
	on            uint32 // bit n: attribute n is on, for n in attributes
	fg, bg, under colour
}

// attributes: bold, faint, italic, underlined, two blinks, inverse, hidden, struck, doubly underlined, overlined. Overlined
// has bit 31 for its number 53.
var attributes = [...]struct{ bit, code uint8 }{
	{1, 1}, {2, 2}, {3, 3}, {4, 4}, {5, 5}, {6, 6}, {7, 7}, {8, 8}, {9, 9}, {21, 21}, {31, 53},
}

// offs gives, for the codes that switch something off, the attributes that they switch off.
var offs = [...]uint32{
	22: 1<<1 | 1<<2, 23: 1 << 3, 24: 1<<4 | 1<<21, 25: 1<<5 | 1<<6, 27: 1 << 7, 28: 1 << 8, 29: 1 << 9, 55: 1 << 31,
}

// A colour is the parameters that set it, such as 31 or 38;2;255;128;0. n = 0: the default colour.
type colour struct {
	n    uint8
	code [19]byte
}

func (c *colour) set(code []byte) {
	if len(code) <= len(c.code) {
		*c = colour{n: uint8(len(code))}
		copy(c.code[:], code)
	}
}

func (s *sgr) none() bool { return s.on == 0 && s.fg.n == 0 && s.bg.n == 0 && s.under.n == 0 }

// isSGR says whether the parameters of ESC [ … m are those of SGR: digits, ; and : only. xterm has ESC [ > … m and others.
func isSGR(params []byte) bool {
	for _, c := range params {
		if c < '0' || c > ';' {
			return false
		}
	}
	return true
}

// apply changes the state as the parameters say.
func (s *sgr) apply(params []byte) {
	for more := true; more; {
		var one []byte
		all := params
		one, params, more = bytes.Cut(params, []byte{';'})
		main, sub, hasSub := bytes.Cut(one, []byte{':'})
		code := number(main)
		if code != 38 && code != 48 && code != 58 {
			if code == 4 && hasSub && number(sub) == 0 {
				code = 24 // 4:0 is "no underline"
			}
			s.applyOne(code, main)
			continue
		}
		if !hasSub { // the colour's own parameters follow, separated by ; too
			if one = extended(all); one == nil {
				return
			}
			params, more = bytes.CutPrefix(all[len(one):], []byte{';'})
		}
		s.colourOf(code).set(one)
	}
}

// applyOne is for codes that stand alone.
func (s *sgr) applyOne(code int, text []byte) {
	switch {
	case code == 0:
		*s = sgr{}
	case code >= 1 && code <= 9, code == 21:
		s.on |= 1 << code
	case code == 53:
		s.on |= 1 << 31
	case code >= 22 && code < len(offs) && offs[code] != 0:
		s.on &^= offs[code]
	case code >= 30 && code <= 37, code >= 90 && code <= 97:
		s.fg.set(text)
	case code >= 40 && code <= 47, code >= 100 && code <= 107:
		s.bg.set(text)
	case code == 39, code == 49, code == 59:
		*s.colourOf(code - 1) = colour{}
	}
}

func (s *sgr) colourOf(code int) *colour {
	switch code {
	case 38:
		return &s.fg
	case 48:
		return &s.bg
	}
	return &s.under
}

// extended is the part of params that one extended colour takes: 38;5;n or 38;2;r;g;b; nil, if it is none of these.
func extended(params []byte) []byte {
	fields := bytes.SplitN(params, []byte{';'}, 6)
	want := 0
	if len(fields) > 1 {
		switch number(fields[1]) {
		case 5:
			want = 3
		case 2:
			want = 5
		}
	}
	if want == 0 || len(fields) < want {
		return nil
	}
	n := want - 1
	for _, f := range fields[:want] {
		n += len(f)
	}
	return params[:n]
}

// number reads a parameter: none is 0, nonsense is -1.
func number(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	if len(b) > 3 {
		return -1
	}
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// appendChange appends the sequence that leads to s; reset says that something may be on before it.
func (s *sgr) appendChange(b []byte, reset bool) []byte {
	b = append(b, esc, '[')
	if reset {
		b = append(b, '0', ';')
	}
	for _, a := range attributes {
		if s.on&(1<<a.bit) != 0 {
			b = append(strconv.AppendUint(b, uint64(a.code), 10), ';')
		}
	}
	for _, c := range []*colour{&s.fg, &s.bg, &s.under} {
		if c.n > 0 {
			b = append(append(b, c.code[:c.n]...), ';')
		}
	}
	b[len(b)-1] = 'm' // in place of the last separator
	return b
}

// AppendPlain appends a Line's text without its colours, which are the only escape sequences that it has.
func AppendPlain(buf []byte, text string) []byte {
	for {
		before, after, found := strings.Cut(text, "\x1b[")
		buf = append(buf, before...)
		if !found {
			return buf
		}
		_, text, _ = strings.Cut(after, "m")
	}
}
