package cluster

import (
	"slices"
	"sync"

	"github.com/lbdev/lbdev/proxy"
)

const (
	// keepRequests is how many requests a cluster remembers.
	keepRequests = 1000
	// keepInspected is about how many bytes of memory their heads and bodies may take; the oldest ones go first.
	keepInspected = 4 << 20
)

// A PastRequest is one that is over.
type PastRequest struct {
	Seq uint64 // the first has 1
	proxy.Access
}

// A history remembers the last requests. Its slots are used again with the room that they have, so a request allocates nothing
// once the ring is full of such; it takes a lock for the time of a copy.
type history struct {
	mu   sync.Mutex
	ring [keepRequests]proxy.Access
	n    uint64 // requests so far
	size int    // of what is kept of them
	bare uint64 // the number of the last one of which nothing is kept any more, nor of those before it
}

func (h *history) add(a *proxy.Access) {
	h.mu.Lock()
	defer h.mu.Unlock()
	slot := &h.ring[h.n%keepRequests]
	attempts := append(slot.Attempts[:0], a.Attempts...)
	h.size += a.Kept.Size() - slot.Kept.Size()
	*slot = *a
	slot.Attempts = attempts
	h.n++
	for h.bare = max(h.bare, h.n-min(h.n, keepRequests)); h.size > keepInspected && h.bare < h.n; h.bare++ {
		old := &h.ring[h.bare%keepRequests]
		h.size -= old.Kept.Size()
		old.Kept = nil
	}
}

// last returns the newest requests that are wanted (nil: all are), the oldest first, at most limit of them and only those after
// the given number; and the number of the newest there is, and how many of those after it are forgotten.
func (h *history) last(after uint64, limit int, wanted func(*proxy.Access) bool) (requests []PastRequest, newest, lost uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	after = min(after, h.n)
	oldest := h.n - min(h.n, keepRequests) + 1
	if after+1 < oldest {
		lost = oldest - after - 1
	}
	for seq := h.n; seq >= max(oldest, after+1) && len(requests) < limit; seq-- {
		a := &h.ring[(seq-1)%keepRequests]
		if wanted == nil || wanted(a) {
			r := PastRequest{seq, *a}
			r.Attempts = slices.Clone(a.Attempts)
			requests = append(requests, r)
		}
	}
	slices.Reverse(requests)
	return requests, h.n, lost
}

// Requests returns the last of the 1,000 requests that are remembered which are wanted (nil: all are), the oldest first, at most
// limit of them and only those with a number above after. newest is the number of the last request there was, and lost how many
// after the given number are not remembered any more. wanted is called with a lock held that requests wait for.
func (c *Cluster) Requests(after uint64, limit int, wanted func(*proxy.Access) bool) (requests []PastRequest, newest, lost uint64) {
	return c.history.last(after, limit, wanted)
}

// at returns one request, if it is remembered.
func (h *history) at(seq uint64) (r PastRequest, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if seq == 0 || seq > h.n || h.n-seq >= keepRequests {
		return r, false
	}
	a := &h.ring[(seq-1)%keepRequests]
	r = PastRequest{seq, *a}
	r.Attempts = slices.Clone(a.Attempts)
	return r, true
}

// Request returns the request with this number, if it is one of the 1,000 that are remembered.
func (c *Cluster) Request(seq uint64) (PastRequest, bool) { return c.history.at(seq) }

// onAccess is told of each request by the proxy.
func (c *Cluster) onAccess(a *proxy.Access) {
	c.history.add(a)
	if c.config.OnAccess != nil {
		c.config.OnAccess(a)
	}
}
