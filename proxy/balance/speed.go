package balance

import (
	"math"
	"sync/atomic"
	"time"
)

// fading is the time in which what was measured loses two thirds of its importance: it fades when newer times come, and by
// itself, so that a worker which was slow once is tried again.
const fading = 5 * time.Second

// A Speed is how fast a worker begins to answer: the mean of its times to the first byte, in which old ones count ever less.
type Speed struct {
	// state is the mean in seconds, as the bits of a float32, and in the lower half the millisecond since epoch when it was
	// changed last. 0 = nothing was measured. Milliseconds wrap after 49 days, which only makes an older mean look younger.
	state atomic.Uint64
}

// epoch is what times are counted from: differences are of the monotonic clock then.
var epoch = time.Now()

func stamp(now time.Time) uint32 { return uint32(now.Sub(epoch).Milliseconds()) }

// Add notes a time that was measured just now.
func (s *Speed) Add(now time.Time, d time.Duration) {
	at, sample := stamp(now), max(float32(d.Seconds()), 1e-6)
	for {
		old := s.state.Load()
		mean := sample
		if old != 0 {
			keep := fade(uint32(old), at)
			mean = keep*math.Float32frombits(uint32(old>>32)) + (1-keep)*sample
		}
		if s.state.CompareAndSwap(old, uint64(math.Float32bits(mean))<<32|uint64(at)) {
			return
		}
	}
}

// At is the mean as it counts at a moment; 0 = nothing was measured.
func (s *Speed) At(now time.Time) time.Duration { return seconds(s.at(stamp(now))) }

// at is At in seconds.
func (s *Speed) at(at uint32) float32 {
	old := s.state.Load()
	if old == 0 {
		return 0
	}
	return max(math.Float32frombits(uint32(old>>32))*fade(uint32(old), at), 1e-9)
}

func seconds(s float32) time.Duration { return time.Duration(float64(s) * float64(time.Second)) }

// fade is the part that remains of something from one stamp to another: e to the power of -x, nearly. Every worker's is asked for at
// every pick, and five terms of the series cost a twentieth of math.Exp.
func fade(from, to uint32) float32 {
	passed := max(int32(to-from), 0) // requests that end together may have been stamped in any order
	x := float32(passed) / float32(fading/time.Millisecond)
	return 1 / (1 + x*(1+x/2*(1+x/3*(1+x/4))))
}
