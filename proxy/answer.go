package proxy

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/lbdev/lbdev/proxy/strict"
)

// How a request ends that no worker answered, or not completely.

// fail answers with an error of our own.
func (x *exchange) fail(status int, reason string, after time.Duration) {
	x.leaveQueue(false)
	x.record.Outcome, x.record.Reason = Failed, reason
	x.reply(status, reason, after)
}

// refuse answers a request that is the client's own fault, or not for a proxy like this one.
func (x *exchange) refuse(status int, reason string) {
	x.record.Outcome, x.record.Reason = OK, reason
	x.reply(status, reason, 0)
}

// isAmbiguous refuses a request of HTTP/2 whose first line in HTTP/1 could be read in two ways. Those of HTTP/1 have come by a
// strict.Conn.
func (x *exchange) isAmbiguous() bool {
	if x.r.ProtoMajor != 2 {
		return false
	}
	refusal := strict.Check(x.r.Method, x.r.RequestURI, x.r.Host)
	if refusal != nil {
		x.refuse(refusal.Status, refusal.Reason)
	}
	return refusal != nil
}

func (x *exchange) reply(status int, reason string, after time.Duration) {
	if x.r == tcpRequest {
		return // there are no words for it: the connection is reset
	}
	x.record.Status = status
	h := x.w.Header()
	h.Set("Cache-Control", "no-store")
	if after > 0 {
		h.Set("Retry-After", strconv.Itoa(int(after/time.Second)))
	}
	if text := x.attempts(); text != "" {
		h.Set("X-Lbdev-Attempts", text)
	}
	x.closeUnread(h)
	page := x.proxy.ErrorPage
	if page == nil {
		page = plainErrorPage
	}
	page(&pageWriter{x.w, x}, x.r, Failure{
		Status: status, Reason: reason, Attempts: x.record.Attempts, RetryAfter: after,
		Workers: x.proxy.Pool.view.Load().all,
	})
	x.answered, x.dirty = true, true
}

// A pageWriter notes what an error page has.
type pageWriter struct {
	http.ResponseWriter
	of *exchange
}

func (w *pageWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.of.written += int64(n)
	w.of.keepWritten(p[:n])
	return n, err
}

// Unwrap is for http.ResponseController.
func (w *pageWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// cancel ends a request because of its client, who went away, or sends a body that is refused.
func (x *exchange) cancel() {
	x.leaveQueue(false)
	x.record.Outcome, x.record.Reason = Canceled, "the client went away"
	err := x.upload.failure()
	if err == nil || x.answered || isGone(err) {
		x.abort = true
		return
	}
	status := http.StatusBadRequest
	x.record.Reason = err.Error()
	if refusal, ok := errors.AsType[*strict.Refusal](err); ok {
		status, x.record.Reason = refusal.Status, refusal.Reason
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		status, x.record.Reason = http.StatusRequestEntityTooLarge, tooLarge
	}
	x.closeGently()
	x.refuse(status, x.record.Reason)
}

const tooLarge = "the body is larger than allowed"

// isGone says whether a body cannot be read because nothing more will come. All else is wrong with the body itself.
func isGone(err error) bool {
	_, broken := errors.AsType[net.Error](err)
	return broken || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}

// closeGently makes net/http end the client's connection after the answer in the way that it keeps for bodies which are too
// large: with a pause, so that a client which is still sending can read the answer before its connection is reset
// (RFC 9112 section 9.6).
func (x *exchange) closeGently() {
	var none [1]byte
	http.MaxBytesReader(x.w, io.NopCloser(bytes.NewReader(none[:])), 0).Read(none[:])
}

// cut ends a response whose worker died in the middle, by aborting the client's connection: it must see that something is
// missing.
func (x *exchange) cut(l loss) {
	x.flush()
	x.abort = true
	x.record.Outcome = Cut
	x.record.Reason = "the worker died in the middle of its response (" + l.result + ")"
	if errors.Is(l.err, errNonsense) {
		x.record.Reason = "the worker sent nonsense in the middle of its response: " + l.err.Error()
	}
}

// closeUnread ends the client's connection with this response if its body was not read to the end: what is left of it must
// not be taken for the next request.
func (x *exchange) closeUnread(h http.Header) {
	if x.upload != nil && x.r.ProtoMajor == 1 && (!x.upload.isOver() || x.upload.failure() != nil) {
		h["Connection"] = closeValue
	}
}

var closeValue = []string{"close"}

// attempts says who was asked, if that was more than one, or none that answered: "8000 (refused), 8001 (200)".
func (x *exchange) attempts() string {
	all := x.record.Attempts
	if len(all) == 0 || len(all) == 1 && x.record.Worker != 0 {
		return ""
	}
	buf := x.scratch[:0]
	for i := range all {
		if i == maxListed && len(all) > maxListed+1 {
			buf = append(buf, "..., "...)
		}
		if i >= maxListed && i < len(all)-1 {
			continue
		}
		buf = strconv.AppendInt(buf, int64(all[i].Port), 10)
		buf = append(buf, " ("...)
		buf = append(buf, all[i].Result...)
		buf = append(buf, "), "...)
	}
	x.scratch = buf
	return string(buf[:len(buf)-2])
}

// maxListed bounds the header: a request that was held has perhaps tried every incarnation of a crash loop.
const maxListed = 32
