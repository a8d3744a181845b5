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

// A leg is one attempt under way: a connection, and where the record of the attempt is.
type leg struct {
	c     *conn
	at    int // in record.Attempts
	start time.Time
}

// leg begins one over a connection.
func (x *exchange) leg(c *conn, start time.Time) leg {
	a := x.attempt(c.up, start)
	if a.Reused = c.used > 0; !a.Reused {
		a.Connect = time.Since(start)
	}
	if c.bad != nil {
		a.Fault = c.bad.Kind
	}
	return leg{c: c, at: len(x.record.Attempts) - 1, start: start}
}

// recordOf is valid until the next attempt begins.
func (x *exchange) recordOf(g *leg) *Attempt { return &x.record.Attempts[g.at] }

// An arrival is the end of the wait for the head of an answer.
type arrival struct {
	c   *conn
	err error
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
	g.c.calm()
	first := *g
	r.start(&first)
	for {
		for len(r.legs) < maxLegs && r.startAnother() {
		}
		got := <-r.arrivals
		won := r.remove(got.c)
		switch {
		case got.err == nil && got.c.begin():
			*g = *won
			r.drop(g)
			return loss{}
		case len(r.legs) == 0:
			*g = *won
			return lossOf(got.err)
		}
		r.lose(won, got.err)
	}
}

// start lets a leg wait for its head.
func (r *race) start(g *leg) {
	r.legs = append(r.legs, g)
	r.x.tried = append(r.x.tried, tried{up: g.c.up, sent: true, again: time.Now().Add(diedAgain)})
	go r.await(g.c)
}

// await is the goroutine behind a leg.
func (r *race) await(c *conn) {
	for {
		end, err := headEnd(&c.in)
		if end > 0 || !isTimeout(err) {
			r.arrivals <- arrival{c, err}
			return
		}
		c.calm() // it was to hedge, which it does
	}
}

// startAnother sends the request to one more worker; false means that there is none.
func (r *race) startAnother() bool {
	x := r.x
	if x.sends+len(r.legs) >= maxSends {
		return false
	}
	for {
		up := x.pickOther()
		if up == nil {
			return false
		}
		start := time.Now()
		c, err := up.connect(x.r.Context())
		if err != nil {
			if x.unreached(up, start, err).stage == gone {
				return false // and the other legs end by themselves
			}
			continue
		}
		if g := r.send(c, start); g != nil {
			r.start(g)
			return true
		}
	}
}

// send sends the request over a connection; nil means that it could not.
func (r *race) send(c *conn, start time.Time) *leg {
	x := r.x
	g := new(x.leg(c, start))
	if !c.enter() {
		x.lost(c.up, x.recordOf(g), lossByLeaving)
		x.record.Attempts = x.record.Attempts[:g.at]
		return nil
	}
	l := x.send(g)
	if l.stage == delivered {
		return g
	}
	c.exit()
	c.up.drop(c)
	if l.stage == unsent && x.recordOf(g).Reused {
		x.record.Attempts = x.record.Attempts[:g.at] // nothing was tried: the next connection to the same worker is
		return nil
	}
	x.lost(c.up, x.recordOf(g), l)
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

// lossOf is that of a request for which no answer came. Without an error it was taken back as one came.
func lossOf(err error) loss {
	if err == nil {
		return lossByPause
	}
	return loss{stage: sent, result: resultOf(err), err: err}
}

func (r *race) remove(c *conn) *leg {
	i := slices.IndexFunc(r.legs, func(g *leg) bool { return g.c == c })
	g := r.legs[i]
	r.legs = slices.Delete(r.legs, i, i+1)
	return g
}

// lose ends a leg whose worker died while the other still has the request.
func (r *race) lose(g *leg, err error) {
	x := r.x
	l := x.kept(g, lossOf(err))
	l.excused = g.c.up.excused.Load()
	if !g.c.claim() {
		l = lossByPause
	}
	if !l.excused && l.stage == sent {
		x.sends++
	}
	g.c.exit()
	g.c.up.drop(g.c)
	if x.r.Context().Err() != nil {
		l.stage = gone
	}
	x.lost(g.c.up, x.recordOf(g), l)
}

// drop ends the legs that did not win, and puts the winner's record behind theirs, as the one that answered is the last.
func (r *race) drop(winner *leg) {
	x := r.x
	for _, g := range r.legs {
		g.c.abort()
		<-r.arrivals
		g.c.claim()
		g.c.exit()
		g.c.up.drop(g.c)
		a := x.recordOf(g)
		a.Result = ResultSilent
		if g.at > winner.at {
			a.Result = ResultLate
		}
	}
	won := x.record.Attempts[winner.at]
	x.record.Attempts = append(slices.Delete(x.record.Attempts, winner.at, winner.at+1), won)
	winner.at = len(x.record.Attempts) - 1
	x.tried = slices.DeleteFunc(x.tried, func(t tried) bool { return t.up == winner.c.up })
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
