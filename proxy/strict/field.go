package strict

import (
	"bytes"
	"net/http"
	"strconv"
)

// A fieldKind is a field that is looked into.
type fieldKind byte

const (
	otherField fieldKind = iota
	hostField
	lengthField
	codingField
	expectField
	upgradeField
	trailerField
)

// kindOf returns the kind of a field by its name in lower case.
func kindOf(name []byte) fieldKind {
	switch string(name) {
	case "host":
		return hostField
	case "content-length":
		return lengthField
	case "transfer-encoding":
		return codingField
	case "expect":
		return expectField
	case "upgrade":
		return upgradeField
	case "trailer":
		return trailerField
	}
	return otherField
}

// scanField looks at fields and the empty line after them (RFC 9112 section 5), in a head or a trailer section.
func (s *scanner) scanField(p []byte) (n int, f *fault) {
	switch s.state {
	case atField:
		n, f = s.beginField(p[0])
	case inName:
		n, f = s.scanName(p)
	case beforeValue:
		if n = len(p) - len(bytes.TrimLeft(p, " \t")); n < len(p) {
			s.state = inFieldValue
		}
	case inFieldValue:
		n, f = s.scanValue(p)
	case afterValue:
		if f = s.endField(); f == nil {
			n, f = s.expectLF(p[0], atField)
		}
	case afterFields:
		if p[0] != '\n' {
			return 0, s.at(faultCR, faultTrailerField)
		}
		if f = s.endFields(); f == nil {
			n = 1
		}
		return n, f // the head is over: its size was looked at before
	}
	if f == nil {
		f = s.grow(n)
	}
	return n, f
}

func (s *scanner) beginField(b byte) (int, *fault) {
	switch {
	case b == '\r':
		s.state = afterFields
		return 1, nil
	case bytesOf[b]&inToken != 0:
		if s.fields++; s.fields > s.rules.maxFields() {
			return 0, s.at(faultFields, faultLongTrailer)
		}
		s.state = inName
		return 0, nil
	case b == ' ' || b == '\t':
		if s.fields == 0 {
			return 0, s.at(faultFirstSpace, faultTrailerField)
		}
		return 0, s.at(faultFold, faultTrailerField)
	case b == ':':
		return 0, s.at(faultNoName, faultTrailerField)
	}
	return 0, s.at(fieldFault(b, faultName), faultTrailerField)
}

// fieldFault is that of a byte in a field.
func fieldFault(b byte, other *fault) *fault {
	switch {
	case b == '\n':
		return faultLF
	case b == 0:
		return faultNUL
	case b < ' ' && b != '\t' || b == 0x7f:
		return faultControl
	}
	return other
}

func (s *scanner) scanName(p []byte) (int, *fault) {
	n := run(p, inToken)
	if room := len("transfer-encoding") + 1 - s.length; room > 0 { // a longer name is no kind
		for _, b := range p[:min(n, room)] {
			s.text[s.length] = lower(b)
			s.length++
		}
	}
	if n == len(p) {
		return n, nil
	}
	switch p[n] {
	case ':':
		s.field = kindOf(s.text[:s.length])
		s.state, s.length = beforeValue, 0
		return n + 1, nil
	case ' ', '\t':
		return n, s.at(faultNameSpace, faultTrailerField)
	case '\r':
		return n, s.at(faultNoColon, faultTrailerField)
	}
	return n, s.at(fieldFault(p[n], faultName), faultTrailerField)
}

func (s *scanner) scanValue(p []byte) (int, *fault) {
	n := runOfText(p)
	if s.field != otherField {
		s.keep(p[:n])
	}
	if n == len(p) {
		return n, nil
	}
	if p[n] != '\r' {
		return n, s.at(fieldFault(p[n], faultControl), faultTrailerField)
	}
	s.state = afterValue
	return n + 1, nil
}

// endField looks at the value of a field that is complete.
func (s *scanner) endField() *fault {
	if s.field == otherField {
		return nil
	}
	value := bytes.TrimRight(s.kept(), " \t")
	if s.trailing {
		switch s.field {
		case hostField, lengthField, codingField:
			return faultTrailerName // RFC 9110 section 6.5.1
		}
		return nil
	}
	switch s.field {
	case hostField:
		if s.hosts++; s.hosts > 1 {
			return faultHosts
		}
		if !validHost(value, false) {
			return faultHost
		}
	case lengthField:
		return s.setLength(value)
	case codingField:
		return s.setCoding(value)
	case expectField:
		if s.expects++; s.expects > 1 || !equalFold(value, "100-continue") {
			return faultExpect
		}
	case upgradeField:
		s.upgrade = true
	case trailerField:
		return checkTrailer(value)
	}
	return nil
}

// setLength takes digits and nothing else. A list or a second field is refused also where all numbers are the same:
// RFC 9110 section 8.6 allows both.
func (s *scanner) setLength(value []byte) *fault {
	if s.lengths++; s.lengths > 1 {
		return faultLengths
	}
	for _, b := range value {
		if !isDigit(b) {
			return faultLength
		}
	}
	n, err := strconv.ParseUint(string(value), 10, 63)
	if err != nil {
		return faultLength
	}
	s.declared = int64(n)
	return nil
}

// setCoding takes "chunked" alone. Where something else comes before it the sender may only be ahead of us (501); where
// chunked is not the last coding, the body's end cannot be known (RFC 9112 section 6.3).
func (s *scanner) setCoding(value []byte) *fault {
	if s.codings++; s.codings > 1 {
		return faultCodings
	}
	if s.chunked = equalFold(value, "chunked"); s.chunked {
		return nil
	}
	comma := bytes.LastIndexByte(value, ',')
	if comma < 0 || !equalFold(bytes.Trim(value[comma+1:], " \t"), "chunked") {
		return faultCoding
	}
	for coding := range bytes.SplitSeq(value[:comma], []byte(",")) {
		coding = bytes.Trim(coding, " \t")
		if run(coding, inToken) < len(coding) || len(coding) == 0 || equalFold(coding, "chunked") {
			return faultCoding
		}
	}
	return faultOtherCoding
}

// checkTrailer looks at the names of trailers that are announced: net/http refuses these too.
func checkTrailer(value []byte) *fault {
	if value == nil {
		return faultTrailer
	}
	for name := range bytes.SplitSeq(value, []byte(",")) {
		switch http.CanonicalHeaderKey(string(bytes.Trim(name, " \t"))) {
		case "Transfer-Encoding", "Content-Length", "Trailer", "Host":
			return faultTrailer
		}
	}
	return nil
}

// endFields decides what follows the empty line (RFC 9112 section 6.3).
func (s *scanner) endFields() *fault {
	if s.trailing {
		s.state = between
		return nil
	}
	switch {
	case s.hosts == 0 && s.minor == '1':
		return faultNoHost
	case s.codings > 0 && s.lengths > 0:
		return faultBothLengths
	case s.codings > 0 && s.minor == '0':
		return faultOldCoding
	case s.rules.MaxBody > 0 && s.declared > s.rules.MaxBody:
		return faultTooLarge
	case s.chunked:
		s.upgrade = false
		s.state, s.count = inChunkSize, 0
	case s.declared > 0:
		s.upgrade = false
		s.state, s.left = inBody, s.declared
	default:
		s.upgrade = s.upgrade && s.minor == '1'
		s.state = between
	}
	return nil
}
