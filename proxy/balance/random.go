package balance

import (
	"math/rand/v2"
	"strconv"
)

// Random gives each request to any worker, to a heavy one more often.
type Random struct{}

// Name returns "random".
func (*Random) Name() string { return "random" }

// Pick implements Policy.
func (r *Random) Pick(turn *Turn) int {
	i := turn.draw(-1)
	if i >= 0 {
		turn.Why = Why{rule: r, weighted: turn.View.rotation != nil}
	}
	return i
}

func (*Random) explain(w *Why, _ *choice) string {
	if w.weighted {
		return "random by weight"
	}
	return "random"
}

// TwoChoices draws two workers and gives the request to the one with fewer in flight for its weight. It is nearly as even as looking
// at all of them, and does not send everybody to the same one when many choose at once.
type TwoChoices struct{}

// Name returns "two-choices".
func (*TwoChoices) Name() string { return "two-choices" }

// Pick implements Policy.
func (p *TwoChoices) Pick(turn *Turn) int {
	v := turn.View
	i := turn.draw(-1)
	if i < 0 {
		return -1
	}
	has, rival := v.InFlight(i), 0
	if other := turn.draw(i); other >= 0 {
		n := v.InFlight(other)
		rival = v.Number(other)
		if n*int64(v.Weight(i)) < has*int64(v.Weight(other)) {
			rival = v.Number(i)
			i, has, n = other, n, has
		}
		turn.Why = Why{rule: p, inFlight: int32(has), rival: int32(rival), rivalHas: int32(n)}
		return i
	}
	turn.Why = Why{rule: p, inFlight: int32(has)}
	return i
}

func (*TwoChoices) explain(w *Why, c *choice) string {
	text := "two choices: " + strconv.Itoa(int(w.inFlight)) + " in flight"
	if w.rival == 0 {
		return text + ", there was no other"
	}
	return text + ", " + c.portOf(int(w.rival)) + " had " + strconv.Itoa(int(w.rivalHas))
}

// quickDraws is how often a draw is tried from the whole rotation before those that may be had are counted.
const quickDraws = 4

// draw is a random worker that the request may have, in proportion to the weights, but not the given one; -1 if there is none.
func (t *Turn) draw(not int) int {
	v := t.View
	if len(v.workers) == 0 {
		return -1
	}
	for range quickDraws {
		if i := v.at(rand.IntN(v.length())); i != not && t.May(i) {
			return i
		}
	}
	sum, last := 0, -1
	for i := range v.workers {
		if i != not && t.May(i) {
			sum += v.Weight(i)
		}
	}
	if sum == 0 {
		return -1
	}
	left := rand.IntN(sum)
	for i := range v.workers {
		if i == not || !t.May(i) {
			continue
		}
		if last = i; left < v.Weight(i) {
			break
		}
		left -= v.Weight(i)
	}
	return last
}
