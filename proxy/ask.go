package proxy

import (
	"errors"
	"net/http"
	"time"
)

// maxInterim bounds the interim responses (1xx) to one request.
const maxInterim = 32

// ask makes one attempt over a line, and gives the line back. If another worker that was asked too answers, the leg is that
// one's afterwards.
func (x *exchange) ask(g *leg) loss {
	if !g.way.held().enter() {
		g.way.end(x, false)
		return lossByLeaving
	}
	l := g.way.send(x, x.recordOf(g))
	if l.stage == delivered {
		l = x.receive(g)
	}
	if l.err == errHedge {
		if l = x.hedge(g); l.stage == delivered {
			l = x.receive(g)
		}
	}
	return x.leave(g, l)
}

// leave ends an attempt.
func (x *exchange) leave(g *leg, l loss) loss {
	if !g.way.held().claim() {
		l = lossByPause
	}
	l = x.kept(g, l)
	g.way.end(x, l.stage == delivered)
	if l.stage != delivered && (x.r.Context().Err() != nil || x.upload.failure() != nil || x.overdue(l.err)) {
		l.stage = gone
	}
	return l
}

// lossByLeaving is that of a request whose worker left rotation before anything was sent.
var lossByLeaving = loss{stage: unsent, result: "away", err: errors.New("the worker left rotation")}

// lossByPause is that of a request which was taken back from a frozen worker.
var lossByPause = loss{stage: sent, result: ResultPaused, err: errors.New("the worker was paused")}

// receive waits for the answer and delivers it.
func (x *exchange) receive(g *leg) loss {
	at, a := g.way.held(), x.recordOf(g)
	for range maxInterim {
		if l := g.way.await(x, a); l.stage != delivered {
			return l
		}
		if !at.begin() {
			return lossByPause
		}
		if a.FirstByte == 0 {
			a.FirstByte = time.Since(g.start)
			at.up.backend.latency.add(a.FirstByte)
			at.up.speed.Add(g.start.Add(a.FirstByte), a.FirstByte)
			at.up.backend.firstBytes.add(a.FirstByte)
		}
		switch status := x.head.status; {
		case status == http.StatusSwitchingProtocols:
			return x.tunnel(g.way, a)
		case status == http.StatusContinue: // the line has seen to it
		case status < 200:
			x.inform()
		default:
			return x.deliver(g.way, a)
		}
	}
	err := nonsense("more than %d interim responses", maxInterim)
	return loss{stage: sent, result: ResultNonsense, err: err}
}
