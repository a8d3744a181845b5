package proxy

import (
	"testing"
	"time"
)

// TestLatencyBucketsAreNarrow goes through many times: each lies in its bucket, which is at most a sixteenth wide.
func TestLatencyBucketsAreNarrow(t *testing.T) {
	last := 0
	for us := uint64(0); us < 1<<40; us += 1 + us/97 {
		b := bucketOf(us)
		if edge := upperEdge(b); edge < us || edge-us > us/latencyFine {
			t.Fatalf("%d µs is in a bucket that ends at %d", us, edge)
		}
		if b < last {
			t.Fatalf("the bucket of %d µs comes before that of a shorter time", us)
		}
		last = b
	}
	if last >= len(latency{}.buckets) {
		t.Errorf("bucket %d is beyond the end", last)
	}
}

func TestLatencyQuantile(t *testing.T) {
	var l latency
	if got := l.quantile(0.95); got != 0 {
		t.Errorf("of nothing: %v", got)
	}
	for ms := 1; ms <= 100; ms++ {
		l.add(time.Duration(ms) * time.Millisecond)
	}
	for q, want := range map[float64]time.Duration{0.5: 50 * time.Millisecond, 0.95: 95 * time.Millisecond, 1: 100 * time.Millisecond} {
		if got := l.quantile(q); got < want || got > want+want/latencyFine {
			t.Errorf("%.2f: %v, want %v and at most a sixteenth more", q, got, want)
		}
	}
	if n := testing.AllocsPerRun(100, func() { l.add(time.Millisecond) }); n > 0 {
		t.Errorf("add allocates %v times", n)
	}
}
