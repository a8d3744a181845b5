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
func (s *Speed) At(now time.Time) time.Duration {
	old := s.state.Load()
	if old == 0 {
		return 0
	}
	mean := math.Float32frombits(uint32(old>>32)) * fade(uint32(old), stamp(now))
	return max(time.Duration(float64(mean)*float64(time.Second)), 1)
}

// fade is the part that remains of something from one stamp to another.
func fade(from, to uint32) float32 {
	passed := max(int32(to-from), 0) // requests that end together may have been stamped in any order
	return float32(math.Exp(-float64(passed) / float64(fading.Milliseconds())))
}
