package procs

import (
	"errors"
	"os"
	"sync/atomic"
	"time"
)

const (
	// silence is how long text without a newline waits before it is shown: a prompt should appear, a line that is written
	// in two halves should not be torn.
	silence = 150 * time.Millisecond

	// A read of bulk bytes or more is no prompt: the program writes buffers full, and one that ends within a line tells
	// nothing. On a busy machine such a program may well pause for longer than silence; it has bulkSilence.
	bulk        = 2048
	bulkSilence = 10 * silence

	// secondLook is how long an alarm is followed by another read. If it was us whom the machine gave no time, then an
	// expired deadline comes before what there is to read.
	secondLook = 10 * time.Millisecond

	// A read brings at most this much. A pipe on Linux holds as much.
	readSize = 64 << 10

	// Once the tree is gone, what is still in the pipe is read, if a stranger holds its other end: until nothing comes
	// for lastSilence, twice in a row, but no more than lastBytes in lastReads, as the stranger may go on for ever: one that writes a line
	// every 30 ms is never silent. Full pipes and terminals take a quarter of those reads.
	lastSilence = 20 * time.Millisecond
	lastBytes   = 1 << 20
	lastReads   = 64
)

// source is the end of a pipe or pseudo terminal that we read: an *os.File. Where it has no deadlines, lines are only
// flushed with their newline, and only closing the other end stops the reader.
type source interface {
	Read([]byte) (int, error)
	SetReadDeadline(time.Time) error
	Close() error
}

// A reader is the one goroutine that reads what a process writes. It closes its source and then drained when it ends:
// at the end of the output, or after stop.
type reader struct {
	source  source
	output  func([]Line) // nil discards
	drained chan struct{}
	over    atomic.Bool // stop was called

	split splitter
	buf   []byte
	quiet time.Time // when what is pending is to be flushed
	alarm time.Time // the deadline that is set; zero = none
	again bool      // the deadline is a second look's
}

func newReader(source source, output func([]Line)) *reader {
	return &reader{source: source, output: output, drained: make(chan struct{}), buf: make([]byte, readSize)}
}

// run reads until the end.
func (r *reader) run() {
	defer close(r.drained)
	defer r.source.Close()
	for !r.over.Load() {
		r.arm()
		n, err := r.source.Read(r.buf)
		r.take(n)
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded):
			r.wake()
		default: // EOF; EIO, when the last process has closed the terminal (Linux)
			r.deliver(r.split.finish(time.Now()))
			return
		}
	}
	r.readRest()
	r.deliver(r.split.finish(time.Now()))
}

// take splits what came into r.buf.
func (r *reader) take(n int) {
	if n == 0 {
		return
	}
	if r.output != nil {
		r.deliver(r.split.feed(r.buf[:n], time.Now()))
	}
	// Silence begins when we listen again: while Output kept us, text may have come that we could not see.
	r.quiet = time.Now().Add(silence)
	if n >= bulk {
		r.quiet = r.quiet.Add(bulkSilence - silence)
	}
	r.again = false
}

// arm sets the deadline at which pending text is flushed. One that is set already stays, even if it is too early: moving
// it with each read would cost as much as the read.
func (r *reader) arm() {
	if r.alarm.IsZero() && r.split.pending() {
		r.alarm = r.quiet
		r.source.SetReadDeadline(r.alarm)
	}
}

// wake is called when a deadline has passed.
func (r *reader) wake() {
	// Cleared first: run looks at over afterwards, so that a stop which set its deadline in between is not missed.
	r.alarm = time.Time{}
	r.source.SetReadDeadline(r.alarm)
	now := time.Now()
	if !r.split.pending() || now.Before(r.quiet) {
		return
	}
	if !r.again {
		r.again, r.quiet = true, now.Add(secondLook)
		return
	}
	r.again = false
	r.deliver(r.split.flush(now))
}

// stop makes run end soon, although someone may hold the other end.
func (r *reader) stop() {
	r.over.Store(true)
	r.source.SetReadDeadline(time.Now())
}

// readRest reads what is there. One deadline that has passed says nothing: it may be stop's, or the machine gave us no time, and then
// it comes before what there is to read.
func (r *reader) readRest() {
	for sum, reads, silences := 0, 0, 0; sum < lastBytes && reads < lastReads && silences < 2; reads++ {
		if r.source.SetReadDeadline(time.Now().Add(lastSilence)) != nil {
			return // it would block
		}
		n, err := r.source.Read(r.buf)
		r.take(n)
		sum += n
		switch {
		case err == nil:
			silences = 0
		case errors.Is(err, os.ErrDeadlineExceeded):
			silences++
		default:
			return
		}
	}
}

// deliver hands lines out. They don't stay in the slice: the receiver may want to let go of them.
func (r *reader) deliver(lines []Line) {
	if len(lines) > 0 && r.output != nil {
		r.output(lines)
		clear(lines)
	}
}
