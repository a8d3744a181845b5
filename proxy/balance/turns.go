package balance

import (
	"sync/atomic"
)

// turns is whose turn it is. Its state is the number of the worker that had the last turn, and where in the rotation that was; not
// a count of turns: when the set of workers changes, the turn goes on behind that worker. A count taken modulo the number of workers
// would jump. That takes one compare-and-swap per pick where a count takes one addition; under contention it is tried again, and
// still nobody waits for anybody.
type turns struct {
	last atomic.Uint64 // the number in the upper half, the place in the lower one
}

// A turnState is a value of turns.last.
type turnState uint64

func (s turnState) number() int { return int(s >> 32) }
func (s turnState) place() int  { return int(uint32(s)) }

func (t *turns) load() turnState { return turnState(t.last.Load()) }

// take makes the worker at a place of the rotation the one that had the last turn, unless somebody else was faster.
func (t *turns) take(v *View, before turnState, place int) bool {
	return t.last.CompareAndSwap(uint64(before), uint64(v.workers[v.at(place)].Number)<<32|uint64(place))
}

// length is the number of places in a period of turns.
func (v *View) length() int {
	if v.rotation == nil {
		return len(v.workers)
	}
	return len(v.rotation)
}

// at is the worker at a place of the rotation.
func (v *View) at(place int) int {
	if v.rotation == nil {
		return place
	}
	return int(v.rotation[place])
}

// next is the place of the turn after the last one. Where the rotation is another one by now, it is the first place of the worker
// that follows: a rotation may be entered anywhere, as its shares are exact over any whole period.
func (v *View) next(last turnState) int {
	switch {
	case v.rotation == nil:
		return v.after(last.number())
	case last == 0:
		return 0 // the first turn of all
	}
	if p := last.place(); p < len(v.rotation) && v.workers[v.rotation[p]].Number == last.number() {
		return (p + 1) % len(v.rotation)
	}
	follower := v.after(last.number())
	for p, i := range v.rotation {
		if int(i) == follower {
			return p
		}
	}
	return 0
}

// seek returns the first place from the given one on whose worker the request may have; -1 if there is none.
func (t *Turn) seek(from int) int {
	if t.Gate != nil && t.barred() {
		return -1 // it is seen sooner among the workers than in a rotation
	}
	n := t.View.length()
	for k := range n {
		p := from + k
		if p >= n {
			p -= n
		}
		if t.May(t.View.at(p)) {
			return p
		}
	}
	return -1
}

// barred says whether the request may have no worker at all.
func (t *Turn) barred() bool {
	for i := range t.View.workers {
		if t.May(i) {
			return false
		}
	}
	return true
}

// RoundRobin gives each request to the next worker, and where weights differ to each as often as its weight says. The zero value
// begins with the lowest number.
type RoundRobin struct {
	turns turns
}

// Name returns "round-robin".
func (*RoundRobin) Name() string { return "round-robin" }

// Pick implements Policy.
func (r *RoundRobin) Pick(turn *Turn) int {
	v := turn.View
	for {
		last := r.turns.load()
		place := turn.seek(v.next(last))
		if place < 0 {
			return -1
		}
		if turn.Peek || r.turns.take(v, last, place) {
			i := v.at(place)
			turn.Why = Why{rule: r, after: int32(last.number()), peek: turn.Peek, weighted: v.rotation != nil}
			return i
		}
	}
}

func (r *RoundRobin) explain(w *Why, c *choice) string {
	text := "round robin: "
	switch {
	case w.after == 0:
		text += c.port() + " begins"
	case len(c.known) == 1:
		text += c.port() + " is the only one"
	default:
		text += "next after " + c.portOf(int(w.after))
	}
	if w.weighted {
		text += " by weight"
	}
	if w.peek {
		text += ", takes no turn"
	}
	if w.weighted {
		return text // in a weighted order others lie between
	}
	return text + c.between(int(w.after))
}
