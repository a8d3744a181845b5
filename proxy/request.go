package proxy

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/lbdev/lbdev/proxy/badge"
)

// appendHead appends a request's head as a worker gets it: hop-by-hop fields first taken out, then our own put in, so that
// a client cannot have ours taken out by listing them in Connection (CVE-2024-45410).
func (x *exchange) appendHead(buf []byte, expect bool) []byte {
	r := x.r
	buf = append(buf, r.Method...)
	buf = append(buf, ' ')
	buf = append(buf, x.record.Path...)
	buf = append(buf, " HTTP/1.1\r\nHost: "...)
	buf = append(buf, r.Host...)
	for name, values := range r.Header {
		if !x.passes(name) {
			continue
		}
		for _, v := range values {
			buf = appendField(buf, name, v)
		}
	}
	if x.labels {
		buf = appendField(buf, "Accept-Encoding", badge.Coding(r))
	}
	buf = x.origin.appendOrigin(buf)
	buf = x.appendConnection(buf)
	buf = x.appendFraming(buf)
	if expect {
		buf = appendField(buf, "Expect", "100-continue")
	}
	return append(buf, "\r\n\r\n"...)
}

// passes says whether a field of the client's goes to the worker as it is.
func (x *exchange) passes(name string) bool {
	if x.labels && badge.Hides(x.r.Method, name) {
		return false
	}
	return forwarded(name, x.listed) || x.origin.trusted && believed(name)
}

// appendField appends a line, with the end of the line before it.
func appendField(buf []byte, name, value string) []byte {
	buf = append(buf, "\r\n"...)
	buf = append(buf, name...)
	buf = append(buf, ": "...)
	return append(buf, value...)
}

// appendConnection appends what concerns our connection to the worker.
func (x *exchange) appendConnection(buf []byte) []byte {
	switch {
	case x.upgrade != "":
		buf = appendField(buf, "Connection", "Upgrade")
		buf = appendField(buf, "Upgrade", x.upgrade)
	case len(x.r.Header["Te"]) > 0 && wantsTrailers(x.r):
		buf = appendField(buf, "Connection", "TE") // RFC 9110 section 10.1.4
		buf = appendField(buf, "TE", "trailers")
	}
	return buf
}

// appendFraming appends how the body is delimited: as the client did it.
func (x *exchange) appendFraming(buf []byte) []byte {
	r := x.r
	switch {
	case r.ContentLength < 0:
		buf = appendField(buf, "Transfer-Encoding", "chunked")
		if x.upload.trailers != "" {
			buf = appendField(buf, "Trailer", x.upload.trailers)
		}
	case r.ContentLength > 0:
		buf = append(buf, "\r\nContent-Length: "...)
		buf = strconv.AppendInt(buf, r.ContentLength, 10)
	case len(r.Header["Content-Length"]) > 0:
		buf = appendField(buf, "Content-Length", "0")
	}
	return buf
}

func trailerNames(trailer http.Header) []string {
	var names []string
	for name := range trailer {
		if mayTrail(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// appendChunk appends a piece of a body as a chunk.
func appendChunk(buf, piece []byte) []byte {
	if len(piece) == 0 {
		return buf // a chunk of size 0 would be the last
	}
	buf = strconv.AppendInt(buf, int64(len(piece)), 16)
	buf = append(buf, "\r\n"...)
	buf = append(buf, piece...)
	return append(buf, "\r\n"...)
}

// appendLastChunk appends the end of a chunked body with its trailers, which are complete when the body is.
func appendLastChunk(buf []byte, trailer http.Header) []byte {
	buf = append(buf, '0')
	for _, name := range trailerNames(trailer) {
		for _, v := range trailer[name] {
			buf = appendField(buf, name, v)
		}
	}
	return append(buf, "\r\n\r\n"...)
}
