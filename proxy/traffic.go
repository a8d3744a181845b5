package proxy

import (
	"sync/atomic"
	"time"
)

// Bounds are the upper ends of the buckets of a Histogram, in the usual steps of 1, 2.5 and 5. The last bucket has none.
var Bounds = [...]time.Duration{
	500 * time.Microsecond, time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond,
	25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute,
}

// A Histogram tells how long something took: Counts[i] times at most Bounds[i] and more than the bound before.
type Histogram struct {
	Counts [len(Bounds) + 1]uint64
	Sum    time.Duration
}

// Codes count answers by the first digit of their status; the first is not used.
type Codes [6]uint64

// Traffic is what a worker has had to do since it was added.
type Traffic struct {
	Requests  uint64 // that were sent to it, also such as another worker had to answer
	Failures  uint64 // attempts at it that failed
	InFlight  int64
	Codes     Codes     // what it answered
	FirstByte Histogram // until it began to answer
	Duration  Histogram // of the requests that it answered, from the client's first byte to the client's last
}

// Traffic tells what the worker has had to do.
func (b *Backend) Traffic() Traffic {
	t := Traffic{Codes: b.codes.load(), FirstByte: b.firstBytes.load(), Duration: b.durations.load()}
	t.Requests, t.Failures, t.InFlight = b.Counts()
	return t
}

// traffic is what metrics need to know of a worker beside the counts that everybody wants. All of it is counted with single
// atomic additions: the path of a request takes no lock for what may never be looked at.
type traffic struct {
	codes      codes
	firstBytes histogram
	durations  histogram
}

// answered counts a request that is over.
func (t *traffic) answered(status int, took time.Duration) {
	t.codes.add(status)
	t.durations.add(took)
}

type codes [len(Codes{})]atomic.Uint64

func (c *codes) add(status int) {
	c[min(max(status/100, 0), len(c)-1)].Add(1)
}

func (c *codes) load() (now Codes) {
	for i := range c {
		now[i] = c[i].Load()
	}
	return now
}

// A histogram is a Histogram that is being filled.
type histogram struct {
	counts [len(Bounds) + 1]atomic.Uint64
	sum    atomic.Int64
}

func (h *histogram) add(d time.Duration) {
	i := 0
	for i < len(Bounds) && d > Bounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(int64(d))
}

func (h *histogram) load() (now Histogram) {
	for i := range h.counts {
		now.Counts[i] = h.counts[i].Load()
	}
	now.Sum = time.Duration(h.sum.Load())
	return now
}

// Held is how many requests wait for a worker at this moment.
func (p *Pool) Held() int {
	p.queue.mu.Lock()
	defer p.queue.mu.Unlock()
	return p.queue.n
}
