package control

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lbdev/lbdev/cluster"
)

const (
	// defaultWait is how long ?wait=1 waits: a worker's default stop timeout and its start, with something to spare.
	defaultWait = 90 * time.Second
	maxWait     = 24 * time.Hour
	// idlePoll is how often a drained worker is asked whether its requests are done: that is no event.
	idlePoll = 10 * time.Millisecond
)

// A verb is an action on one worker.
type verb string

const (
	kill    verb = "kill"
	stop    verb = "stop"
	start   verb = "start"
	restart verb = "restart"
	pause   verb = "pause"
	resume  verb = "resume"
	drain   verb = "drain"
	undrain verb = "undrain"
)

// effect says whether the action has had its effect on a worker, which was in incarnation before when it was taken up.
// The error is that it will not have one any more.
func (v verb) effect(w cluster.WorkerSnapshot, before uint64) (done bool, err error) {
	switch v {
	case stop:
		return w.State == cluster.Stopped, nil
	case kill:
		switch w.State {
		case cluster.Ready:
			return w.Incarnation > before, nil
		case cluster.Stopped, cluster.Failed: // dead, and its restart policy wants no other
			return true, nil
		}
		return false, nil
	case start, restart:
		if w.State == cluster.Ready {
			return v == start || w.Incarnation > before, nil
		}
	case resume, undrain:
		if w.State == cluster.Ready {
			return true, nil
		}
	case pause:
		if w.State == cluster.Paused {
			return true, nil
		}
	case drain:
		if w.State == cluster.Drained || w.State == cluster.Paused {
			return w.InFlight == 0, nil
		}
	}
	switch w.State {
	case cluster.Stopped, cluster.Failed:
		return false, &effectError{verb: v, worker: w}
	}
	return false, nil
}

// An effectError says that an action which was taken up came to nothing.
type effectError struct {
	verb   verb
	worker cluster.WorkerSnapshot
	late   bool // it may still come
}

func (e *effectError) Error() string {
	text := fmt.Sprintf("cannot see the %s of worker %d through: it is %s", e.verb, e.worker.Worker, e.worker.State)
	if e.worker.Reason != "" {
		text += ": " + e.worker.Reason
	}
	return text
}

// act is the handler of one verb.
func (s *Server) act(v verb, do func(*cluster.Cluster, int) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		query, ok := parameters(w, r, "wait", "timeout")
		if !ok || !Decode(w, r, new(struct{})) {
			return
		}
		wait, err := waitOf(query.Get("wait"), query.Get("timeout"))
		if err != nil {
			Refuse(w, http.StatusBadRequest, err.Error(), "for example ?wait=1&timeout=30s")
			return
		}
		list := r.PathValue("w")
		before, err := Choose(s.Cluster.Snapshot(), list)
		if err != nil {
			fail(w, err, nil)
			return
		}
		events := s.Cluster.Events().Reader(s.Cluster.Events().Last(), false)
		defer events.Close()
		taken, err := s.each(before, list == all, do)
		if err == nil && wait > 0 {
			ctx, cancel := context.WithTimeout(r.Context(), wait)
			defer cancel()
			err = s.await(ctx, v, taken, events)
		}
		now := again(s.Cluster.Snapshot(), taken)
		if err != nil {
			fail(w, err, now)
			return
		}
		Answer(w, http.StatusOK, Workers{now})
	}
}

// each does something to workers and returns those that took it up. To do something to all means all that can: one that
// can't is an error only if none can.
func (s *Server) each(workers []cluster.WorkerSnapshot, lenient bool, do func(*cluster.Cluster, int) error) ([]cluster.WorkerSnapshot, error) {
	var taken []cluster.WorkerSnapshot
	var faults []error
	for _, w := range workers {
		if err := do(s.Cluster, w.Worker); err != nil {
			faults = append(faults, err)
			continue
		}
		taken = append(taken, w)
	}
	if lenient && len(taken) > 0 {
		faults = slices.DeleteFunc(faults, func(err error) bool {
			_, state := errors.AsType[*cluster.StateError](err)
			return state
		})
	}
	return taken, errors.Join(faults...)
}

// await waits until the action has had its effect on each worker. before is the workers before the action.
func (s *Server) await(ctx context.Context, v verb, before []cluster.WorkerSnapshot, events *cluster.Reader[cluster.Event]) error {
	var idle <-chan time.Time
	if v == drain {
		tick := time.NewTicker(idlePoll)
		defer tick.Stop()
		idle = tick.C
	}
	for {
		pending, err := unfinished(v, before, s.Cluster.Snapshot())
		if pending == nil || err != nil {
			return err
		}
		if _, _, over := events.Take(nil, 0); over {
			return &effectError{verb: v, worker: *pending}
		}
		select {
		case <-events.More():
		case <-idle:
		case <-s.closing:
			return &effectError{verb: v, worker: *pending, late: true}
		case <-ctx.Done():
			return &effectError{verb: v, worker: *pending, late: true}
		}
	}
}

// unfinished is the first of the workers on which the action has not had its effect, nil if there is none. One that is gone
// is stopped.
func unfinished(v verb, before []cluster.WorkerSnapshot, now cluster.Snapshot) (*cluster.WorkerSnapshot, error) {
	for _, was := range before {
		i := slices.IndexFunc(now.Workers, func(w cluster.WorkerSnapshot) bool { return w.Worker == was.Worker })
		if i < 0 {
			now.Workers, i = append(now.Workers, was), len(now.Workers)
			now.Workers[i].State = cluster.Stopped
		}
		if done, err := v.effect(now.Workers[i], was.Incarnation); !done || err != nil {
			return &now.Workers[i], err
		}
	}
	return nil, nil
}

// again is the same workers as they are now, without those that are gone.
func again(now cluster.Snapshot, workers []cluster.WorkerSnapshot) []cluster.WorkerSnapshot {
	same := []cluster.WorkerSnapshot{}
	for _, w := range now.Workers {
		if slices.ContainsFunc(workers, func(was cluster.WorkerSnapshot) bool { return was.Worker == w.Worker }) {
			same = append(same, w)
		}
	}
	return same
}

// waitOf reads ?wait= and ?timeout=; zero means not to wait.
func waitOf(wait, timeout string) (time.Duration, error) {
	if wait == "" {
		wait = "false"
	}
	yes, err := strconv.ParseBool(wait)
	if err != nil {
		return 0, fmt.Errorf("cannot use wait %q: it must be true or false", wait)
	}
	d := defaultWait
	if timeout != "" {
		if d, err = time.ParseDuration(timeout); err != nil || d <= 0 || d > maxWait {
			return 0, fmt.Errorf("cannot use timeout %q: it must be a time such as 30s, at most %v", timeout, maxWait)
		}
	}
	if !yes {
		return 0, nil
	}
	return d, nil
}

// all names every worker.
const all = "all"

// A listError is a list of workers that can't be read.
type listError struct {
	item string
}

func (e *listError) Error() string {
	return fmt.Sprintf("cannot find worker %q: it must be a number, a port or all", e.item)
}

// parseWorkers reads a list such as "2,8001"; nil means all.
func parseWorkers(list string) ([]int, error) {
	if list == all {
		return nil, nil
	}
	var ids []int
	for item := range strings.SplitSeq(list, ",") {
		item = strings.TrimSpace(item)
		id, err := strconv.ParseUint(item, 10, 16) // no port is larger
		if err != nil || item[0] == '+' {
			return nil, &listError{item}
		}
		ids = append(ids, int(id))
	}
	return ids, nil
}

// Choose returns the workers that a list names, each once, in the order of their numbers; see Client.Kill for the list.
func Choose(now cluster.Snapshot, list string) ([]cluster.WorkerSnapshot, error) {
	ids, err := parseWorkers(list)
	if ids == nil || err != nil {
		return now.Workers, err
	}
	chosen := map[int]bool{}
	for _, id := range ids {
		w, err := find(now.Workers, id)
		if err != nil {
			return nil, err
		}
		chosen[w] = true
	}
	return slices.DeleteFunc(now.Workers, func(w cluster.WorkerSnapshot) bool { return !chosen[w.Worker] }), nil
}

// find returns the number of the worker with this number or port.
func find(workers []cluster.WorkerSnapshot, id int) (int, error) {
	for _, w := range workers {
		if w.Worker == id || w.Port == id {
			return w.Worker, nil
		}
	}
	return 0, &cluster.NoWorkerError{ID: id, Workers: len(workers), First: workers[0].Port, Last: workers[len(workers)-1].Port}
}
