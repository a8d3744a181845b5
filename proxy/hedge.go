package proxy

import (
	"errors"
	"slices"
	"time"
)

// A request that waits for a worker which may be frozen is sent to a second one too: the first answer wins. The first attempt is
// kept, as the worker may only be slow. See Backend.Hedge.

// maxLegs is how many workers have one request at the same time.
const maxLegs = 2

// errHedge ends the wait for a head, because somebody else is to be asked too.
var errHedge = errors.New("the worker is silent")

// A leg is one attempt under way: a line, and where the record of the attempt is.
type leg struct {
	way   line
	at    int // in record.Attempts
	start time.Time
}

// leg begins one over a line.
func (x *exchange) leg(way line, start time.Time) leg {
	at := way.held()
	a := x.attempt(at.up, start)
	if a.Reused = at.used > 0; !a.Reused {
		a.Connect = time.Since(start)
	}
	if at.bad != nil {
		a.Fault = at.bad.Kind
	}
	return leg{way: way, at: len(x.record.Attempts) - 1, start: start}
}

// recordOf is valid until the next attempt begins.
func (x *exchange) recordOf(g *leg) *Attempt { return &x.record.Attempts[g.at] }

// An arrival is the end of the wait for the head of an answer.
type arrival struct {
	way  line
	loss loss // the zero value = a head came
}

// A race is a request's legs. Each has a goroutine that waits for the head of its answer; they end with the race.
type race struct {
	x        *exchange
	legs     []*leg
	arrivals chan arrival
}

// hedge lets another worker have the request too and returns when one of them has answered, or the last one is lost. The leg
// becomes that one's.
func (x *exchange) hedge(g *leg) loss {
	r := &race{x: x, arrivals: make(chan arrival, maxLegs)}
	g.way.held().calm()
	first := *g
	r.start(&first)
	look := time.NewTicker(sweepEvery)
	defer look.Stop()
	for {
		for len(r.legs) < maxLegs && r.startAnother() {
		}
		var got arrival
		select {
		case got = <-r.arrivals:
		case <-look.C: // somebody may have become ready
			continue
		}
		won := r.remove(got.way)
		switch {
		case got.loss.stage == delivered && got.way.held().begin():
			*g = *won
			r.drop(g)
			return loss{}
		case len(r.legs) == 0:
			*g = *won
			return lossOf(got.loss)
		}
		r.lose(won, got.loss)
	}
}

// start lets a leg wait for its head.
func (r *race) start(g *leg) {
	r.legs = append(r.legs, g)
	r.x.tried = append(r.x.tried, tried{up: g.way.held().up, sent: true, again: time.Now().Add(diedAgain)})
	go r.await(g.way)
}

// await is the goroutine behind a leg.
func (r *race) await(way line) { r.arrivals <- arrival{way, way.arrive()} }

// startAnother sends the request to one more worker; false means that there is none.
func (r *race) startAnother() bool {
	x := r.x
	if x.toll().suspect+len(r.legs) >= maxDeaths {
		return false
	}
	for {
		up := x.pickOther()
		if up == nil || !x.occupy(up) {
			return false
		}
		start := time.Now()
		way, err := up.open(x)
		if err != nil {
			x.vacateLast()
			if x.unreached(up, start, err).stage == gone {
				return false // and the other legs end by themselves
			}
			continue
		}
		if g := r.send(way, start); g != nil {
			r.start(g)
			return true
		}
		x.vacateLast()
	}
}

// send sends the request over a line; nil means that it could not.
func (r *race) send(way line, start time.Time) *leg {
	x, up := r.x, way.held().up
	g := new(x.leg(way, start))
	if !way.held().enter() {
		way.end(x, false)
		x.lost(up, x.recordOf(g), lossByLeaving)
		x.record.Attempts = x.record.Attempts[:g.at]
		return nil
	}
	l := way.send(x, x.recordOf(g))
	if l.stage == delivered {
		return g
	}
	way.end(x, false)
	if l.stage == unsent && x.recordOf(g).Reused {
		x.record.Attempts = x.record.Attempts[:g.at] // nothing was tried: the next connection to the same worker is
		return nil
	}
	x.lost(up, x.recordOf(g), l)
	return nil
}

// pickOther chooses a worker that does not have the request and has not lost it.
func (x *exchange) pickOther() *upstream {
	v := x.proxy.Pool.view.Load()
	if v.suspects {
		return nil // they are no better than the one that has it
	}
	x.turn.Now = time.Now()
	return x.pickUntried(v)
}

// lossOf is that of a request for which no answer came. Without one it was taken back as an answer came.
func lossOf(l loss) loss {
	if l.stage == delivered {
		return lossByPause
	}
	return l
}

func (r *race) remove(way line) *leg {
	i := slices.IndexFunc(r.legs, func(g *leg) bool { return g.way == way })
	g := r.legs[i]
	r.legs = slices.Delete(r.legs, i, i+1)
	return g
}

// lose ends a leg whose worker died while the other still has the request.
func (r *race) lose(g *leg, l loss) {
	x, at := r.x, g.way.held()
	l = x.kept(g, lossOf(l))
	if !at.claim() {
		l = lossByPause
	}
	g.way.end(x, false)
	if x.r.Context().Err() != nil {
		l.stage = gone
	}
	x.lost(at.up, x.recordOf(g), l)
}

// drop ends the legs that did not win, and puts the winner's record behind theirs, as the one that answered is the last.
func (r *race) drop(winner *leg) {
	x := r.x
	for _, g := range r.legs {
		g.way.abort()
		<-r.arrivals
		g.way.held().claim()
		g.way.end(x, false)
		a := x.recordOf(g)
		a.Result = ResultSilent
		if g.at > winner.at {
			a.Result = ResultLate
		}
	}
	won := x.record.Attempts[winner.at]
	x.record.Attempts = append(slices.Delete(x.record.Attempts, winner.at, winner.at+1), won)
	winner.at = len(x.record.Attempts) - 1
	x.tried = slices.DeleteFunc(x.tried, func(t tried) bool { return t.up == winner.way.held().up })
}

// rescued says whether the worker that answers is not the one that was to.
func (x *exchange) rescued() bool {
	all := x.record.Attempts
	for i := range len(all) - 1 {
		if all[i].Result != ResultLate {
			return true
		}
	}
	return false
}

// success is the outcome of a request that was answered.
func (x *exchange) success() Outcome {
	if x.rescued() {
		return Rescued
	}
	return OK
}
