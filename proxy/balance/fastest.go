package balance

import (
	"math"
	"strconv"
	"time"
)

// Fastest gives each request to the worker that is likely to begin its answer first: by how fast it was, which fades with time, and
// how many requests it has. One of which nothing is known gets a request to find out, and no second one before that is answered
// as long as there are others.
type Fastest struct {
	turns turns
}

// Name returns "fastest".
func (*Fastest) Name() string { return "fastest" }

// Pick implements Policy.
func (f *Fastest) Pick(turn *Turn) int {
	v := turn.View
	for {
		last := f.turns.load()
		best, lowest, speed := -1, math.Inf(1), time.Duration(0)
		from := v.after(last.number())
		for k := range v.workers {
			i := (from + k) % len(v.workers)
			if !turn.May(i) {
				continue
			}
			s := v.speed(i, turn.Now)
			if cost := v.cost(i, s); cost < lowest || best < 0 {
				best, lowest, speed = i, cost, s
			}
		}
		if best < 0 {
			return -1
		}
		if turn.Peek || f.turns.take(v, last, v.placeOf(best)) {
			turn.Why = Why{rule: f, inFlight: int32(v.InFlight(best)), speed: speed}
			return best
		}
	}
}

// speed is how fast the i-th worker is at a moment; 0 = unknown.
func (v *View) speed(i int, now time.Time) time.Duration {
	if s := v.workers[i].Speed; s != nil {
		return s.At(now)
	}
	return 0
}

// cost is what a request at the i-th worker is likely to take.
func (v *View) cost(i int, speed time.Duration) float64 {
	n := v.InFlight(i)
	if speed == 0 && n == 0 {
		return 0
	}
	if speed == 0 {
		speed = time.Hour // somebody is finding out
	}
	return speed.Seconds() * float64(n+1) / float64(v.Weight(i))
}

// placeOf is a place of the i-th worker in the rotation.
func (v *View) placeOf(i int) int {
	for p := range v.rotation {
		if int(v.rotation[p]) == i {
			return p
		}
	}
	return i // each worker follows the one before
}

func (*Fastest) explain(w *Why, _ *choice) string {
	if w.speed == 0 {
		return "fastest: how fast it is was unknown"
	}
	return "fastest: " + rounded(w.speed).String() + " to the first byte, " + strconv.Itoa(int(w.inFlight)) + " in flight"
}

// rounded has as many digits as people read.
func rounded(d time.Duration) time.Duration {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond)
	case d >= 10*time.Millisecond:
		return d.Round(time.Millisecond)
	}
	return d.Round(10 * time.Microsecond)
}
