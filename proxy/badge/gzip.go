package badge

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
)

// ErrPacking says that a body which claims to be gzip is none, or not to its end.
var ErrPacking = errors.New("cannot unpack the page")

// A reader makes pieces an io.Reader.
type reader struct {
	next func() ([]byte, error)
	rest []byte
	err  error
}

func (r *reader) Read(to []byte) (int, error) {
	if len(r.rest) == 0 && r.err == nil {
		r.rest, r.err = r.next()
	}
	n := copy(to, r.rest)
	if r.rest = r.rest[n:]; n > 0 || len(to) == 0 {
		return n, nil
	}
	return 0, r.err
}

// An unpacker makes pieces of a gzipped body pieces of the body. What was flushed comes out as soon as it has come.
type unpacker struct {
	in  reader
	gz  *gzip.Reader
	buf []byte

	some bool // some of it has come out
}

func (u *unpacker) next() ([]byte, error) {
	if u.gz == nil {
		gz, err := gzip.NewReader(&u.in)
		if err != nil {
			return nil, u.fault(err)
		}
		gz.Multistream(false) // browsers end with the first one
		u.gz, u.buf = gz, make([]byte, 16<<10)
	}
	n, err := u.gz.Read(u.buf)
	if n > 0 {
		u.some = true
		return u.buf[:n], nil
	}
	cut := u.in.err == io.EOF && (err == io.ErrUnexpectedEOF || err == gzip.ErrChecksum)
	if err == io.EOF || cut && u.some { // browsers show a page although what comes after its text is missing or wrong
		_, err = io.Copy(io.Discard, &u.in) // trailers may follow
		if err == nil {
			err = io.EOF
		}
	}
	return nil, u.fault(err)
}

// fault is an error of the body itself, as far as it was not the pieces' source that failed.
func (u *unpacker) fault(err error) error {
	if u.in.err != nil && u.in.err != io.EOF || err == io.EOF {
		return err
	}
	return fmt.Errorf("%w: %w", ErrPacking, err)
}
