package main

import (
	"slices"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/lbdev/lbdev/proxy"
)

const (
	// showPerSecond is how many requests a second are shown one by one. With more, people can't read them, and printing
	// one costs more than proxying it: a summary a second takes their place, and only what went wrong is still shown.
	showPerSecond = 50
	// showTroubles is how many requests that went wrong are shown in a second with a summary.
	showTroubles = 10
)

// requests collects what the proxy tells of requests until the screen shows it. Everything is counted; what is shown one
// by one is bounded. The zero value shows all of them.
type requests struct {
	more  chan struct{} // has room for one; told when something is to be shown
	limit bool          // show at most showPerSecond

	mu     sync.Mutex // guards all below
	shown  []proxy.Access
	lost   int
	second second
	busy   bool // the second before had more than showPerSecond
}

// A second is what happened in one.
type second struct {
	began    time.Time
	count    int
	troubles int
	failed   int
	byPort   map[int]int
	times    *hdrhistogram.Histogram // microseconds
}

// keepShown bounds what waits for a screen that is slow.
const keepShown = 10_000

func newRequests(limit bool) *requests {
	return &requests{more: make(chan struct{}, 1), limit: limit, second: newSecond(time.Now())}
}

func newSecond(now time.Time) second {
	return second{began: now, byPort: map[int]int{}, times: hdrhistogram.New(1, time.Hour.Microseconds(), 2)}
}

// add is called by the proxy for each request, from the goroutine that served it.
func (q *requests) add(a *proxy.Access) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := &q.second
	s.count++
	if a.Port != 0 {
		s.byPort[a.Port]++
	}
	if a.Outcome == proxy.Failed {
		s.failed++
	}
	s.times.RecordValue(max(a.Total.Microseconds(), 1)) // its one error is a value over an hour: an event stream
	if !q.show(a) {
		return
	}
	if len(q.shown) >= keepShown {
		q.lost++
		return
	}
	record := *a                                                 // the proxy uses the record again
	record.Attempts, record.Kept = slices.Clone(a.Attempts), nil // which nobody here looks at
	q.shown = append(q.shown, record)
	select {
	case q.more <- struct{}{}:
	default:
	}
}

func (q *requests) show(a *proxy.Access) bool {
	s := &q.second
	if !q.limit || !q.busy && s.count <= showPerSecond {
		return true
	}
	if a.Outcome == proxy.OK {
		return false
	}
	s.troubles++
	return s.troubles <= showTroubles
}

// take returns what is to be shown, and how many could not be kept for it.
func (q *requests) take() (shown []proxy.Access, lost int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	shown, lost = q.shown, q.lost
	q.shown, q.lost = nil, 0
	return shown, lost
}

// tick ends a second and returns it, and whether it had more requests than are shown one by one.
func (q *requests) tick(now time.Time) (past second, busy bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	past = q.second
	if past.count == 0 {
		q.second.began, q.busy = now, false
		return past, false
	}
	q.second = newSecond(now)
	q.busy = q.limit && past.count > showPerSecond
	return past, q.busy
}

// rate is the requests per second of the time that the second really took.
func (s *second) rate(now time.Time) float64 {
	return float64(s.count) / max(now.Sub(s.began).Seconds(), 0.001)
}
