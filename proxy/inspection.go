package proxy

import (
	"maps"
	"net/http"
	"slices"

	"github.com/lbdev/lbdev/proxy/inspect"
)

const (
	// maxKeeping is of how many requests that are under way bodies are kept.
	maxKeeping = 256
	// keepStream is how much is kept of events that go on and on: there may be thousands of such answers.
	keepStream = 4 << 10
)

// keepFrom begins to keep what the request and its answer consist of, if that is wanted and not too much.
func (x *exchange) keepFrom() {
	p := x.proxy
	if !p.Inspect || !p.usual.Take(x.record.Start) {
		return
	}
	if p.keeping.Add(1) > maxKeeping {
		p.keeping.Add(-1)
		return
	}
	x.record.Kept, x.keeping = new(inspect.Record), true
}

// keepLittle lets another request have the place of one whose answer goes on and on.
func (x *exchange) keepLittle() {
	if x.keeping {
		x.keeping = false
		x.proxy.keeping.Add(-1)
	}
}

// keep ends it. The heads of what went wrong are kept even if nothing was from the beginning.
func (x *exchange) keep() {
	x.keepLittle()
	if x.record.Kept == nil {
		if x.r == tcpRequest || !x.proxy.Inspect || !x.record.Unusual() || !x.proxy.unusual.Take(x.record.Start) {
			return
		}
		x.record.Kept = new(inspect.Record)
	}
	k := x.record.Kept
	k.Request.Head = inspect.Fields(x.r.Header)
	if x.upload != nil {
		x.upload.keep(&k.Request.Body)
	} else {
		k.Request.Body.Whole = true
	}
	k.Response.Head = inspect.Fields(x.w.Header())
	k.Response.Body.Bytes = x.written // what glided or went through a tunnel has not passed by
	if x.record.Outcome != Cut && x.record.Outcome != Canceled {
		k.Response.Body.End()
	}
}

// keepWritten keeps a piece of the body that the client got.
func (x *exchange) keepWritten(piece []byte) {
	k := x.record.Kept
	if k == nil {
		return
	}
	if b := &k.Response.Body; !x.keeping {
		piece = piece[:min(len(piece), max(keepStream-len(b.Start), 0))]
	}
	k.Response.Body.Write(piece) // keep corrects how many there were
}

// EndToEnd are the fields of a request's head that do not belong to the connection which it came by (RFC 9110 section 7.6.1).
func EndToEnd(head []inspect.Field) http.Header {
	h := http.Header{}
	for _, f := range head {
		h[f.Name] = append(h[f.Name], f.Value)
	}
	listed := options(h["Connection"], nil)
	maps.DeleteFunc(h, func(name string, _ []string) bool { return hopByHop(name) || slices.Contains(listed, name) })
	return h
}

// Unusual says whether people should see this request, if they can't see all.
func (a *Access) Unusual() bool {
	return a.Outcome != OK || a.Held > 0 || len(a.Attempts) > 1 || a.Status >= http.StatusInternalServerError
}
