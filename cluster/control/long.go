package control

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/lbdev/lbdev/cluster"
)

// linePatience is how long a line of a long action may take to be written. Who takes none in that time is told no more, so
// that a terminal which was stopped does not stop a rolling restart.
const linePatience = 5 * time.Second

// A teller writes the lines of a long action. Its status is written with the first of them, so that an error that comes
// before anything was done has a status of its own.
type teller struct {
	w     http.ResponseWriter
	began bool
	deaf  bool // it took a line too late, or is gone
}

func (t *teller) tell(v any) {
	if !t.began {
		t.began = true
		t.w.Header().Set("Content-Type", "application/x-ndjson")
		t.w.Header().Set("Cache-Control", "no-store")
	}
	if t.deaf {
		return
	}
	c := http.NewResponseController(t.w)
	c.SetWriteDeadline(time.Now().Add(linePatience))
	_, err := t.w.Write(line(v))
	if err == nil {
		err = c.Flush()
	}
	c.SetWriteDeadline(time.Time{})
	t.deaf = err != nil
}

func (t *teller) step(s cluster.Step) { t.tell(s) }

// end writes the last line.
func (t *teller) end(f finish, err error) {
	switch {
	case err == nil:
		f.Done = true
		t.tell(f)
	case t.began:
		_, body := describe(err)
		t.tell(body)
	default:
		fail(t.w, err, nil)
	}
}

// scale answers when the workers that go are gone and those that come are ready. A client that goes away ends the waiting,
// not the change; so does ?timeout=.
func (s *Server) scale(w http.ResponseWriter, r *http.Request) {
	var body scaleBody
	query, ok := parameters(w, r, "timeout")
	if !ok || !Decode(w, r, &body) {
		return
	}
	ctx, cancel, err := limit(r.Context(), query.Get("timeout"))
	if err != nil {
		Refuse(w, http.StatusBadRequest, err.Error(), "for example ?timeout=30s")
		return
	}
	defer cancel()
	if body.N == nil {
		Refuse(w, http.StatusBadRequest, "cannot scale: the number of workers is missing", `the body is {"n":6}`)
		return
	}
	t := &teller{w: w}
	err = s.Cluster.Scale(ctx, *body.N, t.step)
	t.end(finish{Workers: s.Cluster.Snapshot().Workers}, err)
}

// A tooLongError is why a long action is not waited for any more.
type tooLongError struct{ limit time.Duration }

func (e *tooLongError) Error() string { return fmt.Sprintf("it takes longer than %v", e.limit) }

// limit reads ?timeout= of a long action; an empty one is no limit.
func limit(ctx context.Context, timeout string) (context.Context, context.CancelFunc, error) {
	if timeout == "" {
		return ctx, func() {}, nil
	}
	d, err := waitOf("true", timeout)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, d, &tooLongError{d})
	return ctx, cancel, nil
}

// rollingRestart stops after the worker that it is at when its client goes away.
func (s *Server) rollingRestart(w http.ResponseWriter, r *http.Request) {
	if _, ok := parameters(w, r); !ok || !Decode(w, r, new(struct{})) {
		return
	}
	t := &teller{w: w}
	err := s.Cluster.RollingRestart(r.Context(), t.step)
	t.end(finish{Workers: s.Cluster.Snapshot().Workers}, err)
}

// shutdown asks for the end of the cluster and tells each worker as it stops. Its last line comes with Finish. The cluster
// ends also when the client goes away.
func (s *Server) shutdown(w http.ResponseWriter, r *http.Request) {
	if _, ok := parameters(w, r); !ok || !Decode(w, r, new(struct{})) {
		return
	}
	if s.Down == nil {
		Refuse(w, http.StatusNotImplemented, "cannot end the cluster: nobody here can", "end it where it was started")
		return
	}
	events := s.Cluster.Events().Reader(s.Cluster.Events().Last(), false)
	defer events.Close()
	t := &teller{w: w}
	ending := newEnding(s.Cluster.Snapshot())
	s.down.Do(s.Down)
	more := events.More()
	for {
		select {
		case <-more:
		case <-s.finished:
			s.tellEnd(t, ending, events)
			return
		case <-s.closing:
			s.tellEnd(t, ending, events)
			return
		case <-r.Context().Done():
			return
		}
		if tellStops(t, ending, events) {
			more = nil // the feed is closed: More would always be ready
		}
	}
}

// tellEnd writes the last line when the server closes, which comes right after Finish or without it.
func (s *Server) tellEnd(t *teller, e *ending, events *cluster.Reader[cluster.Event]) {
	select {
	case <-s.finished:
		tellStops(t, e, events)
		t.end(finish{Report: &s.report}, nil)
	default:
		t.tell(ErrorBody{Error: "cannot tell how the shutdown went: lbdev has ended before", Hint: "its terminal says more"})
	}
}

// tellStops tells what the events say of workers that stop, and whether there will be no more.
func tellStops(t *teller, e *ending, events *cluster.Reader[cluster.Event]) (over bool) {
	items, _, over := events.Take(nil, 0)
	for _, event := range items {
		if step, ok := e.step(event); ok {
			t.step(step)
		}
	}
	return over
}

// An ending counts the workers that are still to stop.
type ending struct {
	pending map[int]bool // by number
	of      int
}

func newEnding(now cluster.Snapshot) *ending {
	e := &ending{pending: map[int]bool{}}
	for _, w := range now.Workers {
		if w.PID != 0 { // of the others nothing is stopped
			e.pending[w.Worker] = true
		}
	}
	e.of = len(e.pending)
	return e
}

// step is what an event means for the progress of the shutdown, if anything.
func (e *ending) step(event cluster.Event) (cluster.Step, bool) {
	stops := event.State == cluster.Stopping || event.State == cluster.Stopped
	if event.Kind != cluster.KindState || !stops || !e.pending[event.Worker] {
		return cluster.Step{}, false
	}
	if event.State == cluster.Stopped {
		delete(e.pending, event.Worker)
	}
	done := e.of - len(e.pending)
	return cluster.Step{
		Worker: event.Worker, Port: event.Port, State: event.State, Done: done, Of: e.of,
		Text: fmt.Sprintf("%d %s (%d of %d)", event.Port, event.State, done, e.of),
	}, true
}
