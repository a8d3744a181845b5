package logfile

import (
	"sync/atomic"

	"github.com/lbdev/lbdev/proxy"
)

const (
	// queueSize is how many requests may wait to be written: a quarter of a second at 60,000 a second.
	queueSize = 1 << 14
	// inPlace is how many attempts of a request are kept without an allocation; most have one.
	inPlace = 2
)

// A queue hands requests from the many goroutines that served them to the one that writes them. It has a bound and no
// lock: a slot belongs to the writer whose compare-and-swap took its turn, until it says so in the slot, and then to the
// reader (Dmitry Vyukov's bounded queue).
type queue struct {
	more    chan struct{} // has room for one
	dropped atomic.Uint64
	slots   []slot
	_       [64]byte // the writers' word has a cache line to itself
	tail    atomic.Uint64
	_       [64]byte
	head    uint64 // the reader's
}

type slot struct {
	turn     atomic.Uint64 // t: free for the t-th request; t+1: holds it
	access   proxy.Access
	attempts [inPlace]proxy.Attempt
}

func newQueue() *queue {
	q := &queue{more: make(chan struct{}, 1), slots: make([]slot, queueSize)}
	for i := range q.slots {
		q.slots[i].turn.Store(uint64(i))
	}
	return q
}

// put copies the record, which is used again after the call. It takes no lock and, but for requests with many attempts,
// allocates nothing. When the queue is full the request is counted as dropped.
func (q *queue) put(a *proxy.Access) {
	for {
		t := q.tail.Load()
		s := &q.slots[t%queueSize]
		switch turn := s.turn.Load(); {
		case turn == t:
			if !q.tail.CompareAndSwap(t, t+1) {
				continue
			}
			s.access = *a
			s.access.Attempts = append(s.attempts[:0], a.Attempts...)
			s.access.Kept = nil // which nobody here looks at
			s.turn.Store(t + 1)
		case turn < t: // its last request has not been read
			q.dropped.Add(1)
		default: // another writer was faster
			continue
		}
		break
	}
	select {
	case q.more <- struct{}{}:
	default:
	}
}

// take calls each for the next request, and says whether there was one. The record is valid during the call.
func (q *queue) take(each func(*proxy.Access)) bool {
	s := &q.slots[q.head%queueSize]
	if s.turn.Load() != q.head+1 {
		return false
	}
	each(&s.access)
	s.access, s.attempts = proxy.Access{}, [inPlace]proxy.Attempt{} // what they point to may be freed
	s.turn.Store(q.head + queueSize)
	q.head++
	return true
}
