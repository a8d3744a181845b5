package strict

import "bytes"

const (
	// maxMethod bounds the method. The longest that is registered has 16 bytes.
	maxMethod = 32
	// maxChunkLine bounds the line with a chunk's size and its extensions, which nobody uses.
	maxChunkLine = 1 << 10
	// maxTrailer bounds the trailer section: net/http takes none above 4 KiB.
	maxTrailer = 4000
	// maxPadding bounds what chunks may have besides data, beyond 16 bytes for each and twice the data. It is what net/http
	// takes.
	maxPadding = 16 << 10
)

// A state is where in a request the next byte belongs.
type state byte

const (
	between state = iota // two requests

	inMethod
	atTarget
	inTargetPath
	inTargetQuery
	inTargetEscape  // the first digit
	inTargetEscape2 // the second
	afterAsterisk
	inAuthority // also the scheme before it
	inVersion
	afterVersion // LF
	inPreface    // of HTTP/2; see Conn.readPreface

	atField
	inName
	beforeValue
	inFieldValue
	afterValue  // LF
	afterFields // LF

	inBody // of a known length
	inChunkSize
	inChunkExtension
	afterChunkSize // LF
	inChunk
	afterChunk  // CR
	afterChunk2 // LF

	opaque // no HTTP/1 any more
)

// A scanner follows requests. It is told of their bytes in pieces of any size and keeps none but those of the few fields
// that it looks into.
type scanner struct {
	rules *Rules
	state state

	method   method
	minor    byte // '0' or '1'
	size     int  // of the head or trailer section so far
	count    int  // of the part that the state is in
	fields   int
	trailing bool // the fields are trailers
	prefaced bool // there was a request: no preface can come any more

	field  fieldKind
	text   [320]byte // the beginning of the part that is looked into
	length int       // of it; more than fits = it was longer

	hosts, lengths, codings, expects int
	chunked                          bool
	upgrade                          bool  // a change of protocol is asked for
	declared                         int64 // Content-Length
	left                             int64 // of the body or the chunk
	total                            int64 // of the chunks so far
	padding                          int64 // see maxPadding
}

// A method is one that changes how a target is read.
type method byte

const (
	anyMethod method = iota
	methodOptions
	methodConnect
	methodPRI
)

// scan looks at more bytes, up to the end of a request or the preface of HTTP/2, and returns how many there are before that end or the fault.
func (s *scanner) scan(p []byte) (n int, f *fault) {
	if s.state == between && len(p) > 0 {
		s.begin()
	}
	for n < len(p) && f == nil && s.state != between && s.state != inPreface {
		var k int
		switch {
		case s.state == opaque:
			k = len(p) - n
		case s.state <= inPreface:
			k, f = s.scanLine(p[n:])
		case s.state <= afterFields:
			k, f = s.scanField(p[n:])
		default:
			k, f = s.scanBody(p[n:])
		}
		n += k
	}
	return n, f
}

// begin starts a request.
func (s *scanner) begin() {
	s.state, s.method, s.size, s.count, s.fields, s.trailing, s.length = inMethod, anyMethod, 0, 0, 0, false, 0
	s.hosts, s.lengths, s.codings, s.expects, s.chunked, s.upgrade = 0, 0, 0, 0, false, false
	s.declared, s.left, s.total, s.padding = 0, 0, 0, 0
}

// inHead says whether a part of a head has come.
func (s *scanner) inHead() bool { return s.state > between && s.state <= afterFields && !s.trailing }

// afterHead says whether a request's body is incomplete.
func (s *scanner) afterHead() bool {
	return s.state >= inBody && s.state < opaque || s.state > between && s.state <= afterFields && s.trailing
}

// keep appends to the text that is looked into.
func (s *scanner) keep(p []byte) {
	if s.length < len(s.text) {
		copy(s.text[s.length:], p)
	}
	s.length += len(p)
}

// kept returns the text; nil if it was longer than anything that is valid.
func (s *scanner) kept() []byte {
	if s.length > len(s.text) {
		return nil
	}
	return s.text[:s.length]
}

// expectLF goes on in a state after a LF, which must be the next byte.
func (s *scanner) expectLF(b byte, next state) (int, *fault) {
	if b != '\n' {
		return 0, s.at(faultCR, faultChunkLine)
	}
	s.state, s.count, s.length = next, 0, 0
	return 1, nil
}

// at is the first fault in a head, the second one in a body.
func (s *scanner) at(head, body *fault) *fault {
	if s.trailing || s.state >= inBody {
		return body
	}
	return head
}

// grow counts bytes of the head or of the trailer section.
func (s *scanner) grow(n int) *fault {
	s.size += n
	switch {
	case s.trailing && s.size > maxTrailer:
		return faultLongTrailer
	case !s.trailing && s.size > s.rules.maxHead():
		return faultLongHead
	}
	return nil
}

func equalFold(text []byte, lowered string) bool {
	return len(text) == len(lowered) && bytes.EqualFold(text, []byte(lowered))
}
