package balance

import (
	"strconv"
)

// LeastConn gives each request to the worker that has the fewest in flight for its weight. Those that have equally few get them in
// turn.
type LeastConn struct {
	turns turns
}

// Name returns "least-conn".
func (*LeastConn) Name() string { return "least-conn" }

// Pick implements Policy.
func (l *LeastConn) Pick(turn *Turn) int {
	v := turn.View
	for {
		last := l.turns.load()
		least, has := turn.leastLoaded()
		if least < 0 {
			return -1
		}
		i, place := turn.equals(v.next(last), least, has)
		if turn.Peek || place < 0 || l.turns.take(v, last, place) {
			turn.Why = Why{rule: l, inFlight: int32(has), weighted: v.rotation != nil}
			return i
		}
	}
}

// leastLoaded is the worker with the fewest requests in flight for its weight, and how many those are.
func (t *Turn) leastLoaded() (least int, has int64) {
	v := t.View
	least = -1
	for i := range v.workers {
		if !t.May(i) {
			continue
		}
		if n := v.InFlight(i); least < 0 || n*int64(v.Weight(least)) < has*int64(v.Weight(i)) {
			least, has = i, n
		}
	}
	return least, has
}

// equals finds the first place of the rotation whose worker is loaded no more than the given one, and that worker. Without any,
// as all have got more since, it is the given one and no place.
func (t *Turn) equals(from, least int, has int64) (worker, place int) {
	v := t.View
	n := v.length()
	for k := range n {
		p := from + k
		if p >= n {
			p -= n
		}
		if i := v.at(p); t.May(i) && v.InFlight(i)*int64(v.Weight(least)) <= has*int64(v.Weight(i)) {
			return i, p
		}
	}
	return least, -1
}

func (l *LeastConn) explain(w *Why, _ *choice) string {
	text := "least connections: " + strconv.Itoa(int(w.inFlight)) + " in flight"
	if w.weighted {
		text += ", by weight"
	}
	return text
}
