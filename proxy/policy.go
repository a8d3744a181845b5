package proxy

import (
	"net/http"
	"sync/atomic"
)

// A Policy is the rule that chooses a worker for a request. It is called by many goroutines at once, for every attempt, so
// it must not lock, block or allocate.
type Policy interface {
	// Name is what users call it, such as "round-robin".
	Name() string

	// Pick returns the index in turn.View of the chosen worker, one for which turn.May is true; -1 if there is none.
	Pick(turn *Turn) int
}

// A Turn is one choice to be made. It grows with what policies need to know; a policy must not keep it.
type Turn struct {
	Request *http.Request
	View    *View // the workers to choose from
	// Peek says that the request takes no turn: the next one gets the same worker. Browsers ask for icons unasked.
	Peek bool
	// Why may be set by a policy that has a reason worth telling: "cookie", "hash of /cart".
	Why string

	tried []tried
	again bool // none is left that was not tried: those may be chosen that are worth a second look
}

// May says whether the request may go to the i-th worker of the view: not where it has just failed.
func (t *Turn) May(i int) bool {
	up := t.View.ready[i]
	for k := range t.tried {
		if t.tried[k].up == up {
			return t.again && t.tried[k].ripe
		}
	}
	return true
}

// A View is the ready workers at one moment, in the order of their numbers. It never changes.
type View struct {
	ready    []*upstream
	all      []WorkerView
	hopeful  bool // a worker is coming, though none may be ready
	suspects bool // none is: those in ready are only suspected not to answer, and tried all the same
}

// Len is how many workers are ready.
func (v *View) Len() int { return len(v.ready) }

// Worker is the number of the i-th ready worker.
func (v *View) Worker(i int) int { return v.ready[i].worker }

// InFlight is how many requests the i-th ready worker has at the moment.
func (v *View) InFlight(i int) int64 { return v.ready[i].backend.inFlight.Load() }

// after returns the index of the first worker with a number above the given one, going round.
func (v *View) after(worker int64) int {
	low, high := 0, len(v.ready)
	for low < high {
		middle := int(uint(low+high) >> 1)
		if int64(v.ready[middle].worker) <= worker {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low == len(v.ready) {
		return 0
	}
	return low
}

// RoundRobin gives each request to the next ready worker. The zero value begins with the lowest number.
//
// Its state is the number of the worker that had the last turn, not a count of turns: when the set of workers changes, the
// turn goes on behind that worker. A count taken modulo the number of workers would jump. That takes one compare-and-swap
// per pick where a count takes one addition; under contention it is tried again, and still nobody waits for anybody.
type RoundRobin struct {
	last atomic.Int64
}

// Name returns "round-robin".
func (*RoundRobin) Name() string { return "round-robin" }

// Pick implements Policy.
func (p *RoundRobin) Pick(turn *Turn) int {
	for {
		last := p.last.Load()
		i := next(turn, turn.View.after(last))
		if i < 0 || turn.Peek {
			return i
		}
		if p.last.CompareAndSwap(last, int64(turn.View.ready[i].worker)) {
			return i
		}
	}
}

// next returns the first worker from the given one on that the request may have; -1 if there is none.
func next(turn *Turn, from int) int {
	n := len(turn.View.ready)
	for k := range n {
		i := from + k
		if i >= n {
			i -= n
		}
		if turn.May(i) {
			return i
		}
	}
	return -1
}
