package fault

import (
	"sync"
	"time"
)

const (
	// beat is how long the pieces take in which bytes pass a throttle.
	beat = 50 * time.Millisecond
	// maxPiece bounds them.
	maxPiece = 32 << 10
)

// A throttle lets bytes pass at a rate. Those who use it are served in the order in which they come.
type throttle struct {
	rate int64 // bytes a second

	mu   sync.Mutex
	free time.Time // when what was let in so far has passed
}

// piece is how many bytes are to pass at once.
func (t *throttle) piece() int {
	return int(min(max(t.rate/int64(time.Second/beat), 1), maxPiece))
}

// reserve lets n bytes in and returns when they have passed.
func (t *throttle) reserve(n int) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := time.Now(); t.free.Before(now) {
		t.free = now
	}
	t.free = t.free.Add(time.Duration(float64(n) / float64(t.rate) * float64(time.Second)))
	return t.free
}
