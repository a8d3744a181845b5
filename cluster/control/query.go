package control

import (
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
		Refuse(w, http.StatusBadRequest, err.Error(), "for example ?worker=2,8001&since=10m&tail=100&follow=false")
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
