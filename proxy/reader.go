package proxy

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
)

const (
	// smallBuffer belongs to a connection for life: heads and small bodies of most answers fit.
	smallBuffer = 4 << 10
	// bigBuffer is borrowed for an answer that needs more. It bounds a head, and what of a body is read before its head is
	// sent to the client.
	bigBuffer = 64 << 10
)

// errFull says that what was to be read as a whole is larger than a reader may buffer.
var errFull = errors.New("cannot read on: the buffer is full")

var bigBuffers = sync.Pool{New: func() any { return new([bigBuffer]byte) }}

// A reader buffers what a worker sends. What it returns is part of its buffer: valid until the next fill, and nothing is
// copied on the way from the worker to the client.
type reader struct {
	src   io.Reader
	small []byte
	big   *[bigBuffer]byte // nil = not borrowed
	buf   []byte           // one of the two
	r, w  int              // buf[r:w] is unread
	heard *atomic.Bool     // becomes true when something comes; may be nil
}

func newReader(src io.Reader) reader {
	small := make([]byte, smallBuffer)
	return reader{src: src, small: small, buf: small}
}

// buffered returns what has come and was not taken.
func (b *reader) buffered() []byte { return b.buf[b.r:b.w] }

// skip takes n bytes of what is buffered.
func (b *reader) skip(n int) { b.r += n }

// fill reads once, behind what is buffered. It returns nil when at least a byte came.
func (b *reader) fill() error {
	switch {
	case b.r == b.w:
		b.r, b.w = 0, 0
	case b.w == len(b.buf) && b.r > 0:
		b.w = copy(b.buf, b.buf[b.r:b.w])
		b.r = 0
	case b.w == len(b.buf) && b.big == nil:
		b.widen()
	case b.w == len(b.buf):
		return errFull
	}
	n, err := b.src.Read(b.buf[b.w:])
	b.w += n
	if n > 0 {
		if b.heard != nil && !b.heard.Load() { // a store each time would take the line from the other CPUs
			b.heard.Store(true)
		}
		return nil
	}
	if err == nil {
		return io.ErrNoProgress
	}
	return err
}

// widen borrows a big buffer, if that has not been done.
func (b *reader) widen() {
	if b.big != nil {
		return
	}
	b.big = bigBuffers.Get().(*[bigBuffer]byte)
	b.w = copy(b.big[:], b.buf[b.r:b.w])
	b.r = 0
	b.buf = b.big[:]
}

// reset drops what is buffered and gives the big buffer back.
func (b *reader) reset() {
	if b.big != nil {
		bigBuffers.Put(b.big)
		b.big, b.buf = nil, b.small
	}
	b.r, b.w = 0, 0
}
