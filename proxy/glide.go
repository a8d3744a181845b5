package proxy

import (
	"io"
	"runtime"
)

const (
	// glideFrom is how much of a body must be to come for the kernel to move it by itself. Below that a pipe, which it needs,
	// costs more than the copying.
	glideFrom = 256 << 10
	// glidePiece is how much it moves until we look again: a worker that sends must not seem silent.
	glidePiece = 4 << 20
)

// mayGlide says whether the rest of the body may go from the worker's socket to the client's without passing through us:
// splice(2), which net's ReadFrom calls for two sockets.
func (x *exchange) mayGlide() bool {
	b := &x.body
	if runtime.GOOS != "linux" || b.kind != byLength || b.left < glideFrom || len(b.in.buffered()) > 0 || x.page != nil {
		return false
	}
	if k := x.record.Kept; k != nil && !k.Response.Body.Full() {
		return false // its beginning is to be seen
	}
	_, ok := x.w.(io.ReaderFrom)
	return ok && x.r.ProtoMajor == 1 && x.r.TLS == nil && x.way.held().bad == nil
}

// glide lets the rest of the body go. The loss is the zero value when all of it went.
func (x *exchange) glide() loss {
	c, to := x.way.(*conn), x.w.(io.ReaderFrom) // a body by length comes over a conn
	for x.body.left > 0 {
		piece := &io.LimitedReader{R: c.sock, N: min(x.body.left, glidePiece)}
		n, err := to.ReadFrom(piece)
		x.written += n
		x.body.left -= n
		c.up.heard.Store(true)
		switch {
		case err != nil && c.lives():
			return loss{stage: gone} // it was the client's side that failed
		case err != nil:
			return loss{stage: begun, result: resultOf(err), err: err}
		case piece.N > 0:
			return loss{stage: begun, result: ResultClosed, err: io.ErrUnexpectedEOF}
		}
	}
	return loss{}
}
