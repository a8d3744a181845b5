package proxy

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/lbdev/lbdev/proxy/fault"
)

const (
	// refusedAgain is when a worker that refused a connection is worth another look, though its owner said nothing.
	refusedAgain = 75 * time.Millisecond
	// diedAgain is the same for one that lost a request: its owner knows by then if it has died.
	diedAgain = 250 * time.Millisecond
)

// A stage is how far an attempt got. It decides, with the request, what may be done next.
type stage int

const (
	delivered stage = iota // the client has its answer
	unsent                 // nothing of the request left: nobody can have executed it
	sent                   // it may have been executed, and the client has seen nothing
	begun                  // the client has seen a part of the answer
	gone                   // the client has gone away
)

// A loss is how an attempt failed.
type loss struct {
	stage  stage
	result string
	err    error
}

// forward lets a worker answer. Each round is one attempt, or one wait for a worker that can be asked.
func (x *exchange) forward() {
	for {
		up := x.pick()
		if up == nil {
			if !x.wait() {
				return
			}
			continue
		}
		l := x.try(up)
		x.vacate(l.stage == delivered)
		switch l.stage {
		case delivered:
			x.leaveQueue(true)
			return
		case gone:
			x.cancel()
			return
		case begun:
			x.cut(l)
			return
		case unsent, sent:
			if !x.mayRepeat(l) {
				return
			}
		}
	}
}

// pick chooses a worker for the next attempt; nil if there is none.
func (x *exchange) pick() *upstream {
	if len(x.record.Attempts) > 0 || x.record.Held > 0 {
		x.turn.Now = time.Now()
	}
	x.full = false
	if x.mustWait() {
		return nil
	}
	up := x.picker.pick(x.proxy.Pool.view.Load())
	for up != nil && !x.occupy(up) {
		up = x.picker.pick(x.proxy.Pool.view.Load())
	}
	if up == nil {
		return nil
	}
	if x.place.queued && !(x.again && x.scouting) {
		x.leaveQueue(true) // a scout keeps its place until it knows that the worker can be reached
	}
	return up
}

// try asks one worker, over connections that are there as long as they turn out to be closed before anything was sent.
func (x *exchange) try(up *upstream) loss {
	start := x.record.Start
	if len(x.record.Attempts) > 0 || x.record.Held > 0 {
		start = time.Now()
	}
	for {
		way, err := up.open(x)
		if err != nil {
			return x.unreached(up, start, err)
		}
		x.leaveQueue(true)
		g := x.leg(way, start)
		l := x.ask(&g)
		left := l == lossByLeaving
		if l.stage == unsent && x.recordOf(&g).Reused && !left && l.result != ResultRefused {
			x.record.Attempts = x.record.Attempts[:g.at] // nothing was tried
			continue
		}
		if l.stage != delivered {
			at := g.way.held().up
			x.lost(at, x.recordOf(&g), l)
		}
		if left {
			x.record.Attempts = x.record.Attempts[:g.at] // nor here
		}
		return l
	}
}

// unreached notes that connecting failed.
func (x *exchange) unreached(up *upstream, start time.Time, err error) loss {
	if x.r.Context().Err() != nil {
		return loss{stage: gone}
	}
	l := loss{stage: unsent, result: resultOf(err), err: err}
	a := x.lastAttempt(up, start, l.result)
	if errors.Is(err, fault.ErrRefused) {
		a.Fault = fault.KindRefuse
	}
	x.lost(up, a, l)
	return l
}

// lastAttempt returns the record of an attempt: a new one, or that of the same worker with the same result. While a request
// is held workers are tried many times.
func (x *exchange) lastAttempt(up *upstream, start time.Time, result string) *Attempt {
	for i := range x.record.Attempts {
		a := &x.record.Attempts[i]
		if a.Worker == up.worker && a.Incarnation == up.incarnation && a.Result == result && !a.Sent {
			return a
		}
	}
	return x.attempt(up, start)
}

// lost notes what went wrong at a worker, and when that is worth another look.
func (x *exchange) lost(up *upstream, a *Attempt, l loss) {
	a.Result = l.result
	if l.stage == gone {
		a.Result = ResultCanceled
		return
	}
	now := time.Now()
	if a.Total == 0 {
		a.Total = now.Sub(x.record.Start) - a.Start
	}
	if l != lossByPause && l != lossByLeaving { // which are nothing that went wrong
		up.backend.failures.Add(1)
		if l.stage == sent && !up.excused.Load() {
			up.backend.judge(up, true)
		}
		up.backend.lost.Store(now.UnixNano())
	}
	t := tried{up: up, sent: l.stage == sent, again: now.Add(refusedAgain)}
	switch {
	case !t.sent, l == lossByPause:
	case a.Reused:
		t.closed = 1
	default:
		t.deaths = 1
	}
	switch {
	case l.stage == sent && a.Reused && l.result != ResultNonsense:
		// It may only have closed the connection for being idle. If no other worker is left, it is asked again at once.
		t.ripe = true
	case l.stage == sent:
		t.again = now.Add(diedAgain)
	}
	for i := range x.tried {
		if x.tried[i].up == up {
			t.sent = t.sent || x.tried[i].sent
			t.deaths += x.tried[i].deaths
			t.closed += x.tried[i].closed
			x.tried[i] = t
			return
		}
	}
	x.tried = append(x.tried, t)
}

// mayRepeat decides what follows an attempt that failed before the client saw anything: true = another attempt; otherwise
// the request has been answered.
func (x *exchange) mayRepeat(l loss) bool {
	if l.stage == unsent {
		return true // RFC 9110 section 9.2.2 asks for means to know that it was not executed: there was nothing to execute
	}
	port := strconv.Itoa(x.record.Attempts[len(x.record.Attempts)-1].Port)
	switch {
	case errors.Is(l.err, errUnsendable):
		x.fail(http.StatusBadGateway, l.err.Error(), 0)
	case errors.Is(l.err, errNonsense):
		x.fail(http.StatusBadGateway, "worker "+port+" sent nonsense: "+l.err.Error(), 0)
	case !idempotent(x.r) && !x.proxy.RetryUnsafe:
		x.fail(http.StatusBadGateway, "worker "+port+" died while it ran the request; not sent again: "+x.r.Method+" could run twice", 0)
	case !x.upload.replayable():
		x.fail(http.StatusBadGateway, "worker "+port+" died while it ran the request; not sent again: its body is too large to be kept", 0)
	case l != lossByPause && x.poisonous():
		x.fail(http.StatusBadGateway, "two workers died on this request ("+x.deathList()+"); not sent again", 0)
	default:
		return true
	}
	return false
}
