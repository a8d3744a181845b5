package proxy

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/lbdev/lbdev/proxy/fault"
)

// continuePatience is how long a worker may take to ask for a body that was announced with Expect (RFC 9110 section
// 10.1.1: not indefinitely). Many ignore it.
const continuePatience = time.Second

// A conn is one HTTP/1 connection to a worker. One request at a time owns it; otherwise it is idle and its upstream does.
type conn struct {
	hold
	sock  socket
	in    reader
	out   []byte // the request's head, built here
	born  time.Time
	kept  bool  // it was idle once; guarded by upstream.mu
	slot  bool  // it has one of upstream.slots
	until int64 // the tick at which it was idle for too long

	raw    syscall.RawConn // for quiet
	look   func(fd uintptr) bool
	silent bool // what look saw: nothing has come
	speaks bool // or something has
}

// A socket is what TCP and unix sockets have in common.
type socket interface {
	net.Conn
	CloseWrite() error
	SyscallConn() (syscall.RawConn, error)
}

func newConn(u *upstream, sock socket) *conn {
	c := &conn{hold: hold{up: u}, sock: sock, born: time.Now(), in: newReader(sock), out: make([]byte, 0, 1024)}
	c.in.heard = &u.heard
	c.way, c.abortFunc = c, c.abort
	c.prepareLook()
	return c
}

// send writes the head, in one write with the body if that is small and complete; else the body follows on its own.
func (c *conn) send(x *exchange, a *Attempt) loss {
	u := x.upload
	x.inlined = false
	x.expecting = u != nil && !u.begun() && expectsContinue(x.r)
	c.out = x.appendHead(c.out[:0], x.expecting)
	if u != nil && !x.expecting {
		u.start()
		if data, ok := u.inline(); ok {
			x.inlined = true
			c.out = x.appendBody(c.out, data)
		}
	}
	c.used++
	c.lendFor(x)
	c.waiting.Store(true)
	n, err := c.sock.Write(c.out)
	if err != nil && n == 0 {
		return loss{stage: unsent, result: resultOf(err), err: err}
	}
	a.Sent = true
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

func expectsContinue(r *http.Request) bool {
	expect := r.Header["Expect"]
	return len(expect) > 0 && strings.EqualFold(expect[0], "100-continue") && r.ProtoMajor == 1 && r.ProtoMinor > 0
}

func (c *conn) await(x *exchange, a *Attempt) loss {
	if err := c.readHead(x, !a.Reused && c.bad == nil); err != nil {
		return loss{stage: sent, result: resultOf(err), err: err}
	}
	if x.head.status == http.StatusContinue {
		c.upload(x)
	}
	return loss{}
}

// readHead reads the head of a response.
func (c *conn) readHead(x *exchange, fresh bool) (err error) {
	switch {
	case x.expecting:
		return c.readContinue(x)
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

// readContinue waits a while for the worker to ask for the body, and then sends it unasked.
func (c *conn) readContinue(x *exchange) error {
	c.sock.SetReadDeadline(time.Now().Add(continuePatience))
	err := x.head.readHead(&c.in)
	c.sock.SetReadDeadline(time.Time{})
	if !isTimeout(err) {
		return err
	}
	c.upload(x)
	return x.head.readHead(&c.in)
}

// upload sends the body that the worker was to ask for first. That it is read makes net/http ask the client for it.
func (c *conn) upload(x *exchange) {
	if !x.expecting {
		return
	}
	x.expecting = false
	x.upload.start()
	x.upload.sendTo(c)
}

// arrive fills the buffer with a head.
func (c *conn) arrive() loss {
	for {
		end, err := headEnd(&c.in)
		switch {
		case end > 0:
			return loss{}
		case !isTimeout(err):
			return loss{stage: sent, result: resultOf(err), err: err}
		}
		c.calm() // it was to hedge, which it does
	}
}

func (c *conn) interrupt() { c.sock.SetReadDeadline(time.Unix(1, 0)) }

func (c *conn) resume() { c.sock.SetReadDeadline(time.Time{}) }

func (c *conn) body(x *exchange) { x.body.of(&x.head, x.r.Method, &c.in) }

func (c *conn) abort() { c.sock.Close() }

// end keeps the connection if it can be used again.
func (c *conn) end(x *exchange, delivered bool) {
	whole := x.upload == nil || x.upload.stop(c) || x.inlined
	c.exit()
	if delivered && whole && !x.head.close && x.body.kind != untilClose && len(c.in.buffered()) == 0 && c.bad == nil {
		c.up.put(c, x.head.ticks)
	} else {
		c.up.drop(c)
	}
}

// close ends a connection that nobody uses.
func (c *conn) close() {
	c.in.reset()
	c.sock.Close()
	if c.slot {
		<-c.up.slots
	}
}

// resultOf says in a word what an error of a connection means.
func resultOf(err error) string {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ResultClosed
	case isRefused(err), errors.Is(err, fault.ErrRefused):
		return ResultRefused
	case isReset(err), isStreamReset(err):
		return ResultReset
	case isTimeout(err):
		return ResultTimeout
	case errors.Is(err, errNonsense):
		return ResultNonsense
	case strings.HasPrefix(err.Error(), "http2: "):
		return ResultClosed
	}
	return ResultUnreachable
}
