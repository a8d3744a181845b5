package strict

import (
	"bytes"
	"fmt"
	"net/http"
	"time"
)

// A Refusal is a request that was not let through. It is also the error of a Read.
type Refusal struct {
	Start  time.Time
	Client string // the address it came from, with its port
	Status int    // what the client got
	Reason string // for people

	// Method, Target and Proto are what is known of the request's first line, cleaned of what cannot be printed; they may be
	// cut, or empty.
	Method, Target, Proto string
}

func (r *Refusal) Error() string { return r.Reason }

// response is what the client gets. Its connection ends with it.
func (r *Refusal) response() []byte {
	text := http.StatusText(r.Status)
	body := fmt.Sprintf("%d %s\n\n%s\n", r.Status, text, r.Reason)
	return fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n"+
		"Cache-Control: no-store\r\nConnection: close\r\n\r\n%s",
		r.Status, text, time.Now().UTC().Format(http.TimeFormat), len(body), body)
}

// A fault is what is wrong with a request.
type fault struct {
	status int
	reason string
	body   bool // it is in the body: the request's handler runs, and answers
}

func bad(reason string) *fault { return &fault{status: http.StatusBadRequest, reason: reason} }

// The faults of a head. They are made once: a flood of bad requests is to cost little.
var (
	faultLF          = bad("a line ends with LF alone")
	faultCR          = bad("a CR stands alone")
	faultNUL         = bad("the head has a NUL byte")
	faultControl     = bad("the head has a control character")
	faultTLS         = bad("this is a TLS handshake, and the port speaks plain HTTP: use http://")
	faultEmptyLines  = bad("there is more than one empty line before the request")
	faultMethod      = bad("the method is no token")
	faultLongMethod  = &fault{status: http.StatusNotImplemented, reason: "the method is longer than any that there is"}
	faultSpaces      = bad("the first line has not exactly one space between its parts")
	faultNoVersion   = bad("the first line has no version")
	faultVersion     = bad("the first line does not end with a version")
	faultOldVersion  = &fault{status: http.StatusHTTPVersionNotSupported, reason: "the version is neither HTTP/1.0 nor HTTP/1.1"}
	faultPreface     = bad("the preface of HTTP/2 is not complete")
	faultNoPreface   = &fault{status: http.StatusHTTPVersionNotSupported, reason: "this port does not speak HTTP/2 without TLS"}
	faultTarget      = bad("the target is neither a path nor an http or https URL")
	faultTargetByte  = bad("the target has a byte that must be percent-encoded")
	faultFragment    = bad("the target has a fragment (#)")
	faultEscape      = bad("the target's path has a % without two hex digits")
	faultAsterisk    = bad("the target * is for OPTIONS alone")
	faultAuthority   = bad("the target's host is not valid")
	faultUserinfo    = bad("the target has a user name (@)")
	faultConnect     = bad("the target of CONNECT is not host:port")
	faultLongTarget  = &fault{status: http.StatusRequestURITooLong, reason: "the target is too long"}
	faultFirstSpace  = bad("white space stands before the first field")
	faultFold        = bad("a field goes on in a second line (obs-fold)")
	faultNoName      = bad("a field has no name")
	faultNameSpace   = bad("white space stands before a field's colon")
	faultName        = bad("a field's name is no token")
	faultNoColon     = bad("a field has no colon")
	faultLongHead    = &fault{status: http.StatusRequestHeaderFieldsTooLarge, reason: "the head is too long"}
	faultFields      = &fault{status: http.StatusRequestHeaderFieldsTooLarge, reason: "the head has too many fields"}
	faultNoHost      = bad("there is no Host")
	faultHosts       = bad("there is more than one Host")
	faultHost        = bad("Host is not valid")
	faultLength      = bad("Content-Length is no number")
	faultLengths     = bad("there is more than one Content-Length")
	faultBothLengths = bad("there are both Content-Length and Transfer-Encoding")
	faultCoding      = bad("Transfer-Encoding is not chunked")
	faultCodings     = bad("there is more than one Transfer-Encoding")
	faultOldCoding   = bad("HTTP/1.0 has no Transfer-Encoding")
	faultOtherCoding = &fault{status: http.StatusNotImplemented, reason: "there is a Transfer-Encoding besides chunked"}
	faultExpect      = &fault{status: http.StatusExpectationFailed, reason: "Expect is not 100-continue"}
	faultTrailer     = bad("Trailer names a field that cannot come so late")
	faultTooLarge    = &fault{status: http.StatusRequestEntityTooLarge, reason: "the body is larger than allowed"}
	faultSlowHead    = &fault{status: http.StatusRequestTimeout, reason: "the head did not come in time"}
)

func badBody(reason string) *fault {
	return &fault{status: http.StatusBadRequest, reason: reason, body: true}
}

// The faults of a body.
var (
	faultChunkSize    = badBody("a chunk's size is no hexadecimal number")
	faultHugeChunk    = badBody("a chunk's size is too large")
	faultChunkLine    = badBody("the line with a chunk's size is not valid")
	faultChunkEnd     = badBody("a chunk is longer than its size")
	faultPadding      = badBody("the chunks have too much besides data")
	faultTrailerName  = badBody("a trailer is none that can come so late")
	faultLongTrailer  = &fault{status: http.StatusRequestHeaderFieldsTooLarge, reason: "the trailers are too long", body: true}
	faultLargeBody    = &fault{status: http.StatusRequestEntityTooLarge, reason: "the body is larger than allowed", body: true}
	faultSlowBody     = &fault{status: http.StatusRequestTimeout, reason: "the body did not come in time", body: true}
	faultTrailerField = badBody("a trailer is no valid field")
)

// describe fills in what is known of a request's first line.
func (r *Refusal) describe(line []byte) {
	if end := bytes.IndexAny(line, "\r\n"); end >= 0 {
		line = line[:end]
	}
	method, rest, _ := bytes.Cut(line, []byte(" "))
	target, proto, _ := bytes.Cut(rest, []byte(" "))
	r.Method, r.Target, r.Proto = printable(method), printable(target), printable(proto)
}

func printable(text []byte) string {
	return string(bytes.Map(func(c rune) rune {
		if c <= ' ' || c >= 0x7f {
			return '?'
		}
		return c
	}, text))
}
