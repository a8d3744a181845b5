package proxy

import (
	"bytes"
	"io"
	"strings"
)

const (
	// maxChunkLine bounds the line with a chunk's size and its extensions, which nobody uses.
	maxChunkLine = 4 << 10
	// maxTrailer bounds the trailer section.
	maxTrailer = 32 << 10
)

// A body reads the body of a response. Its zero value is an empty one.
type body struct {
	in      *reader
	kind    bodyKind
	left    int64   // of the body, or of the chunk
	inChunk bool    // the end of a chunk's data was not read yet
	trailer []field // when next has returned io.EOF
	lane    *lane   // of byStream
	waiting func()  // is called before waiting for the worker; may be nil
}

type bodyKind int

const (
	empty      bodyKind = iota
	byLength            // left bytes
	byChunks            // RFC 9112 section 7.1
	untilClose          // whatever comes until the worker closes
	byStream            // HTTP/2: whatever comes until the stream ends; left bytes, or -1
)

// of prepares for the body that follows a head, by RFC 9112 section 6.3.
func (b *body) of(h *head, method string, in *reader) {
	*b = body{in: in, trailer: b.trailer[:0]}
	switch {
	case method == "HEAD", h.status < 200, h.status == 204, h.status == 304:
	case h.chunked:
		b.kind = byChunks
	case h.length > 0:
		b.kind, b.left = byLength, h.length
	case h.length < 0:
		b.kind = untilClose
	}
}

// next returns the next piece, which is valid until the call after. After the last one it returns io.EOF; any other error
// means that the body is incomplete.
func (b *body) next() ([]byte, error) {
	switch b.kind {
	case byLength:
		return b.nextByLength()
	case byChunks:
		return b.nextByChunks()
	case untilClose:
		if err := b.need(); err != nil {
			return nil, err
		}
		return b.take(len(b.in.buffered())), nil
	case byStream:
		return b.nextByStream()
	}
	return nil, io.EOF
}

// bounded says that the body's length is known.
func (b *body) bounded() bool { return b.kind == byLength || b.kind == byStream && b.left >= 0 }

// mayHaveTrailer says that trailers can follow the body.
func (b *body) mayHaveTrailer() bool { return b.kind == byChunks || b.kind == byStream }

// nextByStream leaves it to net/http that a body has the length that it was said to have.
func (b *body) nextByStream() ([]byte, error) {
	switch err := b.need(); {
	case err == io.EOF:
		b.trailer = b.lane.trailers(b.trailer)
		return nil, io.EOF
	case err != nil:
		return nil, err
	}
	piece := b.take(len(b.in.buffered()))
	if b.left > 0 {
		b.left = max(b.left-int64(len(piece)), 0)
	}
	return piece, nil
}

func (b *body) nextByLength() ([]byte, error) {
	if b.left == 0 {
		return nil, io.EOF
	}
	if err := b.need(); err != nil {
		return nil, unexpected(err)
	}
	piece := b.take(int(min(b.left, int64(len(b.in.buffered())))))
	b.left -= int64(len(piece))
	return piece, nil
}

func (b *body) nextByChunks() ([]byte, error) {
	for b.left == 0 {
		if done, err := b.nextChunk(); err != nil {
			return nil, unexpected(err)
		} else if done {
			b.kind = empty
			return nil, io.EOF
		}
	}
	if err := b.need(); err != nil {
		return nil, unexpected(err)
	}
	piece := b.take(int(min(b.left, int64(len(b.in.buffered())))))
	b.left -= int64(len(piece))
	return piece, nil
}

// nextChunk reads the end of a chunk and the line that begins the next one; of the last chunk also the trailers.
func (b *body) nextChunk() (last bool, err error) {
	if b.inChunk {
		if line, err := b.line(2); err != nil {
			return false, err
		} else if line != "" {
			return false, nonsense("a chunk is longer than its size")
		}
		b.inChunk = false
	}
	line, err := b.line(maxChunkLine)
	if err != nil {
		return false, err
	}
	if b.left, err = parseChunkSize(line); err != nil {
		return false, err
	}
	if b.left > 0 {
		b.inChunk = true
		return false, nil
	}
	return true, b.readTrailer()
}

func (b *body) readTrailer() error {
	for size := 0; size < maxTrailer; {
		line, err := b.line(maxTrailer)
		if err != nil {
			return err
		}
		if line == "" {
			return nil
		}
		f, err := parseField(line)
		if err != nil {
			return err
		}
		size += len(line)
		b.trailer = append(b.trailer, f)
	}
	return nonsense("its trailers are longer than %d bytes", maxTrailer)
}

// parseChunkSize reads "1a" or "1a;extension". What other parsers take for a number ("0x1a", "+1", " 1") is refused.
func parseChunkSize(line string) (int64, error) {
	var n int64
	digits := 0
	for ; digits < len(line); digits++ {
		v := hexValue(line[digits])
		if v < 0 {
			break
		}
		if digits >= 15 { // 60 bits
			return 0, nonsense("the chunk size %.40q is too large", line)
		}
		n = n<<4 | int64(v)
	}
	if rest := strings.TrimLeft(line[digits:], " \t"); digits == 0 || rest != "" && rest[0] != ';' {
		return 0, nonsense("the chunk size is %.40q", line)
	}
	return n, nil
}

func hexValue(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// line reads a line that ends with CRLF and has at most limit bytes with it. Neither CR nor LF may stand alone.
func (b *body) line(limit int) (string, error) {
	searched := 0
	for {
		seen := b.in.buffered()
		if n := bytes.IndexByte(seen[searched:], '\n'); n >= 0 {
			n += searched
			if n == 0 || seen[n-1] != '\r' || bytes.IndexByte(seen[:n-1], '\r') >= 0 || n+1 > limit {
				return "", nonsense("a chunk has a bad line")
			}
			text := string(seen[:n-1])
			b.in.skip(n + 1)
			return text, nil
		}
		if len(seen) >= limit {
			return "", nonsense("a chunk has a bad line")
		}
		searched = len(seen)
		if err := b.fill(); err != nil {
			return "", err
		}
	}
}

// need makes sure that something is buffered.
func (b *body) need() error {
	if len(b.in.buffered()) > 0 {
		return nil
	}
	return b.fill()
}

func (b *body) fill() error {
	if b.waiting != nil && (b.kind != byStream || b.left != 0) { // of a stream without more data there is nothing to wait for but its end
		b.waiting()
	}
	if b.kind == untilClose || b.left > smallBuffer || b.left < 0 {
		b.in.widen()
	}
	return b.in.fill()
}

func (b *body) take(n int) []byte {
	piece := b.in.buffered()[:n]
	b.in.skip(n)
	return piece
}

// holdBack reads the whole body into the buffer if its length is known and it fits, and says whether it did.
func (b *body) holdBack() (bool, error) {
	if !b.bounded() || b.left > bigBuffer {
		return false, nil
	}
	for int64(len(b.in.buffered())) < b.left {
		if err := b.in.fill(); err != nil {
			return true, unexpected(err)
		}
	}
	return true, nil
}

// unexpected makes the end of a connection an error where the body is not over.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
