package proxy

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lbdev/lbdev/proxy/inspect"
)

const (
	// replayLimit is how much of a request's body is kept so that it can be sent again.
	replayLimit = 1 << 20
	// streamWindow is how much is read ahead of the worker once it cannot be.
	streamWindow = 128 << 10
	// inlineLimit is the largest body that goes out in one write with the head.
	inlineLimit = 16 << 10
	// inlinePatience is how long such a body is waited for before the head goes out alone.
	inlinePatience = 5 * time.Millisecond
	// senderPatience is how long the end of a body may take to go out when the answer is complete.
	senderPatience = 20 * time.Millisecond
	// linger is how long a client that has its answer may go on sending, and lingerStep how long one in HTTP/2 may pause.
	linger     = time.Second
	lingerStep = 25 * time.Millisecond
	// pieceSize is what is read and written at once.
	pieceSize = 32 << 10
)

// errUpload says that the client's body ended early or is no valid body.
var errUpload = errors.New("cannot read the request's body")

var pieces = sync.Pool{New: func() any { return new([pieceSize]byte) }}

// An upload is the body of a request on its way to a worker. One goroutine (read) reads it from the client and never more
// than one (send) writes it to the worker that is being asked, so that an answer which comes early is seen at once, a slow
// client does not keep a dead worker from being noticed, and an attempt can end without the body being read to its end.
type upload struct {
	r        *http.Request
	trailers string // the names that the client announced; r.Trailer itself is net/http's until the body is over

	mu      sync.Mutex
	changed sync.Cond
	data    []byte // what has come; from the beginning as long as whole
	whole   bool   // nothing of data was dropped: it can be sent again
	taken   int    // how much of data the sender has
	over    bool   // nothing more comes
	err     error  // why, if that was not the end
	unread  bool   // nobody wants the rest: what comes is dropped
	dropped int64  // how much that was
	came    int64  // how long the body was so far
	first   []byte // its beginning, when data does not have it any more
	wanted  bool   // that is kept
	stopped bool   // the sender is to end
	started bool   // read has begun

	small chan struct{} // closed by read when the body is over or larger than inlineLimit
	done  chan struct{} // closed when read ends

	sending chan error // the sender's end; nil = none runs
}

func newUpload(r *http.Request, wanted bool) *upload {
	u := &upload{r: r, whole: true, wanted: wanted, trailers: strings.Join(trailerNames(r.Trailer), ", "), small: make(chan struct{}), done: make(chan struct{})}
	u.changed.L = &u.mu
	return u
}

// start lets read begin, if it has not.
func (u *upload) start() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.startLocked()
}

// startLocked is start; u.mu is held.
func (u *upload) startLocked() {
	if !u.started {
		u.started = true
		go u.read()
	}
}

// begun says that read has.
func (u *upload) begun() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.started
}

// read is the goroutine that reads the client's body; finish waits for it.
func (u *upload) read() {
	defer close(u.done)
	piece := pieces.Get().(*[pieceSize]byte)
	defer pieces.Put(piece)
	told := false
	for more := true; more; {
		n, err := u.r.Body.Read(piece[:])
		more = u.store(piece[:n], err)
		if !told && (!more || u.length() > inlineLimit) {
			told = true
			close(u.small)
		}
	}
}

func (u *upload) length() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.data)
}

// store keeps what has come, waits until there is room for more, and says whether more is to be read.
func (u *upload) store(piece []byte, err error) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.unread {
		u.dropped += int64(len(piece))
	} else {
		u.data = append(u.data, piece...)
	}
	u.came += int64(len(piece))
	if err != nil {
		u.over = true
		if err != io.EOF {
			u.err = fmt.Errorf("%w: %w", errUpload, err)
		}
	}
	u.changed.Broadcast()
	for !u.over && !u.unread && u.full() {
		if u.taken == len(u.data) {
			if u.whole && u.wanted {
				u.first = slices.Clone(u.data[:inspect.Limit])
			}
			u.data, u.taken, u.whole = u.data[:0], 0, false
			break
		}
		u.changed.Wait()
	}
	return !u.over
}

func (u *upload) full() bool {
	if u.whole {
		return len(u.data) >= replayLimit
	}
	return len(u.data) >= streamWindow
}

// fits says that the body will be kept whole, however much of it has come.
func (u *upload) fits() bool { return u.r.ContentLength > 0 && u.r.ContentLength < replayLimit }

// replayable says that all of the body that has come so far can be sent again.
func (u *upload) replayable() bool {
	if u == nil {
		return true
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.whole
}

// failure says why the client's body cannot be read; nil if it can. net/http ends the request's context before it tells the
// reader why, so then the reader gets a moment.
func (u *upload) failure() error {
	if u == nil {
		return nil
	}
	if u.r.Context().Err() != nil && u.begun() {
		t := time.NewTimer(senderPatience)
		defer t.Stop()
		select {
		case <-u.done:
		case <-t.C:
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.err
}

// keep has the beginning of the body kept.
func (u *upload) keep(b *inspect.Body) {
	u.mu.Lock()
	defer u.mu.Unlock()
	b.Write(u.first)
	if u.whole {
		b.Write(u.data)
	}
	if b.Bytes = u.came; u.over && u.err == nil {
		b.End()
	}
}

// isOver says that the body was read to its end.
func (u *upload) isOver() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.over
}

// inline waits a moment for a small body and returns it if it is complete, and then it is sent with the head.
func (u *upload) inline() ([]byte, bool) {
	if u.r.ContentLength <= inlineLimit {
		t := time.NewTimer(inlinePatience)
		select {
		case <-u.small:
		case <-t.C:
		}
		t.Stop()
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.over || u.err != nil || !u.whole || len(u.data) > inlineLimit {
		return nil, false
	}
	return u.data, true
}

// sendTo begins to send the body to a worker, from its beginning.
func (u *upload) sendTo(c *conn) {
	u.mu.Lock()
	u.taken, u.stopped = 0, false
	u.mu.Unlock()
	u.sending = make(chan error, 1)
	go u.send(c)
}

// send is the goroutine that writes the body to a worker; stop waits for it. If the client fails it closes the connection:
// the worker must not take half a body for a whole one, and the attempt has to end.
func (u *upload) send(c *conn) {
	piece := pieces.Get().(*[pieceSize]byte)
	defer pieces.Put(piece)
	chunked := u.r.ContentLength < 0
	for {
		n, err := u.next(piece[:], &u.stopped)
		var out []byte
		switch {
		case err == io.EOF && chunked:
			out = appendLastChunk(c.out[:0], u.r.Trailer)
		case err == io.EOF:
			u.sending <- nil
			return
		case err != nil:
			c.abort()
			u.sending <- err
			return
		case chunked:
			c.out = appendChunk(c.out[:0], piece[:n])
			out = c.out
		default:
			out = piece[:n]
		}
		if _, werr := c.sock.Write(out); werr != nil || err == io.EOF {
			u.sending <- werr
			return
		}
	}
}

// next waits for more of the body and copies it. At the end it returns io.EOF. It gives up when *stopped, which u.mu guards.
func (u *upload) next(piece []byte, stopped *bool) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for u.taken == len(u.data) && !u.over && !*stopped {
		u.changed.Wait()
	}
	switch {
	case *stopped:
		return 0, net.ErrClosed
	case u.taken < len(u.data):
		n := copy(piece, u.data[u.taken:])
		u.taken += n
		u.changed.Broadcast()
		return n, nil
	case u.err != nil:
		return 0, u.err
	}
	return 0, io.EOF
}

// stop ends sending and says whether all of the body went out. If it did not, the connection is closed.
func (u *upload) stop(c *conn) bool {
	if u.sending == nil {
		return false
	}
	err := u.awaitSender(c)
	u.sending = nil
	u.rewind()
	return err == nil
}

// rewind lets the next attempt begin with the beginning. Until then read must not take the data for used.
func (u *upload) rewind() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.taken = 0
}

// awaitSender waits for the sender. A worker that has read the body has mostly answered before the sender has returned from
// its last write, so it gets a moment.
func (u *upload) awaitSender(c *conn) error {
	if u.isOver() {
		t := time.NewTimer(senderPatience)
		defer t.Stop()
		select {
		case err := <-u.sending:
			return err
		case <-t.C:
		}
	}
	u.mu.Lock()
	u.stopped = true
	u.changed.Broadcast()
	u.mu.Unlock()
	select {
	case err := <-u.sending:
		return err
	default:
	}
	c.abort()
	return <-u.sending
}

// finish ends reading. The answer has been given to the client, which may still be sending: what it sends is read and
// dropped for a while, as closing a connection with unread data resets it, and the client might lose the answer
// (RFC 9112 section 9.6). With abort there is nothing to lose.
func (u *upload) finish(w http.ResponseWriter, abort bool) {
	if !u.begun() && (abort || expectsContinue(u.r)) {
		if abort {
			// net/http reads what is left of a body before it closes the connection, also after a panic. A client that waits for
			// 100 Continue sends nothing, and waits for the rest of its answer: both for ever. An error is a server that can't.
			_ = http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0))
		}
		return
	}
	u.mu.Lock()
	u.unread = true
	u.changed.Broadcast()
	u.mu.Unlock()
	u.start()
	if !abort && u.linger() {
		return
	}
	if err := http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0)); err != nil {
		u.r.Body.Close()
	}
	<-u.done
}

// linger reads on for a while and says whether the body came to its end. In HTTP/2 the answer is over for the client only when
// we return, so there it is read on only while something comes: clients such as curl take it ill if the stream is reset under
// their upload. One that talks gRPC never does, and may wait for its status.
func (u *upload) linger() bool {
	step := linger
	if u.r.ProtoMajor == 2 {
		step = lingerStep
	}
	if talksGRPC(u.r) {
		return false
	}
	end := time.Now().Add(linger)
	for seen := int64(-1); ; {
		t := time.NewTimer(step)
		select {
		case <-u.done:
			t.Stop()
			return true
		case now := <-t.C:
			n := u.lost()
			if n == seen || now.After(end) || step == linger {
				return false
			}
			seen = n
		}
	}
}

// lost is how much of the body came that nobody wanted.
func (u *upload) lost() int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.dropped
}
