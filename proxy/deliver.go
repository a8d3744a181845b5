package proxy

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/lbdev/lbdev/proxy/badge"
)

// deliver gives the client the response whose head was read.
func (x *exchange) deliver(way line, a *Attempt) loss {
	h, at := &x.head, way.held()
	way.body(x)
	if x.mayHoldBack() {
		if held, err := x.body.holdBack(); held && err != nil {
			return loss{stage: sent, result: resultOf(err), err: err}
		}
	}
	if !at.claim() {
		return lossByPause
	}
	at.waiting.Store(false)
	x.body.waiting = x.onWait
	a.Result = statusText(h.status)
	x.credit(at.up, h.status)
	at.up.backend.judge(at.up, h.status >= 500)
	x.way = way
	defer x.unstream()
	x.writeHead(at.up)
	return x.copyBody()
}

// mayHoldBack says whether a short response may be read whole before its head goes to the client, which hides most deaths
// in the middle of it. An event stream is waited for; of a Range the client puts parts together itself.
func (x *exchange) mayHoldBack() bool {
	if len(x.r.Header["Range"]) > 0 {
		return false
	}
	for i := range x.head.fields {
		if f := &x.head.fields[i]; f.name == "Content-Type" {
			return !isEventStream(f.value)
		}
	}
	return true
}

func isEventStream(contentType string) bool {
	return strings.HasPrefix(contentType, "text/event-stream")
}

// writeHead gives the client the head: without the fields of the worker's connection, with ours.
func (x *exchange) writeHead(up *upstream) {
	h := x.w.Header()
	// net/http would look into the body for a type where the worker gave none.
	h["Content-Type"] = nil
	x.copyFields(h)
	x.rewrite(h, up.port)
	x.bind(h, up)
	x.label(h, up)
	h["X-Lbdev-Worker"] = up.label
	if text := x.attempts(); text != "" {
		h["X-Lbdev-Attempts"] = []string{text}
	}
	if x.body.kind == byStream && x.r.ProtoMajor == 1 && len(h["Trailer"]) > 0 {
		delete(h, "Content-Length") // in HTTP/2 there can be both; in HTTP/1 only chunks are followed by trailers
	}
	x.closeUnread(h)
	x.answered, x.dirty = true, true
	x.w.WriteHeader(x.head.status)
}

// copyFields copies the fields of a head that are for the client.
func (x *exchange) copyFields(to http.Header) {
	fields, listed := x.head.fields, x.head.listed
	values := make([]string, 0, len(fields))
	for i := range fields {
		f := &fields[i]
		if f.name == "Trailer" && x.body.mayHaveTrailer() {
			x.announce(to, f.value)
		}
		if hopByHop(f.name) || slices.Contains(listed, f.name) || f.name == "X-Lbdev-Worker" || f.name == "X-Lbdev-Attempts" {
			continue
		}
		if had := to[f.name]; had != nil {
			to[f.name] = append(had, f.value)
			continue
		}
		values = append(values, f.value)
		n := len(values)
		to[f.name] = values[n-1 : n : n]
	}
	if lengths := to["Content-Length"]; len(lengths) > 1 {
		to["Content-Length"] = lengths[:1] // the same number twice is one number
	}
}

// announce names the trailers that are going to come, as far as they may.
func (x *exchange) announce(to http.Header, names string) {
	for name := range strings.SplitSeq(names, ",") {
		if name = http.CanonicalHeaderKey(strings.TrimSpace(name)); isToken(name) && mayTrail(name) {
			to["Trailer"] = append(to["Trailer"], name)
		}
	}
}

// rewrite corrects a Location that leads past the front.
func (x *exchange) rewrite(h http.Header, port int) {
	if location := h["Location"]; len(location) > 0 {
		location[0] = rewriteLocation(location[0], port, &x.origin)
	}
}

// copyBody passes the body on as it comes: whenever nothing more has come yet, what is there goes out.
func (x *exchange) copyBody() loss {
	for {
		if x.mayGlide() {
			if l := x.glide(); l.stage != delivered {
				return l
			}
		}
		piece, err := x.nextPiece()
		if len(piece) > 0 {
			n, werr := x.w.Write(piece)
			x.written += int64(n)
			x.dirty = true
			x.keepWritten(piece[:n])
			if werr != nil {
				return loss{stage: gone}
			}
		}
		switch {
		case err == nil:
		case err == io.EOF:
			x.writeTrailers()
			x.record.Outcome = x.success()
			return loss{}
		case x.wasEnded():
			x.abort = true
			return loss{}
		default:
			return loss{stage: begun, result: resultOf(err), err: err}
		}
	}
}

// label makes the answer a page with the label of who served it, if that is wanted and it is a page.
func (x *exchange) label(h http.Header, up *upstream) {
	if !x.labels {
		return
	}
	gzipped, ok := badge.Fits(x.head.status, h)
	if !ok {
		return
	}
	badge.Prepare(h)
	if x.body.kind != empty {
		x.page = badge.NewPage(x.body.next, gzipped, up.worker, up.port)
	}
}

// nextPiece is the next one of the body as the client gets it.
func (x *exchange) nextPiece() ([]byte, error) {
	if x.page == nil {
		return x.body.next()
	}
	piece, err := x.page.Next()
	if errors.Is(err, badge.ErrPacking) {
		err = nonsense("%v", err)
	}
	return piece, err
}

// writeTrailers gives the client the trailers. One that was not announced needs net/http's prefix, and a response that is
// chunked already: what is not flushed yet could still become one with Content-Length.
func (x *exchange) writeTrailers() {
	if len(x.body.trailer) == 0 {
		return
	}
	h := x.w.Header()
	announced := h["Trailer"]
	for i := range x.body.trailer {
		f := &x.body.trailer[i]
		if !mayTrail(f.name) {
			continue
		}
		name := f.name
		if !slices.Contains(announced, name) {
			x.flush()
			name = http.TrailerPrefix + name
		}
		h[name] = append(h[name], f.value)
	}
}

// inform passes an interim response on (103 Early Hints, 102 Processing).
func (x *exchange) inform() {
	if !x.r.ProtoAtLeast(1, 1) {
		return // RFC 9110 section 15.2
	}
	h := x.w.Header()
	x.copyFields(h)
	x.w.WriteHeader(x.head.status)
	clear(h)
}

// beforeWait is called when the worker has sent nothing more yet.
func (x *exchange) beforeWait() {
	x.flush()
	if !x.streaming && !x.body.bounded() {
		x.streaming = true
		events := isEventStream(x.w.Header().Get("Content-Type"))
		x.proxy.streams.add(x, events)
		if events {
			x.keepLittle()
		}
	}
}

func (x *exchange) unstream() {
	if x.streaming {
		x.proxy.streams.remove(x)
		x.streaming = false
	}
	x.way = nil
}

// wasEnded says whether Shutdown ended this stream, and notes it.
func (x *exchange) wasEnded() bool {
	if !x.streaming || !x.proxy.streams.wasEnded(x) {
		return false
	}
	x.head.close = true // the connection is closed
	x.record.Outcome, x.record.Reason = OK, "ended by the shutdown of lbdev"
	return true
}

// statusText is a status as text, without an allocation for those that occur.
func statusText(status int) string {
	switch status {
	case 200:
		return "200"
	case 204:
		return "204"
	case 302:
		return "302"
	case 304:
		return "304"
	case 404:
		return "404"
	}
	return strconv.Itoa(status)
}
