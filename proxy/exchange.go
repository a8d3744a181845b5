package proxy

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/lbdev/lbdev/proxy/badge"
	"github.com/lbdev/lbdev/proxy/balance"
)

// An exchange is everything that belongs to one request. It is used again for another one, so that a request allocates
// little.
type exchange struct {
	proxy  *Proxy
	w      http.ResponseWriter
	r      *http.Request
	origin origin
	record Access
	picker
	by     *upstream // who answered; nil = nobody yet, or lbdev itself
	upload *upload   // nil = the request has no body

	head    head
	body    body
	listed  []string // what the client's Connection lists
	upgrade string   // the protocol that the client wants to change to
	scratch []byte

	answered  bool        // the client has got the head of an answer
	written   int64       // what of its body
	dirty     bool        // net/http has buffered some of it
	abort     bool        // the client's connection is to be aborted
	ended     bool        // by Shutdown; guarded by streams.mu
	inlined   bool        // the body went out with the head
	way       line        // that a stream comes over; guarded by streams.mu once it is one
	streaming bool        // it is in streams
	expecting bool        // the worker is to ask for the body
	keeping   bool        // bodies are kept as far as they may
	labels    bool        // the answer gets a label, if it is a page
	page      *badge.Page // the body, if it is one
	onWait    func()      // beforeWait as a value, made once

	place     place // in the queue of held requests
	heldSince time.Time
	scouting  bool       // see pick
	places    []*Backend // at which it has one, if there is a limit
}

var exchanges = sync.Pool{New: func() any {
	x := &exchange{}
	x.place.wake = make(chan struct{}, 1)
	x.onWait = x.beforeWait
	return x
}}

// A tried is an upstream at which the request failed.
type tried struct {
	up     *upstream
	sent   bool      // it may have executed the request
	deaths int       // how often a fresh connection to it was lost with the request
	closed int       // how often one that had served others was: it may only have been idle for too long
	again  time.Time // when it is worth another look
	ripe   bool      // it is
}

func (x *exchange) begin(p *Proxy, w http.ResponseWriter, r *http.Request) {
	ensureHost(r)
	x.proxy, x.w, x.r = p, w, r
	p.counts.total.Add(1)
	x.origin = p.originOf(r)
	x.record = Access{
		Start: time.Now(), Method: r.Method, Path: target(r), Proto: r.Proto, Host: r.Host,
		Client: x.origin.client, Attempts: x.record.Attempts[:0],
	}
	x.keepFrom()
	x.labels = p.badge.Load() && badge.Wanted(r)
	x.introduce()
	x.turn = balance.Turn{Request: r, Client: x.record.Client, Now: x.record.Start, Peek: takesNoTurn(r.URL.Path)}
	x.limit = p.limit()
	if r.ContentLength != 0 && r.Body != nil && r.Body != http.NoBody {
		if p.MaxBody > 0 {
			r.Body = http.MaxBytesReader(w, r.Body, p.MaxBody)
		}
		x.upload = newUpload(r, p.Inspect)
		// Without it net/http reads the rest of the body before it lets an early answer out. Its one error is a server that
		// can't do otherwise anyway (HTTP/2 always can).
		_ = http.NewResponseController(w).EnableFullDuplex()
	}
	x.listed = options(r.Header["Connection"], x.listed[:0])
	x.upgrade = upgradeOf(r, x.listed)
}

// maxTold is how many bytes are kept of what a client says of itself. Records are remembered when the request is long over, and a
// thousand heads of the size that is allowed would be 64 MB.
const maxTold = 2 << 10

// introduce notes who the client says that it is. Only a user, and what is too long, costs an allocation.
func (x *exchange) introduce() {
	h := x.r.Header
	if v := h["Referer"]; len(v) > 0 {
		x.record.Referer = told(v[0])
	}
	if v := h["User-Agent"]; len(v) > 0 {
		x.record.UserAgent = told(v[0])
	}
	if len(h["Authorization"]) > 0 {
		user, _, _ := x.r.BasicAuth()
		x.record.User = strings.Clone(user[:min(len(user), maxTold)]) // the password is in the same piece of memory
	}
}

func told(s string) string {
	if len(s) > maxTold {
		return strings.Clone(s[:maxTold])
	}
	return s
}

// end tells everybody that the request is over.
func (x *exchange) end() {
	if x.upload != nil {
		if !x.abort && !x.upload.isOver() && !talksGRPC(x.r) { // whose head may be its end, which a flush would take from it
			x.flush() // the client is to have its answer before it is waited for
		}
		x.upload.finish(x.w, x.abort)
	}
	x.record.Total = time.Since(x.record.Start)
	x.record.Bytes = x.written
	x.finishAttempts()
	x.keep()
	if x.proxy.OnAccess != nil {
		x.proxy.OnAccess(&x.record)
	}
	x.proxy.counts.done(&x.record)
	if x.by != nil {
		x.by.backend.answered(x.record.Status, x.record.Total)
	}
	x.proxy.streams.told()
}

// finishAttempts gives those a length that did not fail: the last one, and those that had lost the race when it began to answer.
func (x *exchange) finishAttempts() {
	all := x.record.Attempts
	for i := range all {
		a := &all[i]
		switch last := &all[len(all)-1]; {
		case a.Total > 0:
		case a == last:
			a.Total = x.record.Total - a.Start
		default:
			a.Total = last.Start + last.FirstByte - a.Start
		}
	}
}

// release forgets the request and gives the exchange back.
func (x *exchange) release() {
	clear(x.tried)
	*x = exchange{
		record: Access{Attempts: x.record.Attempts[:0]}, picker: picker{tried: x.tried[:0]}, head: head{fields: x.head.fields[:0], listed: x.head.listed[:0]},
		body: body{trailer: x.body.trailer[:0]}, listed: x.listed[:0], scratch: x.scratch[:0],
		place: place{wake: x.place.wake}, onWait: x.onWait, places: x.places[:0],
	}
	exchanges.Put(x)
}

// credit notes which worker answers, and with what.
func (x *exchange) credit(up *upstream, status int) {
	x.by = up
	x.record.Status, x.record.Worker, x.record.Port = status, up.worker, up.port
}

// flush sends what net/http has buffered.
func (x *exchange) flush() {
	if x.dirty {
		x.dirty = false
		if f, ok := x.w.(http.Flusher); ok {
			f.Flush()
		}
	}
}

// attempt begins the record of one that began at start.
func (x *exchange) attempt(up *upstream, start time.Time) *Attempt {
	x.record.Attempts = append(x.record.Attempts, Attempt{
		Worker: up.worker, Port: up.port, Incarnation: up.incarnation, Start: start.Sub(x.record.Start),
		why: x.turn.Why, known: x.all,
	})
	return &x.record.Attempts[len(x.record.Attempts)-1]
}
