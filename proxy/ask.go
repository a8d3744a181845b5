package proxy

import (
	"errors"
	"net/http"
	"strings"
	"time"
)

const (
	// continuePatience is how long a worker may take to ask for a body that was announced with Expect (RFC 9110 section
	// 10.1.1: not indefinitely). Many ignore it.
	continuePatience = time.Second
	// maxInterim bounds the interim responses (1xx) to one request.
	maxInterim = 32
)

// ask makes one attempt over a connection, and keeps the connection if it can be used again. If another worker that was asked
// too answers, the leg is that one's afterwards.
func (x *exchange) ask(g *leg) loss {
	if !g.c.enter() {
		return lossByLeaving
	}
	l := x.send(g)
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
	c := g.c
	if !c.claim() {
		l = lossByPause
	}
	l = x.kept(g, l)
	whole := x.upload == nil || x.upload.stop(c) || x.inlined
	c.exit()
	if l.stage == delivered && whole && !x.head.close && x.body.kind != untilClose && len(c.in.buffered()) == 0 && c.bad == nil {
		c.up.put(c, x.head.ticks)
	} else {
		c.up.drop(c)
	}
	if l.stage != delivered && (x.r.Context().Err() != nil || x.upload.failure() != nil) {
		l.stage = gone
	}
	return l
}

// send writes the head, in one write with the body if that is small and complete; else the body follows on its own.
func (x *exchange) send(g *leg) loss {
	c, u := g.c, x.upload
	x.inlined = false
	x.expecting = u != nil && !u.started && expectsContinue(x.r)
	c.out = x.appendHead(c.out[:0], x.expecting)
	if u != nil && !x.expecting {
		u.start()
		if data, ok := u.inline(); ok {
			x.inlined = true
			c.out = x.appendBody(c.out, data)
		}
	}
	c.used++
	if idempotent(x.r) && (u == nil || x.inlined) {
		c.lend()
	}
	c.waiting.Store(true)
	n, err := c.tcp.Write(c.out)
	if err != nil && n == 0 {
		return loss{stage: unsent, result: resultOf(err), err: err}
	}
	x.recordOf(g).Sent = true
	c.up.backend.requests.Add(1)
	if err != nil {
		return loss{stage: sent, result: resultOf(err), err: err}
	}
	if u != nil && !x.inlined && !x.expecting {
		u.sendTo(c)
	}
	return loss{}
}

// appendBody appends a complete body.
func (x *exchange) appendBody(buf, data []byte) []byte {
	if x.r.ContentLength >= 0 {
		return append(buf, data...)
	}
	return appendLastChunk(appendChunk(buf, data), x.r.Trailer)
}

// lossByLeaving is that of a request whose worker left rotation before anything was sent.
var lossByLeaving = loss{stage: unsent, result: "away", err: errors.New("the worker left rotation"), excused: true}

// lossByPause is that of a request which was taken back from a frozen worker.
var lossByPause = loss{stage: sent, result: ResultPaused, err: errors.New("the worker was paused"), excused: true}

func expectsContinue(r *http.Request) bool {
	expect := r.Header["Expect"]
	return len(expect) > 0 && strings.EqualFold(expect[0], "100-continue") && r.ProtoMajor == 1 && r.ProtoMinor > 0
}

// receive waits for the answer and delivers it.
func (x *exchange) receive(g *leg) loss {
	c, a := g.c, x.recordOf(g)
	for range maxInterim {
		err := x.awaitHead(c, !a.Reused && c.bad == nil)
		if err != nil {
			return loss{stage: sent, result: resultOf(err), err: err}
		}
		if !c.begin() {
			return lossByPause
		}
		if a.FirstByte == 0 {
			a.FirstByte = time.Since(g.start)
			c.up.backend.latency.add(a.FirstByte)
			c.up.speed.Add(g.start.Add(a.FirstByte), a.FirstByte)
			c.up.backend.firstBytes.add(a.FirstByte)
		}
		switch status := x.head.status; {
		case status == http.StatusSwitchingProtocols:
			return x.tunnel(c, a)
		case status == http.StatusContinue:
			x.uploadNow(c)
		case status < 200:
			x.inform()
		default:
			return x.deliver(c, a)
		}
	}
	err := nonsense("more than %d interim responses", maxInterim)
	return loss{stage: sent, result: ResultNonsense, err: err}
}

// awaitHead reads the head of a response. It returns errHedge when another worker is to be asked too.
func (x *exchange) awaitHead(c *conn, fresh bool) (err error) {
	switch {
	case x.expecting:
		return x.awaitContinue(c)
	case fresh:
		err = x.head.readFirstHead(c)
	default:
		err = x.head.readHead(&c.in)
	}
	if isTimeout(err) && c.taking.Load() == hedged {
		return errHedge
	}
	return err
}

// awaitContinue waits a while for the worker to ask for the body, and then sends it unasked.
func (x *exchange) awaitContinue(c *conn) error {
	c.tcp.SetReadDeadline(time.Now().Add(continuePatience))
	err := x.head.readHead(&c.in)
	c.tcp.SetReadDeadline(time.Time{})
	if !isTimeout(err) {
		return err
	}
	x.uploadNow(c)
	return x.head.readHead(&c.in)
}

// uploadNow sends the body that the worker was to ask for first. That it is read makes net/http ask the client for it.
func (x *exchange) uploadNow(c *conn) {
	if !x.expecting {
		return
	}
	x.expecting = false
	x.upload.start()
	x.upload.sendTo(c)
}
