package proxy

import (
	"context"
	"sync/atomic"

	"github.com/lbdev/lbdev/proxy/fault"
)

// A line is one request's way to a worker and back: an HTTP/1 connection that it has for itself (conn), or a stream of an
// HTTP/2 connection that it shares (lane). What may be repeated, what is counted and what the client gets is decided by the
// exchange, which asks every line in the same words:
//
//	send → await, for each interim head and the final one → body → end
//
// A line comes from upstream.open and goes back with end, whatever happened.
type line interface {
	held() *hold
	// send sends the request, or begins to. The loss is the zero value if nothing stands in the way of an answer.
	send(x *exchange, a *Attempt) loss
	// await waits for the next head and leaves it in x.head. It sends a body for which the worker was to ask first, if it
	// asks or does not. The error is errHedge when another worker is to be asked too.
	await(x *exchange, a *Attempt) loss
	// arrive waits until await has something to return; it touches nothing of the exchange. Only a race calls it.
	arrive() loss
	// interrupt ends the wait of await or arrive, once; upstream.mu is held, as for resume, which takes back an interrupt that
	// came too late.
	interrupt()
	resume()
	// body makes x.body ready for what follows the final head.
	body(x *exchange)
	// abort ends whatever the line is at; the request that has it sees an error. It may be called at any time.
	abort()
	// end gives the line back, with exit; delivered says that the client has the whole answer.
	end(x *exchange, delivered bool)
}

// A hold is what each line knows of the request that has it.
type hold struct {
	up        *upstream
	way       line           // that this is a part of
	used      int            // requests that were sent over the connection before this one
	abortFunc func()         // way.abort as a value, made once
	bad       *fault.StandIn // whom the line leads to instead of the worker; mostly nil

	// Guarded by upstream.mu.
	prev, next *hold
	ctx        context.Context // the request's, for sweep; nil = the line ends with its request by itself
	unwatch    func() bool     // ends watching ctx; nil = it is not watched yet
	sweeps     int             // that found the line with this request

	waiting atomic.Bool  // for an answer, or for the rest of one that is held back; see upstream.listen
	taking  atomic.Int32 // whether the request may go to another worker
}

// The values of hold.taking.
const (
	keeps     int32 = iota // the request stays with this worker
	mayTake                // no answer has begun to come: the request may be taken back, or go to somebody else too
	hedged                 // it goes to somebody else too
	begins                 // the request may only be taken back: an answer has begun to come, of which the client has seen nothing
	takenBack              // it was taken back; the line is aborted
)

func (h *hold) held() *hold { return h }

// enter counts a request as one that the worker has; false means that the worker has left rotation since it was picked.
// Whoever took it out waits for what is in flight, and only that.
func (h *hold) enter() bool {
	h.up.backend.inFlight.Add(1)
	return !h.up.away.Load()
}

// exit is the other end of enter.
func (h *hold) exit() {
	h.waiting.Store(false)
	h.up.backend.inFlight.Add(-1)
}

// lend marks the request that is about to be sent over the line as one that may be taken back, or go to another worker
// too (see Backend.Abandon and Backend.Hedge). Its worker may have been given up a moment ago.
func (h *hold) lend() {
	h.taking.Store(mayTake)
	if h.up.abandoned.Load() {
		h.takeBack()
	}
	if h.up.hedging.Load() {
		h.up.mu.Lock()
		h.hedge()
		h.up.mu.Unlock()
	}
}

// lendFor calls the one that fits the request, which is about to be sent.
func (h *hold) lendFor(x *exchange) {
	switch {
	case !idempotent(x.r):
	case x.upload == nil, x.inlined:
		h.lend()
	case x.upload.fits():
		h.lendBody()
	}
}

// lendBody is lend for a request whose body follows its head: it may be taken back, but nobody else is asked meanwhile.
func (h *hold) lendBody() {
	h.taking.Store(begins)
	if h.up.abandoned.Load() {
		h.takeBack()
	}
}

// begin notes that an answer has begun to come; false means that the request was taken back before.
func (h *hold) begin() bool {
	for {
		now := h.taking.Load()
		switch now {
		case takenBack:
			return false
		case keeps, begins:
			return true
		}
		if h.taking.CompareAndSwap(now, begins) {
			if now == hedged {
				h.calm()
			}
			return true
		}
	}
}

// claim ends what lend began, because there is an answer; false means that the request was taken back before.
func (h *hold) claim() bool { return h.taking.Swap(keeps) != takenBack }

// takeBack aborts the line if the request may be taken back.
func (h *hold) takeBack() {
	for _, lent := range []int32{mayTake, hedged, begins} {
		if h.taking.CompareAndSwap(lent, takenBack) {
			h.way.abort()
			return
		}
	}
}

// hedge ends the wait for an answer, if the request may go to another worker too; upstream.mu is held.
func (h *hold) hedge() {
	if h.taking.CompareAndSwap(mayTake, hedged) {
		h.way.interrupt()
	}
}

// calm makes the line one that can be waited for again after hedge, which it waits for.
func (h *hold) calm() {
	h.up.mu.Lock()
	defer h.up.mu.Unlock()
	h.way.resume()
}
