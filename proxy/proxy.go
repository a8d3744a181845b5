package proxy

import (
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/lbdev/lbdev/proxy/inspect"
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

	// WorkerConcurrency is how many requests a worker has at a time; further ones wait, in the order in which they came, as those
	// do for which no worker is ready. A tunnel counts as long as it is open. 0 and less = any number.
	WorkerConcurrency int

	// Trusted are the addresses of proxies before this one. What they say in X-Forwarded fields of the way before them is
	// believed and passed on. Peers that come by a unix socket count as 127.0.0.1. nil = nobody is.
	Trusted []netip.Prefix

	// MaxBody is how many bytes a request's body may have; larger ones get 413. 0 = any number.
	MaxBody int64

	// OnAccess is called once per request after its last byte, by the goroutine that served it. The record is valid only
	// during the call, and the client may be waiting: it must be fast. nil = nobody watches.
	OnAccess func(*Access)

	// Inspect keeps what requests and answers consist of, as far as inspect.Meter lets it: see Access.Kept.
	Inspect bool

	// ErrorPage answers a request that no worker answered: it writes the head with Failure.Status, and a body; nil = short
	// plain text.
	ErrorPage func(http.ResponseWriter, *http.Request, Failure)

	counts         counts
	streams        streams
	usual, unusual inspect.Meter
	keeping        atomic.Int64 // exchanges with keeping
	badge          atomic.Bool
	holding        atomic.Int64 // what SetHold said; 0 = nothing
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := exchanges.Get().(*exchange)
	x.begin(p, w, r)
	switch {
	case r.Method == http.MethodConnect:
		x.refuse(http.StatusMethodNotAllowed, "this is no forward proxy: CONNECT leads nowhere")
	case x.isAmbiguous():
	case p.MaxBody > 0 && r.ContentLength > p.MaxBody:
		x.refuse(http.StatusRequestEntityTooLarge, tooLarge)
	default:
		x.forward()
	}
	x.end()
	abort := x.abort
	x.release()
	if abort {
		panic(http.ErrAbortHandler) // net/http's way to abort a connection or stream without an end
	}
}

// SetBadge says whether pages get a label with the port that served them; see package badge.
func (p *Proxy) SetBadge(on bool) { p.badge.Store(on) }

// Badge says whether they do.
func (p *Proxy) Badge() bool { return p.badge.Load() }

// SetHold changes how long requests wait that find no worker ready from now on: as Hold, which it replaces.
func (p *Proxy) SetHold(d time.Duration) {
	if d == 0 {
		d = defaultHold
	}
	p.holding.Store(int64(d))
}

// Holds is how long they wait; negative = not at all.
func (p *Proxy) Holds() time.Duration {
	switch d := time.Duration(p.holding.Load()); {
	case d != 0:
		return d
	case p.Hold == 0:
		return defaultHold
	}
	return p.Hold
}

// Stats returns the counts of requests.
func (p *Proxy) Stats() Stats { return p.counts.stats() }

// counts are the numbers behind Stats.
type counts struct {
	total, ok, failed, rescued, held, cut, canceled atomic.Uint64
	longestWait                                     atomic.Int64
	retries                                         atomic.Uint64
	codes                                           codes // of our own answers
	waits                                           histogram
}

func (c *counts) stats() Stats {
	s := Stats{
		OK: c.ok.Load(), Failed: c.failed.Load(), Rescued: c.rescued.Load(), Held: c.held.Load(),
		Cut: c.cut.Load(), Canceled: c.canceled.Load(), LongestWait: time.Duration(c.longestWait.Load()),
		Retries: c.retries.Load(), Codes: c.codes.load(), Waits: c.waits.load(),
	}
	s.Total = c.total.Load() // loaded last, as it is counted first: what is in flight is never negative
	s.InFlight = int64(s.Total - s.OK - s.Failed - s.Cut - s.Canceled)
	return s
}

// done counts a request that is over.
func (c *counts) done(a *Access) {
	if n := len(a.Attempts); n > 1 {
		c.retries.Add(uint64(n - 1))
	}
	if a.Worker == 0 && a.Status != 0 {
		c.codes.add(a.Status)
	}
	if a.Held > 0 {
		c.held.Add(1)
		c.waits.add(a.Held)
		for longest := c.longestWait.Load(); int64(a.Held) > longest; longest = c.longestWait.Load() {
			if c.longestWait.CompareAndSwap(longest, int64(a.Held)) {
				break
			}
		}
	}
	switch a.Outcome {
	case Rescued:
		c.rescued.Add(1)
		c.ok.Add(1)
	case Failed:
		c.failed.Add(1)
	case Cut:
		c.cut.Add(1)
	case Canceled:
		c.canceled.Add(1)
	default:
		c.ok.Add(1)
	}
}
