package balance

import (
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
	v, now := turn.View, stamp(turn.Now)
	for {
		last := f.turns.load()
		best, lowest, speed := -1, float32(0), float32(0)
		i := v.after(last.number())
		for range v.workers {
			if turn.May(i) {
				s := v.workers[i].Speed.at(now)
				if cost := v.cost(i, s); cost < lowest || best < 0 {
					best, lowest, speed = i, cost, s
				}
			}
			if i++; i == len(v.workers) {
				i = 0
			}
		}
		if best < 0 {
			return -1
		}
		if turn.Peek || f.turns.take(v, last, v.placeOf(best)) {
			turn.Why = Why{rule: f, inFlight: int32(v.InFlight(best)), speed: seconds(speed)}
			return best
		}
	}
}

// unknownSpeed is that of a worker of which somebody is just finding out how fast it is: nobody else needs to.
const unknownSpeed = float32(3600)

// cost is what a request at the i-th worker is likely to take, in seconds.
func (v *View) cost(i int, speed float32) float32 {
	n := v.InFlight(i)
	switch {
	case speed == 0 && n == 0:
		return 0
	case speed == 0:
		speed = unknownSpeed
	}
	return speed * float32(n+1) / float32(v.Weight(i))
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
