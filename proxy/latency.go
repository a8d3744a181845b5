package proxy

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// latencyFine is how many buckets each doubling of a time has: neighbours differ by a sixteenth or less.
const latencyFine = 16

// A latency counts times in buckets that grow with them, as HdrHistogram does. That one is not for several goroutines at
// once, and a lock on the path of a request is what this avoids: add is one atomic addition.
type latency struct {
	buckets [64 * latencyFine]atomic.Uint32
}

// bucketOf is exact below latencyFine microseconds.
func bucketOf(us uint64) int {
	if us < latencyFine {
		return int(us)
	}
	doublings := bits.Len64(us) - bits.Len64(latencyFine) // how often us was doubled from [fine, 2 fine)
	return doublings*latencyFine + int(us>>doublings)
}

// upperEdge is the largest time in a bucket, in microseconds.
func upperEdge(bucket int) uint64 {
	if bucket < 2*latencyFine {
		return uint64(bucket)
	}
	doublings := bucket/latencyFine - 1
	return uint64(bucket-doublings*latencyFine+1)<<doublings - 1
}

func (l *latency) add(d time.Duration) {
	l.buckets[bucketOf(uint64(max(d.Microseconds(), 0)))].Add(1)
}

// quantile is the time that the part q of all times, above 0 and up to 1, does not exceed; 0 if there are none.
func (l *latency) quantile(q float64) time.Duration {
	var counts [len(l.buckets)]uint32
	total := uint64(0)
	for i := range l.buckets {
		counts[i] = l.buckets[i].Load()
		total += uint64(counts[i])
	}
	rest := uint64(q*float64(total) + 0.5)
	for i, n := range counts {
		if uint64(n) >= max(rest, 1) {
			return time.Duration(upperEdge(i)) * time.Microsecond
		}
		rest -= uint64(n)
	}
	return 0
}
