package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/lbdev/lbdev/proxy/badge"
)

// errUnsendable says that a request has no form in HTTP/2, or one that is longer than the worker takes.
var errUnsendable = errors.New("cannot send the request over HTTP/2")

// A lane is one stream of an HTTP/2 connection to a worker. Framing, flow control and the resets of what is given up are
// net/http's.
type lane struct {
	hold
	cc      *http.ClientConn
	in      reader // of the response's body
	ctx     context.Context
	cancel  context.CancelFunc
	wrote   atomic.Bool // the head of the request has left
	content *laneBody   // of the request; nil = it has none
	started bool        // roundTrip was
	heads   chan laneHead
	over    chan struct{} // closed when roundTrip has ended
	hurry   chan struct{} // has room for one interrupt
	next    *laneHead     // has arrived and was not awaited
	answer  *http.Response
}

// A laneHead is what comes: an interim head, the answer, or the reason why none comes.
type laneHead struct {
	status  int // of an interim head
	header  http.Header
	answer  *http.Response
	failure error
}

func newLane(of *lanes, ctx context.Context, cc *http.ClientConn, used int) *lane {
	l := &lane{
		hold: hold{up: of.up, used: used}, cc: cc,
		heads: make(chan laneHead, maxInterim+1), // roundTrip and its hook never wait for whoever reads it
		over:  make(chan struct{}),
		hurry: make(chan struct{}, 1),
	}
	l.ctx, l.cancel = context.WithCancel(ctx)
	l.way = l
	of.up.mu.Lock()
	defer of.up.mu.Unlock()
	of.up.own(&l.hold, nil)
	return l
}

// send lets roundTrip send the request. Whether that works shows in await.
func (l *lane) send(x *exchange, a *Attempt) loss {
	u := x.upload
	x.inlined = false
	expecting := u != nil && !u.begun() && expectsContinue(x.r)
	r := l.request(x, expecting)
	l.lendFor(x)
	l.waiting.Store(true)
	if u != nil {
		// net/http does not look at the context while it waits for more of the body.
		context.AfterFunc(l.ctx, func() { l.content.Close() })
		if !expecting {
			u.start()
		}
	}
	l.started = true
	go l.roundTrip(r)
	return loss{}
}

// roundTrip is the goroutine that waits for the head of the answer; end waits for it. It is one of its own because interim
// heads are to be passed on before.
func (l *lane) roundTrip(r *http.Request) {
	defer close(l.over)
	answer, err := l.cc.RoundTrip(r)
	l.up.heard.Store(err == nil || l.up.heard.Load())
	l.heads <- laneHead{answer: answer, failure: err}
}

// gotInterim is called by net/http's reader, which all lanes of a connection share.
func (l *lane) gotInterim(status int, header textproto.MIMEHeader) error {
	if len(l.heads) >= maxInterim {
		return nonsense("more than %d interim responses", maxInterim)
	}
	l.up.heard.Store(true)
	l.heads <- laneHead{status: status, header: http.Header(header)}
	return nil
}

func (l *lane) wroteHeaders() {
	if !l.wrote.Swap(true) {
		l.up.backend.requests.Add(1)
	}
}

// request is the client's request as the worker gets it. The fields follow the rules that appendHead has for HTTP/1.
func (l *lane) request(x *exchange, expecting bool) *http.Request {
	ctx := httptrace.WithClientTrace(l.ctx, &httptrace.ClientTrace{Got1xxResponse: l.gotInterim, WroteHeaders: l.wroteHeaders})
	r := (&http.Request{
		Method: x.r.Method, URL: targetURL(x, l.up.addresses[0]), Host: x.r.Host, Proto: "HTTP/2.0", ProtoMajor: 2,
		Header: make(http.Header, len(x.r.Header)+4), ContentLength: x.r.ContentLength,
	}).WithContext(ctx)
	h := r.Header
	for name, values := range x.r.Header {
		if x.passes(name) {
			h[name] = values
		}
	}
	if x.labels {
		h["Accept-Encoding"] = []string{badge.Coding(x.r)}
	}
	x.origin.addTo(h)
	if len(x.r.Header["Te"]) > 0 && wantsTrailers(x.r) {
		h["Te"] = []string{"trailers"} // RFC 9113 section 8.2.2; gRPC insists on it
	}
	if h["User-Agent"] == nil {
		h["User-Agent"] = nil // the key alone keeps net/http from inventing one
	}
	if expecting {
		h["Expect"] = []string{"100-continue"}
	}
	if x.upload != nil {
		l.content = &laneBody{u: x.upload, to: r}
		r.Body = l.content
		if x.upload.trailers != "" {
			r.Trailer = http.Header{}
			for name := range strings.SplitSeq(x.upload.trailers, ", ") {
				r.Trailer[name] = nil
			}
		}
	}
	return r
}

// targetURL is the client's target in the one form that net/http writes out as it is.
func targetURL(x *exchange, address string) *url.URL {
	u := &url.URL{Scheme: "http", Host: address, Path: x.r.URL.Path, RawPath: x.r.URL.RawPath, RawQuery: x.r.URL.RawQuery, ForceQuery: x.r.URL.ForceQuery}
	if target := x.record.Path; u.RequestURI() != target && !strings.HasPrefix(target, "//") {
		*u = url.URL{Scheme: "http", Host: address, Opaque: target}
	}
	return u
}

// await waits for the next head. A worker's 100 is net/http's: it begins to send the body.
func (l *lane) await(x *exchange, a *Attempt) loss {
	if !l.ready() {
		return loss{stage: sent, result: ResultSilent, err: errHedge}
	}
	head := l.next
	l.next = nil
	if head.failure != nil {
		lost := l.failed(head.failure)
		a.Sent = lost.stage == sent
		return lost
	}
	l.wroteHeaders() // which net/http may say later than an answer comes
	a.Sent = true
	switch {
	case head.answer == nil:
		x.head.take(head.status, head.header, nil, -1)
	case head.answer.StatusCode == http.StatusSwitchingProtocols:
		return loss{stage: sent, result: ResultNonsense, err: nonsense("HTTP/2 has no status 101")}
	default:
		l.answer = head.answer
		l.in = newReader(l.answer.Body)
		l.in.heard = &l.up.heard
		x.head.take(l.answer.StatusCode, l.answer.Header, l.answer.Trailer, l.answer.ContentLength)
	}
	return loss{}
}

// ready waits for a head; false means that it was interrupted.
func (l *lane) ready() bool {
	if l.next != nil {
		return true
	}
	select {
	case head := <-l.heads:
		l.next = &head
		return true
	case <-l.hurry:
		return false
	}
}

func (l *lane) arrive() loss {
	for !l.ready() { // it was to hedge, which it does
	}
	if l.next.failure != nil {
		return l.failed(l.next.failure)
	}
	return loss{}
}

func (l *lane) interrupt() {
	select {
	case l.hurry <- struct{}{}:
	default:
	}
}

func (l *lane) resume() {
	select {
	case <-l.hurry:
	default:
	}
}

func (l *lane) abort() { l.cancel() }

// failed says how far a request got that has no answer (RFC 9113 sections 5.4.2, 6.8 and 8.7).
func (l *lane) failed(err error) loss {
	stream, _ := errors.AsType[streamError](err)
	switch {
	case stream.Code == refusedStream:
		return loss{stage: unsent, result: ResultRefused, err: err}
	case !l.wrote.Load() && l.cc.Err() == nil && l.ctx.Err() == nil && err.Error() != goneAway && err.Error() != unusable:
		return loss{stage: sent, result: ResultNonsense, err: fmt.Errorf("%w: %w", errUnsendable, err)}
	case !l.wrote.Load(), err.Error() == goneAway:
		return loss{stage: unsent, result: ResultClosed, err: err}
	case speaksHTTP1(err):
		return loss{stage: sent, result: ResultNonsense, err: nonsense("it does not speak HTTP/2")}
	}
	return loss{stage: sent, result: resultOf(err), err: err}
}

// body reads what follows the head. Where the head ends the stream, as gRPC's errors do, the client's has to end it too: a
// flush in between would make it one that has a body.
func (l *lane) body(x *exchange) {
	x.body = body{in: &l.in, lane: l, trailer: x.body.trailer[:0]}
	if x.r.Method != http.MethodHead {
		x.body.kind, x.body.left = byStream, l.answer.ContentLength
	}
}

// trailers are what came after the body, in the order of their names.
func (l *lane) trailers(to []field) []field {
	for name, values := range l.answer.Trailer {
		for _, v := range values {
			to = append(to, field{name, v})
		}
	}
	slices.SortStableFunc(to, func(a, b field) int { return strings.Compare(a.name, b.name) })
	return to
}

// end gives the lane back. A stream that has not ended is reset, which ends whatever the worker does for it.
func (l *lane) end(x *exchange, delivered bool) {
	if l.content != nil {
		l.content.Close()
	}
	if !delivered {
		l.cancel()
	}
	if l.started {
		l.finish()
	} else {
		l.cc.Release()
	}
	l.cancel()
	if l.bad != nil {
		l.cc.Close()
	}
	l.in.reset()
	l.exit()
	l.up.mu.Lock()
	l.up.disown(&l.hold)
	l.up.mu.Unlock()
	if x.upload != nil {
		x.upload.rewind()
	}
}

// finish waits for roundTrip and closes the answer, also one that nobody has waited for.
func (l *lane) finish() {
	<-l.over
	if l.next != nil {
		l.answer = l.next.answer
	}
	for l.answer == nil && len(l.heads) > 0 {
		l.answer = (<-l.heads).answer
	}
	if l.answer != nil {
		l.answer.Body.Close()
	}
}

// A laneBody is the body of a request on its way into a lane. net/http's goroutine reads it.
type laneBody struct {
	u      *upload
	to     *http.Request
	closed bool // guarded by u.mu
}

// Read waits for more of the body. Its trailers are complete when it is.
func (b *laneBody) Read(piece []byte) (int, error) {
	b.begin()
	n, err := b.u.next(piece, &b.closed)
	if err == io.EOF {
		for name := range b.to.Trailer {
			b.to.Trailer[name] = b.u.r.Trailer[name]
		}
	}
	return n, err
}

// begin starts reading from the client, if the worker was to ask for it first. Once the lane has ended nobody may: the client's body
// is its handler's, which net/http does not wait for.
func (b *laneBody) begin() {
	b.u.mu.Lock()
	defer b.u.mu.Unlock()
	if !b.closed {
		b.u.startLocked()
	}
}

// Close makes sure that nothing more is read.
func (b *laneBody) Close() error {
	b.u.mu.Lock()
	defer b.u.mu.Unlock()
	b.closed = true
	b.u.changed.Broadcast()
	return nil
}

// A streamError is net/http's own, whose type it keeps to itself: it lets itself be found as a struct of these fields.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (e streamError) Error() string { return "stream error " + strconv.Itoa(int(e.Code)) }

const (
	// refusedStream is the code that says that nothing was done (RFC 9113 section 8.7).
	refusedStream = 7
	// canceled is the code for a stream that is not wanted any more.
	canceled = 8
	// goneAway and unusable are errors of net/http that can be told by nothing else: the worker sent GOAWAY and did not begin
	// with this request (section 6.8), or before.
	goneAway = "http2: Transport received Server's graceful shutdown GOAWAY"
	unusable = "http2: client conn not usable"
)

// overdue says that the worker has ended a call of gRPC at the deadline that its client has set, and knows as well: a moment later
// it would have been the client who did it.
func (x *exchange) overdue(err error) bool {
	if len(x.r.Header["Grpc-Timeout"]) == 0 {
		return false
	}
	stream, ok := errors.AsType[streamError](err)
	return ok && stream.Code == canceled
}

// speaksHTTP1 says whether an error comes from a worker that answered in HTTP/1, or broke the rules of HTTP/2.
func speaksHTTP1(err error) bool {
	text := err.Error()
	return strings.Contains(text, "looked like an HTTP/1.1 header") || strings.HasPrefix(text, "connection error: ")
}

// isStreamReset says whether an error is that of one stream.
func isStreamReset(err error) bool {
	_, ok := errors.AsType[streamError](err)
	return ok
}
