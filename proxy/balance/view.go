package balance

import (
	"sync/atomic"
)

// MaxWeight is the largest weight that a worker can be given.
const MaxWeight = 256

// A Worker is one of those to choose from.
type Worker struct {
	Number   int // what users call it, from 1
	Port     int
	Weight   int           // its share in proportion to the others', above 0
	InFlight *atomic.Int64 // the requests that it has
	Speed    *Speed        // how fast it begins to answer
}

// A View is the workers to choose from at one moment, in the order of their numbers. It never changes.
type View struct {
	workers []Worker
	total   int // of the weights
	// rotation is one period of the weighted turns, as indices; nil = all weights are equal, and each worker follows the one before.
	rotation []uint16
}

// NewView returns a view of workers in the order of their numbers; the slice is the view's from then on. The view before, if
// any, saves work when nothing about the weights has changed.
func NewView(workers []Worker, before *View) *View {
	v := &View{workers: workers}
	even := true
	for i := range workers {
		v.total += workers[i].Weight
		even = even && workers[i].Weight == workers[0].Weight
	}
	switch {
	case even:
	case before != nil && sameWeights(workers, before.workers):
		v.rotation = before.rotation
	default:
		v.rotation = rotate(workers)
	}
	return v
}

func sameWeights(a, b []Worker) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Number != b[i].Number || a[i].Weight != b[i].Weight {
			return false
		}
	}
	return true
}

// Len is how many workers there are.
func (v *View) Len() int { return len(v.workers) }

// Number is the number of the i-th worker.
func (v *View) Number(i int) int { return v.workers[i].Number }

// Weight is the weight of the i-th worker.
func (v *View) Weight(i int) int { return v.workers[i].Weight }

// InFlight is how many requests the i-th worker has at the moment.
func (v *View) InFlight(i int) int64 { return v.workers[i].InFlight.Load() }

// after returns the index of the first worker with a number above the given one, going round.
func (v *View) after(number int) int {
	low, high := 0, len(v.workers)
	for low < high {
		middle := int(uint(low+high) >> 1)
		if v.workers[middle].Number <= number {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low == len(v.workers) {
		return 0
	}
	return low
}

// maxRotation bounds a rotation. One pass over it takes milliseconds when a view is made, and none at a pick.
const maxRotation = 1 << 14

// rotate makes one period of the smooth weighted turns, as nginx does them: each turn, every worker gains its weight, and the
// one that has most takes the turn and loses the sum of all. So the turns of a heavy worker lie spread among the others':
// 5:1:1 is a a b a c a a. Where the weights have no common measure and many workers a long period, they are rounded.
func rotate(workers []Worker) []uint16 {
	weights := make([]int, len(workers))
	divisor, sum := 0, 0
	for i := range workers {
		divisor = gcd(workers[i].Weight, divisor)
		sum += workers[i].Weight
	}
	length := 0
	for i := range workers {
		weights[i] = workers[i].Weight / divisor
		if sum/divisor > maxRotation {
			weights[i] = max(1, workers[i].Weight*maxRotation/sum)
		}
		length += weights[i]
	}
	rotation := make([]uint16, length)
	has := make([]int, len(workers))
	for turn := range rotation {
		most := 0
		for i := range has {
			if has[i] += weights[i]; has[i] > has[most] {
				most = i
			}
		}
		has[most] -= length
		rotation[turn] = uint16(most)
	}
	return rotation
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
