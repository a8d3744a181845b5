package fault

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// pause is how long a caller sends nothing that has sent its request.
	pause = 5 * time.Millisecond
	// maxTaken is how much is read of a request that is to be reset.
	maxTaken = 1 << 20
)

// A phase is how far a request has come.
type phase = int32

const (
	waiting   phase = iota // it has not reached the worker
	swallowed              // the worker would have it, and does nothing
	passed                 // the worker may have it
	givenBack              // it was swallowed, and the fault has ended
)

// A StandIn is the caller's end of a connection, at whose other end a bad worker is played.
type StandIn struct {
	*net.TCPConn
	// Kind is the fault that it plays; of several the one that counts most.
	Kind Kind

	live  *Live
	far   *net.TCPConn
	dial  Dial
	draw  draw
	phase atomic.Int32
	ctx   context.Context // ends with Close
	leave context.CancelFunc
}

// Close ends it. It may be called at any time, and several times.
func (s *StandIn) Close() error {
	s.leave()
	return s.TCPConn.Close()
}

// Reached says whether the worker may have got anything of the request, as far as a real one would tell; to be asked when
// the connection has failed.
func (s *StandIn) Reached() bool {
	p := s.phase.Load()
	return p == swallowed || p == passed
}

// play is the goroutine at the far end.
func (s *StandIn) play() {
	defer s.live.exit(s)
	defer s.leave()
	defer s.far.Close()
	if s.wait(s.draw.delay) != nil {
		return
	}
	kind := s.draw.kind
	// When the fault is over the request goes to the worker. An answer is given all the same: it harms nobody, and may be expected
	// in another protocol than the worker's.
	if s.live.isOver() && s.phase.Load() == waiting && kind != KindErrors {
		kind = ""
	}
	switch kind {
	case KindErrors:
		s.phase.Store(passed)
		answer(s.far, s.live.plan.Errors.Status)
	case KindBlackhole:
		s.swallow()
	case KindReset:
		s.phase.Store(passed)
		if s.takeRequest() == nil {
			reset(s.far)
		}
	default:
		s.relay()
	}
}

// takeRequest reads until the caller pauses: it is to lose a request, not a connection, and in HTTP/2 a request comes behind
// what opens the connection. Its error is a caller that has left.
func (s *StandIn) takeRequest() error {
	piece := make([]byte, maxPiece)
	for taken := 0; taken < maxTaken; {
		n, err := s.far.Read(piece)
		taken += n
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded), err == io.EOF:
			return nil
		case err != nil:
			return err
		}
		s.far.SetReadDeadline(time.Now().Add(pause))
	}
	return nil
}

// wait waits until the time is over, or the fault. Its error is that the caller has left.
func (s *StandIn) wait(d time.Duration) error {
	if d <= 0 {
		return s.ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.live.over:
	case <-s.ctx.Done():
	}
	return s.ctx.Err()
}

// swallow takes whatever comes until the caller leaves. When the fault ends it gives the request back.
func (s *StandIn) swallow() {
	s.phase.Store(swallowed)
	taken := make(chan struct{})
	go s.take(taken)
	select {
	case <-s.live.over:
		s.phase.Store(givenBack)
		s.drop()
	case <-taken:
	}
	<-taken
}

// take is the goroutine that reads what is swallowed; swallow waits for it. A caller that has sent all still waits for an
// answer.
func (s *StandIn) take(taken chan<- struct{}) {
	defer close(taken)
	if _, err := io.Copy(io.Discard, s.far); err == nil {
		<-s.ctx.Done()
	}
}

// drop ends the connection with a reset, wherever play is.
func (s *StandIn) drop() {
	reset(s.far)
	s.leave()
}

// dropIf is drop in one of these phases. play does not begin another one after that, or Reached says that it did.
func (s *StandIn) dropIf(phases ...phase) {
	if slices.Contains(phases, s.phase.Load()) {
		s.drop()
	}
}

// relay passes bytes on to the worker and back.
func (s *StandIn) relay() {
	worker, err := s.dial(s.ctx)
	if err != nil {
		reset(s.far)
		return
	}
	defer worker.Close()
	if s.ctx.Err() != nil {
		return
	}
	s.phase.Store(passed)
	var both sync.WaitGroup
	both.Go(func() { s.toWorker(worker) })
	s.fromWorker(worker)
	both.Wait()
}

// toWorker passes on what the caller sends, and its end. If the worker takes no more, it may still have said why.
func (s *StandIn) toWorker(worker Conn) {
	readErr, writeErr := s.pump(worker, s.far, &s.live.up)
	switch {
	case writeErr != nil:
		io.Copy(io.Discard, s.far) // until the caller leaves: a close before would take the answer from it
		worker.Close()
	case readErr == io.EOF:
		worker.CloseWrite() // its error is a worker that has gone
	default:
		worker.Close()
	}
}

// fromWorker passes on what the worker sends, and how that ends.
func (s *StandIn) fromWorker(worker Conn) {
	readErr, _ := s.pump(s.far, worker, &s.live.down)
	switch {
	case readErr == io.EOF:
		s.far.CloseWrite() // its error is a caller that has gone
	case readErr != nil && s.ctx.Err() == nil:
		reset(s.far)
	}
}

// pump passes bytes on until one of the sides ends it.
func (s *StandIn) pump(to, from Conn, t *throttle) (readErr, writeErr error) {
	slow := s.draw.slow
	size := maxPiece
	if slow {
		size = t.piece()
	}
	piece := make([]byte, size)
	for {
		n, err := from.Read(piece)
		if n > 0 && slow && s.wait(time.Until(t.reserve(n))) != nil {
			return nil, s.ctx.Err()
		}
		if n > 0 {
			if _, err := to.Write(piece[:n]); err != nil {
				return nil, err
			}
		}
		if err != nil {
			return err, nil
		}
		if slow && s.live.isOver() {
			slow, piece = false, make([]byte, maxPiece)
		}
	}
}
