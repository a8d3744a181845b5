// Package inspect keeps what a request and its answer consisted of, for people to look at afterwards.
//
//	if meter.Take(time.Now()) {
//		record = new(inspect.Record)
//	}
//	…
//	record.Response.Body.Write(piece) // as often as one comes
//	record.Response.Head = inspect.Fields(header)
//
// It costs a copy of what is kept, so a Meter says of which requests that is done: of all as long as they are as many as somebody could
// look at. Secrets are kept like all else; whoever shows a Record hides them.
package inspect

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Limit is how many bytes of a body are kept.
const Limit = 64 << 10

// A Record is a request and its answer, as the client sent the one and got the other. It does not change any more once the request is
// over.
type Record struct {
	Request, Response Message
}

// A Message is one of both.
type Message struct {
	Head []Field
	Body Body
}

// A Field is one line of a head.
type Field struct{ Name, Value string }

// A Body is the beginning of a body.
type Body struct {
	Start []byte // at most Limit bytes
	Bytes int64  // how many there were, as far as they came
	Whole bool   // the body came to its end, and all of it is in Start
}

// Write keeps a piece as far as there is room; the piece can be used again. It never fails.
func (b *Body) Write(piece []byte) (int, error) {
	b.Bytes += int64(len(piece))
	b.Start = append(b.Start, piece[:min(len(piece), Limit-len(b.Start))]...)
	return len(piece), nil
}

// Full says that nothing more would be kept.
func (b *Body) Full() bool { return len(b.Start) == Limit }

// End says that the body came to its end.
func (b *Body) End() { b.Whole = b.Bytes == int64(len(b.Start)) }

// Fields are the lines of a head by their names, the values of each in the order in which they came.
func Fields(h http.Header) []Field {
	fields := make([]Field, 0, len(h))
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if strings.HasPrefix(name, http.TrailerPrefix) {
			continue // net/http's way to be told of trailers
		}
		for _, v := range h[name] {
			fields = append(fields, Field{name, v})
		}
	}
	return fields
}

// fieldSize is what a Field takes besides its text.
const fieldSize = 32

// Size is about how much memory a record takes; nil takes none.
func (r *Record) Size() int {
	if r == nil {
		return 0
	}
	return r.Request.size() + r.Response.size()
}

func (m *Message) size() int {
	size := cap(m.Body.Start)
	for _, f := range m.Head {
		size += fieldSize + len(f.Name) + len(f.Value)
	}
	return size
}

// A Meter lets through at most 200 a second, after a rest as many at once. Its zero value is ready. It may be used by any number of
// goroutines.
type Meter struct {
	full atomic.Int64 // when it has let through nothing for a second, in ns (the generic cell rate algorithm)
}

const (
	rest = time.Second
	each = rest / 200
)

// Take says whether this one goes through.
func (m *Meter) Take(now time.Time) bool {
	t := now.UnixNano()
	for {
		full := m.full.Load()
		next := max(full, t) + int64(each)
		if next > t+int64(rest) {
			return false
		}
		if m.full.CompareAndSwap(full, next) {
			return true
		}
	}
}
