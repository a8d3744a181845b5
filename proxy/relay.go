package proxy

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lbdev/lbdev/proxy/balance"
)

const (
	// halfClosedTCP is how long one side of a connection may be silent when the other has ended. A client that is gone looks like one
	// that has said all and waits for the answer, so it can't be for ever.
	halfClosedTCP = 5 * time.Minute
	// deathPatience is how long after the end of what a worker sent its death may be told of: its sockets are closed before
	// anybody knows that it has died, and a connection that ended because of that was cut.
	deathPatience = 100 * time.Millisecond
)

// methodTCP stands for the method of what is no request of HTTP.
const methodTCP = "TCP"

// tcpRequest is what an exchange has for a request where there is none.
var tcpRequest = &http.Request{Method: methodTCP, URL: &url.URL{}, Header: http.Header{}}

// serveTCP lets a worker have a connection, and closes it.
func (p *Proxy) serveTCP(client net.Conn) {
	x := exchanges.Get().(*exchange)
	x.beginTCP(p, client)
	x.forwardTCP(client)
	if x.record.Outcome == Failed {
		resetTCP(client)
	}
	client.Close()
	x.end()
	x.release()
}

func (x *exchange) beginTCP(p *Proxy, client net.Conn) {
	p.counts.total.Add(1)
	x.proxy, x.r = p, tcpRequest
	remote := client.RemoteAddr().String()
	peer := clientAddress(remote)
	if strings.IndexByte(remote, ':') < 0 {
		remote = "unix"
	}
	x.origin = origin{peer: peer, client: peer}
	x.record = Access{
		Start: time.Now(), Method: methodTCP, Path: remote, Proto: methodTCP, Client: peer, Attempts: x.record.Attempts[:0],
	}
	x.turn = balance.Turn{Client: peer, Now: x.record.Start}
	x.limit = p.limit()
}

// forwardTCP connects the client to a worker.
func (x *exchange) forwardTCP(client net.Conn) {
	for {
		up := x.pick()
		if up == nil {
			if !x.wait() {
				return
			}
			continue
		}
		done := x.tryTCP(client, up)
		x.vacate(done)
		if done {
			return
		}
	}
}

// tryTCP lets one worker have the client, and says whether it has had it.
func (x *exchange) tryTCP(client net.Conn, up *upstream) bool {
	start := x.record.Start
	if len(x.record.Attempts) > 0 || x.record.Held > 0 {
		start = time.Now()
	}
	c, err := x.dialTCP(up)
	if err != nil {
		x.unreached(up, start, err)
		return false
	}
	x.leaveQueue(true)
	return x.relay(client, c, start)
}

// dialTCP connects to a worker, or to whom plays it. No context watches over the connection: it ends by itself.
func (x *exchange) dialTCP(up *upstream) (*conn, error) {
	var none context.Context
	bad, err := up.misbehave()
	switch {
	case err != nil:
		return nil, err
	case bad != nil:
		return up.adopt(none, bad, bad), nil
	}
	sock, err := up.reach(context.Background())
	if err != nil {
		return nil, err
	}
	return up.adopt(none, sock, nil), nil
}

// relay copies between a client and a worker until both have ended. False means that the worker has got nothing: it has left
// rotation since it was picked, or died with the connection in its queue.
func (x *exchange) relay(client net.Conn, c *conn, start time.Time) bool {
	g := x.leg(c, start)
	if !c.enter() {
		c.end(x, false)
		x.lost(c.up, x.recordOf(&g), lossByLeaving)
		x.record.Attempts = x.record.Attempts[:g.at]
		return false
	}
	a := x.recordOf(&g)
	a.Sent = true
	c.up.backend.requests.Add(1)
	x.credit(c.up, 0)
	x.record.Outcome = x.success()
	x.way, x.streaming = tcpLine{c, client}, true
	x.proxy.streams.add(x, false)
	defer x.unstream()
	r := &pipe{client: client, worker: c, upEnded: make(chan struct{})}
	r.run()
	c.end(x, false)
	if r.untouched {
		a.Sent = false
		x.lost(c.up, a, loss{stage: unsent, result: resultOf(cmp.Or(r.err, io.EOF))})
		x.by, x.record.Worker, x.record.Port, x.record.Outcome = nil, 0, 0, ""
		return false
	}
	x.written = r.down
	x.conclude(r, a)
	if !r.firstByte.IsZero() {
		a.FirstByte = r.firstByte.Sub(start)
		c.up.backend.latency.add(a.FirstByte)
		c.up.backend.firstBytes.add(a.FirstByte)
		c.up.speed.Add(r.firstByte, a.FirstByte)
	}
	return true
}

// conclude finds out how a connection has ended.
func (x *exchange) conclude(r *pipe, a *Attempt) {
	cut := func(result string) {
		a.Result = result
		x.record.Outcome, x.record.Reason = Cut, "the worker ended with the connection open ("+result+")"
		r.worker.up.backend.failures.Add(1)
	}
	switch {
	case x.wasEnded():
		a.Result = ResultClosed
	case r.failed == fromWorker:
		cut(resultOf(r.err))
	case r.failed == fromClient:
		a.Result = ResultCanceled
		x.record.Outcome, x.record.Reason = Canceled, "the client went away"
	case r.first == fromWorker && r.worker.up.hasDied(deathPatience):
		cut(ResultClosed)
	default:
		a.Result = ResultEnded
	}
}

// A tcpLine ends both sides of a pipe when it is aborted: one of them may have ended before, and wakes nobody.
type tcpLine struct {
	*conn
	client net.Conn
}

func (l tcpLine) abort() {
	l.conn.abort()
	beneath(l.client).Close() // a tls.Conn would first wait until its client takes a goodbye
}

// A side is where bytes come from.
type side int

const (
	neither side = iota
	fromClient
	fromWorker
)

// A pipe copies both ways between a client and a worker, and notes who ended it.
type pipe struct {
	client    net.Conn
	worker    *conn
	down      int64     // bytes to the client
	firstByte time.Time // when the worker sent its first
	upEnded   chan struct{}
	untouched bool // the worker has died before a byte went either way: another one may have the client

	takesBack atomic.Bool // the client is being taken back from the worker
	sent      int64       // bytes to the worker, and why there are no more; known when upEnded is closed
	stopped   error

	mu     sync.Mutex
	first  side  // who ended first
	failed side  // who broke the connection first
	err    error // as which this was seen
}

// run returns when both directions have ended. A worker that dies after it has ended its side takes nothing more, though its
// client may not know.
func (r *pipe) run() {
	go r.up()
	err := r.copyDown()
	if r.firstByte.IsZero() && r.worker.up.hasDied(deathPatience) && r.takeBack() {
		r.untouched, r.err = true, err
		return
	}
	r.end(r.client, fromWorker, err)
	select {
	case <-r.upEnded:
	case <-r.worker.up.died:
		r.client.Close()
		<-r.upEnded
	}
}

// up is the goroutine that copies from the client to the worker; run waits for it.
func (r *pipe) up() {
	defer close(r.upEnded)
	r.sent, r.stopped = copyOn(r.worker.sock, r.client, halfClosedTCP, r.takesBack.Load)
	if !r.takesBack.Load() {
		r.end(r.worker.sock, fromClient, r.stopped)
	}
}

// takeBack ends the copying from the client, and says whether the client is as it was: it has sent nothing yet, and is there. An
// error other than our own may have lost what it has sent.
func (r *pipe) takeBack() bool {
	r.takesBack.Store(true)
	r.client.SetReadDeadline(time.Unix(1, 0))
	<-r.upEnded
	return r.sent == 0 && (r.stopped == nil || isTimeout(r.stopped)) && r.client.SetReadDeadline(time.Time{}) == nil
}

// copyDown copies from the worker to the client. What comes first is read by itself, as its time is worth knowing; the rest is
// left to the kernel where it can do that.
func (r *pipe) copyDown() error {
	in := &r.worker.in
	if err := in.fill(); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		return err
	}
	r.firstByte = time.Now()
	n, err := r.client.Write(in.buffered())
	in.skip(n)
	r.down = int64(n)
	if err != nil {
		return err
	}
	more, err := copyOn(r.client, r.worker.sock, halfClosedTCP, never)
	r.down += more
	return err
}

func never() bool { return false }

// copyOn copies until the end. The deadline for reading that is set when the other side has ended bounds silence: as long as something
// comes it moves on, by the given time, unless it was set to stop the copying.
func copyOn(to io.Writer, from net.Conn, patience time.Duration, stopped func() bool) (n int64, err error) {
	for {
		more, err := io.Copy(to, from)
		n += more
		if more == 0 || !wasSilent(err) || stopped() {
			return n, err
		}
		from.SetReadDeadline(time.Now().Add(patience))
	}
}

// wasSilent says whether an error of io.Copy is a deadline for reading that has passed. Nothing is lost then. One for writing is known
// by its innermost operation; where the kernel copies there is none.
func wasSilent(err error) bool {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	for op, ok := errors.AsType[*net.OpError](err); ok; op, ok = errors.AsType[*net.OpError](op.Err) {
		if op.Op == "write" {
			return false
		}
	}
	return true
}

// end passes the end of one direction on. The other one may go on, as long as it is not silent for too long; after an error there is
// nothing to wait for.
func (r *pipe) end(to net.Conn, from side, err error) {
	switch {
	case err == nil:
		r.note(from, neither, nil)
		half, ok := to.(interface{ CloseWrite() error })
		if ok && half.CloseWrite() == nil || from == fromClient { // a worker that takes no end may have left an answer, or a reset
			to.SetReadDeadline(time.Now().Add(halfClosedTCP))
			return
		}
	case errors.Is(err, net.ErrClosed): // our own doing
	case wasSilent(err) && from == fromClient: // the worker has ended, and the client has nothing to say
	case wasSilent(err):
		r.note(from, from, err)
		resetTCP(r.client)
	default:
		if r.note(from, r.blame(from), err) == fromWorker {
			resetTCP(r.client)
		}
	}
	r.client.Close()
	r.worker.abort()
}

// note remembers how the connection began to end, and returns who broke it, if that is the first to do so.
func (r *pipe) note(from, broke side, err error) side {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.first == neither {
		r.first = from
	}
	if broke == neither || r.failed != neither {
		return neither
	}
	r.failed, r.err = broke, err
	return broke
}

// blame says whose fault it is that copying from one side to the other has failed. Where the kernel copies, the error does not
// tell whether reading or writing failed. Who was read from is looked at: if it is there, it was the other.
func (r *pipe) blame(from side) side {
	source, other := r.client, fromWorker
	if from == fromWorker {
		source, other = r.worker.sock, fromClient
	}
	if isThere(source) {
		return other
	}
	return from
}

// resetTCP ends a connection with a reset: its client must see that something is missing. One of TLS gets no goodbye either.
func resetTCP(c net.Conn) {
	c = beneath(c)
	if tcp, ok := c.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	c.Close()
}

// beneath is the connection below TLS and whatever else wraps it.
func beneath(c net.Conn) net.Conn {
	for {
		wrapper, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return c
		}
		c = wrapper.NetConn()
	}
}
