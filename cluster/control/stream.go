package control

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
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

// options are what a reader of a stream asked for.
type options struct {
	after   uint64 // number of the last item that it has
	placed  bool   // it named that number, and did not ask for all that there is
	until   uint64 // the newest item when the stream began
	follow  bool
	workers []int // numbers or ports; nil = all
	since   time.Time
	tail    int // of what is there; -1 = all of it
	colour  bool
}

// options reads the query and Last-Event-ID. A reader that comes back wants everything after what it has: its since and
// tail were for the beginning.
func (s *Server) options(w http.ResponseWriter, r *http.Request, last uint64, more ...string) (options, bool) {
	o := options{until: last, follow: true, tail: -1}
	query, ok := parameters(w, r, append([]string{"follow", "after", "worker", "since", "tail"}, more...)...)
	if !ok {
		return o, false
	}
	if err := o.parse(query, time.Now()); err != nil {
		refuse(w, http.StatusBadRequest, err.Error(), "for example ?worker=2,8001&since=10m&tail=100&follow=false")
		return o, false
	}
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		o.resume(id, s.run)
	} else if err := known(s.Cluster.Snapshot().Workers, o.workers); err != nil {
		fail(w, err, nil)
		return o, false
	}
	o.after = min(o.after, last) // what is not there yet was never seen
	o.follow = o.follow && r.Method != http.MethodHead
	return o, true
}

// known says which worker there is not. A reader that comes back is not asked: its worker may be gone by now.
func known(workers []cluster.WorkerSnapshot, ids []int) error {
	for _, id := range ids {
		if _, err := find(workers, id); err != nil {
			return err
		}
	}
	return nil
}

func (o *options) parse(query url.Values, now time.Time) (err error) {
	var faults []error
	read := func(name string, use func(string) error) {
		if text := query.Get(name); text != "" {
			if err := use(text); err != nil {
				faults = append(faults, fmt.Errorf("cannot use %s %q: %w", name, text, err))
			}
		}
	}
	read("follow", func(text string) error { return parseBool(text, &o.follow) })
	read("colour", func(text string) error { return parseBool(text, &o.colour) })
	read("after", func(text string) error {
		o.after, err = strconv.ParseUint(text, 10, 64)
		o.placed = true
		return plainly(err, "it must be a number")
	})
	read("tail", func(text string) error {
		n, err := strconv.ParseUint(text, 10, 31)
		o.tail = int(n)
		return plainly(err, "it must be a number of items")
	})
	read("since", func(text string) error {
		o.since, err = parseSince(text, now)
		return err
	})
	if lists := query["worker"]; len(lists) > 0 && !slices.Contains(lists, all) {
		ids, err := parseWorkers(strings.Join(lists, ","))
		if err != nil {
			faults = append(faults, err)
		}
		o.workers = ids
	}
	if len(faults) > 0 {
		return faults[0]
	}
	return nil
}

func parseBool(text string, to *bool) error {
	yes, err := strconv.ParseBool(text)
	*to = yes
	return plainly(err, "it must be true or false")
}

func plainly(err error, text string) error {
	if err != nil {
		return errors.New(text)
	}
	return nil
}

// parseSince reads a duration before now, or a point in time.
func parseSince(text string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	return time.Time{}, errors.New("it must be a time ago such as 10m, or a moment such as 2006-01-02T15:04:05Z")
}

// resume goes on after an id. One that is not of this run says that the reader has nothing of it.
func (o *options) resume(id, run string) {
	o.since, o.tail, o.after, o.placed = time.Time{}, -1, 0, false
	if of, seq, ok := parseID(id); ok && of == run {
		o.after, o.placed = seq, true
	}
}

// parseID takes the id of an item apart: the run of the cluster and the number in it.
func parseID(id string) (run string, seq uint64, ok bool) {
	run, number, ok := strings.Cut(id, "-")
	seq, err := strconv.ParseUint(number, 10, 64)
	return run, seq, ok && err == nil && run != ""
}

func (o *options) wants(worker, port int, at time.Time) bool {
	if len(o.workers) > 0 && !slices.Contains(o.workers, worker) && !slices.Contains(o.workers, port) {
		return false
	}
	return o.since.IsZero() || !at.Before(o.since)
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
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	more, err := out.begin()
	if err == nil && more {
		out.goOn(r, s)
	}
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
