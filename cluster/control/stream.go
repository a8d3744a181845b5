package control

import (
	"bytes"
	"fmt"
	"net/http"
	"time"

	"github.com/lbdev/lbdev/cluster"
)

const (
	defaultKeepAlive = 15 * time.Second
	// batch is how many items go into one write, and so how many a slow reader has in flight here.
	batch = 256
)

func (s *Server) keepAlive() time.Duration {
	if s.KeepAlive == 0 {
		return defaultKeepAlive
	}
	return s.KeepAlive
}

func (s *Server) getEvents(w http.ResponseWriter, r *http.Request) {
	feed := s.Cluster.Events()
	o, ok := s.options(w, r, feed.Last())
	if !ok {
		return
	}
	send(w, r, s, feed, o, source[cluster.Event]{
		what: "events",
		wire: func(e cluster.Event) any { return NewEvent(e) },
		from: func(e cluster.Event) (worker, port int, at time.Time) { return e.Worker, e.Port, e.Time },
	})
}

func (s *Server) getLogs(w http.ResponseWriter, r *http.Request) {
	feed := s.Cluster.Logs()
	o, ok := s.options(w, r, feed.Last(), "colour")
	if !ok {
		return
	}
	send(w, r, s, feed, o, source[cluster.LogLine]{
		what: "log lines",
		wire: func(l cluster.LogLine) any { return NewLog(l, o.colour) },
		from: func(l cluster.LogLine) (worker, port int, at time.Time) { return l.Worker, l.Port, l.Time },
	})
}

// A source says what the stream needs to know of its items.
type source[T any] struct {
	what string
	wire func(T) any
	from func(T) (worker, port int, at time.Time)
}

// An outlet is one reader's stream of server-sent events (HTML standard, section 9.2).
type outlet[T any] struct {
	source[T]
	options
	run    string
	feed   *cluster.Feed[T]
	reader *cluster.Reader[T] // rewind changes it
	w      http.ResponseWriter
	items  []T
	buf    bytes.Buffer
	told   uint64 // the number in the last id that was written
}

// send is the handler of a stream.
func send[T any](w http.ResponseWriter, r *http.Request, s *Server, feed *cluster.Feed[T], o options, src source[T]) {
	out := &outlet[T]{source: src, options: o, run: s.run, feed: feed, reader: feed.Reader(o.after, false), w: w}
	defer func() { out.reader.Close() }()
	startStream(w)
	more, err := out.begin()
	if err == nil && more {
		out.goOn(r, s)
	}
}

func startStream(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
}

// begin writes what is there already. It says whether the stream goes on.
func (o *outlet[T]) begin() (more bool, err error) {
	switch {
	case o.tail >= 0:
		o.skip()
	case !o.placed:
		if _, lost, _ := o.reader.Take(nil, 1); lost > 0 {
			o.after = lost // the oldest is the first that it could have
		}
		o.rewind(o.after)
	}
	o.id(o.reader.Seen()) // a reader that gets nothing more than this resumes here
	o.buf.WriteString("\n")
	for o.reader.Seen() < o.until {
		over, err := o.take(int(min(batch, o.until-o.reader.Seen())))
		if err != nil || over {
			return false, err
		}
	}
	if !o.follow {
		return false, o.end()
	}
	return true, o.flush()
}

// skip passes over all but the last items that are wanted.
func (o *outlet[T]) skip() {
	items, _, _ := o.reader.Take(nil, 0)
	last := o.reader.Seen()
	left := o.tail
	cut := len(items)
	for cut > 0 && left > 0 {
		cut--
		if o.wants(o.from(items[cut])) {
			left--
		}
	}
	o.rewind(last - uint64(len(items)-cut))
	o.until = last
}

// rewind has the next take begin after the item with this number.
func (o *outlet[T]) rewind(after uint64) {
	o.reader.Close()
	o.reader = o.feed.Reader(after, false)
}

// goOn writes what comes, until the feed or the reader ends.
func (o *outlet[T]) goOn(r *http.Request, s *Server) {
	var silence <-chan time.Time
	if d := s.keepAlive(); d > 0 {
		tick := time.NewTicker(d)
		defer tick.Stop()
		silence = tick.C
	}
	if over, err := o.take(batch); over || err != nil { // a feed that is closed calls nobody
		return
	}
	for {
		select {
		case <-o.reader.More():
			if over, err := o.take(batch); over || err != nil {
				return
			}
		case <-silence:
			o.buf.WriteString(": alive\n")
			if seen := o.reader.Seen(); seen != o.told {
				o.id(seen) // what the reader does not want need not be gone through again
			}
			o.buf.WriteString("\n")
			if o.flush() != nil {
				return
			}
		case <-s.closing:
			o.rest()
			return
		case <-r.Context().Done():
			return
		}
	}
}

// rest writes what is there when the server closes.
func (o *outlet[T]) rest() {
	for {
		before := o.reader.Seen()
		if over, err := o.take(batch); over || err != nil {
			return
		}
		if o.reader.Seen() == before {
			o.flush()
			return
		}
	}
}

// take writes at most limit items in one go, with what was lost before them, and the end of the stream where it has come.
func (o *outlet[T]) take(limit int) (over bool, err error) {
	items, lost, over := o.reader.Take(o.items[:0], limit)
	o.items = items
	seq := o.reader.Seen() - uint64(len(items))
	if lost > 0 {
		o.message("lost", seq, NewLost(o.what, lost))
	}
	for _, item := range items {
		seq++
		if o.wants(o.from(item)) {
			o.message("", seq, o.wire(item))
		}
	}
	clear(o.items) // what they point to may be freed
	if over {
		return true, o.end()
	}
	return false, o.flush()
}

func (o *outlet[T]) message(name string, seq uint64, v any) {
	o.id(seq)
	if name != "" {
		fmt.Fprintf(&o.buf, "event: %s\n", name)
	}
	o.buf.WriteString("data: ")
	o.buf.Write(line(v))
	o.buf.WriteString("\n")
}

func (o *outlet[T]) id(seq uint64) {
	o.told = seq
	fmt.Fprintf(&o.buf, "id: %s-%d\n", o.run, seq)
}

// end says that nothing will follow: without it a browser comes back for ever.
func (o *outlet[T]) end() error {
	o.buf.WriteString("event: end\ndata: {\"event\":\"end\"}\n\n")
	return o.flush()
}

func (o *outlet[T]) flush() error {
	if o.buf.Len() == 0 {
		return nil
	}
	_, err := o.w.Write(o.buf.Bytes())
	o.buf.Reset()
	if err == nil {
		err = http.NewResponseController(o.w).Flush()
	}
	return err
}
