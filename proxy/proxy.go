package proxy

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"
)

// A Proxy is an http.Handler that lets workers answer. It works with nothing but a Pool. Its fields must not be changed
// after the first request.
type Proxy struct {
	// Pool has the workers.
	Pool *Pool

	// Hold is how long a request waits when no worker is ready but one is coming; 0 = 30 s, negative = not at all.
	Hold time.Duration

	// MaxHeld is how many requests wait at most, further ones get 503; 0 = 1000, negative = none.
	MaxHeld int

	// RetryUnsafe sends a request that was sent before also again if its method is not idempotent. It may run twice then.
	RetryUnsafe bool

	// OnAccess is called once per request after its last byte, by the goroutine that served it. The record is valid only
	// during the call, and the client may be waiting: it must be fast. nil = nobody watches.
	OnAccess func(*Access)

	// ErrorPage answers a request that no worker answered: it writes the head with Failure.Status, and a body; nil = short
	// plain text.
	ErrorPage func(http.ResponseWriter, *http.Request, Failure)

	counts  counts
	streams streams
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	panic("proxy: not there yet")
}

// Stats returns the counts of requests.
func (p *Proxy) Stats() Stats { return p.counts.stats() }

// Shutdown lets held requests go with 503, ends event streams and tunnels at once, and waits for the other requests
// until ctx ends; then its error is ctx's, and requests are left. Idle connections to workers are closed.
func (p *Proxy) Shutdown(ctx context.Context) error { return nil }

// counts are the numbers behind Stats.
type counts struct {
	total, ok, failed, rescued, held, cut, canceled atomic.Uint64
	longestWait                                     atomic.Int64
}

func (c *counts) stats() Stats {
	s := Stats{
		OK: c.ok.Load(), Failed: c.failed.Load(), Rescued: c.rescued.Load(), Held: c.held.Load(),
		Cut: c.cut.Load(), Canceled: c.canceled.Load(), LongestWait: time.Duration(c.longestWait.Load()),
	}
	s.Total = c.total.Load() // loaded last, as it is counted first: what is in flight is never negative
	s.InFlight = int64(s.Total - s.OK - s.Failed - s.Cut - s.Canceled)
	return s
}
