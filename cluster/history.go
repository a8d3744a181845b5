package cluster

import (
	"sync"

	"github.com/lbdev/lbdev/proxy"
)

// keepRequests is how many requests a cluster remembers.
const keepRequests = 1000

// A history remembers the last requests. Its slots are used again with the room that they have, so a request allocates nothing
// once the ring is full of such; it takes a lock for the time of a copy.
type history struct {
	mu   sync.Mutex
	ring [keepRequests]proxy.Access
	n    uint64 // requests so far
}

func (h *history) add(a *proxy.Access) {
	h.mu.Lock()
	defer h.mu.Unlock()
	slot := &h.ring[h.n%keepRequests]
	attempts := append(slot.Attempts[:0], a.Attempts...)
	*slot = *a
	slot.Attempts = attempts
	h.n++
}

// last returns the newest requests, the newest first, at most limit of them.
func (h *history) last(limit int) []proxy.Access {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := min(uint64(max(limit, 0)), h.n, keepRequests)
	requests := make([]proxy.Access, 0, n)
	for i := range n {
		a := h.ring[(h.n-1-i)%keepRequests]
		a.Attempts = append([]proxy.Attempt(nil), a.Attempts...)
		requests = append(requests, a)
	}
	return requests
}

// Requests returns the newest of the last 1,000 requests that are over, the newest first, at most limit of them.
func (c *Cluster) Requests(limit int) []proxy.Access { return c.history.last(limit) }

// onAccess is told of each request by the proxy.
func (c *Cluster) onAccess(a *proxy.Access) {
	c.history.add(a)
	if c.config.OnAccess != nil {
		c.config.OnAccess(a)
	}
}
