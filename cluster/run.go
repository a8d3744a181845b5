package cluster

import (
	"context"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/lbdev/lbdev/procs"
)

const (
	// lastWords is how long an exit waits in silence for the output that the process wrote before it, lastWordsAtMost how
	// long it waits in all, if output still comes or a slow reader holds it up. In most cases the end of the output comes some
	// milliseconds after the exit, and 0.3 s after it if a stranger holds that. Where there is no such end (Windows) only silence
	// is left, which on a busy machine may also mean that our own reader gets no time.
	lastWords       = 2 * time.Second
	lastWordsAtMost = 10 * time.Second
	// tailLines is how many of its last lines a worker that failed is remembered by.
	tailLines = 20
	// portPatience is how long a port may stay busy after the tree that held it is gone.
	portPatience = 2 * time.Second
	// drainPoll is how often a worker that is to stop is asked whether its requests are done.
	drainPoll = 2 * time.Millisecond
)

// process is what the loop needs of a *procs.Process; tests have a fake.
type process interface {
	Pid() int
	Done() <-chan struct{}
	Exit() procs.Exit
	Drained() <-chan struct{}
	Tree() []int
	End(ctx context.Context, sig os.Signal, grace time.Duration) procs.Ended
	Pause() error
	Resume() error
	Frozen(port int) (frozen, known bool)
}

// A run is one incarnation: a process and what its goroutines tell the worker's loop about it. Each run has channels of
// its own, with room for the one message that each will ever carry, so that a late message of an older incarnation
// neither blocks its sender nor reaches anyone.
type run struct {
	incarnation uint64
	config      *Config // with which it began; Renew gives later ones another
	proc        process
	cancel      context.CancelFunc // ends the prober
	readied     chan struct{}
	finished    chan procs.Ended
	verdicts    chan verdict  // of its watcher, which waits until they are heard or it is to end
	serving     chan struct{} // closed when it is ready
	checks      chan string   // of its health, as verdicts: what is wrong, empty = nothing
	tail        *tail
	refusal     atomic.Pointer[string] // what it answers to the prober instead of what is wanted

	// The rest belongs to the worker's loop.
	started  time.Time
	readyAt  time.Time // zero until it was ready
	exited   bool      // the loop has seen that the process is gone
	ending   bool      // end is under way
	timedOut bool      // it is being ended because it did not become ready in time
	killed   bool      // its death was asked for and says nothing about the app
	freezing *freezing // it is paused or about to be
	doubt    *verdict  // it does not answer; nil = as far as we know it does
	unwell   string    // why its health checks fail; empty = they do not
}

// exit, ready and ended are the channels to select on; a nil run and a message that was had give a nil channel.
func (r *run) exit() <-chan struct{} {
	if r == nil || r.exited {
		return nil
	}
	return r.proc.Done()
}

func (r *run) ready() <-chan struct{} {
	if r == nil {
		return nil
	}
	return r.readied
}

func (r *run) ended() <-chan procs.Ended {
	if r == nil {
		return nil
	}
	return r.finished
}

func (r *run) frozen() <-chan error {
	if r == nil || r.freezing == nil {
		return nil
	}
	return r.freezing.result
}

func (r *run) judged() <-chan verdict {
	if r == nil {
		return nil
	}
	return r.verdicts
}

// byHand says whether somebody has ended a process: by a signal that people send, and a crash does not. On Windows nobody can tell.
func byHand(exit procs.Exit) bool {
	switch exit.Signal {
	case syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT:
		return true
	}
	return false
}

func (r *run) checked() <-chan string {
	if r == nil {
		return nil
	}
	return r.checks
}

// exitIfDead is how the process ended. A process that could not be ended, such as another user's, has not: its exit says
// code -1.
func (r *run) exitIfDead() procs.Exit {
	select {
	case <-r.proc.Done():
		return r.proc.Exit()
	default:
		return procs.Exit{Code: -1, Time: time.Now(), Ran: time.Since(r.started)}
	}
}

// startProcess begins an incarnation.
func (w *worker) startProcess(c *Config) error {
	r := &run{
		incarnation: w.incarnation,
		config:      c,
		started:     time.Now(),
		readied:     make(chan struct{}, 1),
		finished:    make(chan procs.Ended, 1),
		verdicts:    make(chan verdict),
		serving:     make(chan struct{}),
		checks:      make(chan string),
		tail:        &tail{},
	}
	if c.Before != nil {
		if err := c.Before(w.worker, w.expand); err != nil {
			return err
		}
	}
	proc, err := w.cluster.world.start(procs.Config{
		Argv:   w.argv(c.Command),
		Dir:    c.Dir,
		Env:    w.environ(c),
		PTY:    c.PTY,
		Rows:   c.Rows,
		Cols:   c.Cols,
		Output: w.output(r),
	})
	if err != nil {
		return err
	}
	r.proc = proc
	ctx, cancel := context.WithCancel(w.cluster.patience)
	r.cancel = cancel
	w.run = r
	w.cluster.outputs.Go(func() { <-proc.Drained() })
	w.cluster.goroutines.Go(func() { w.awaitReady(ctx, r) })
	w.cluster.goroutines.Go(func() { w.watch(ctx, r) })
	if c.Health.Path != "" {
		w.cluster.goroutines.Go(func() { w.checkHealth(ctx, r) })
	}
	return nil
}

// output passes a process's lines on: to the feed for whoever reads along, to the tail for the case that it fails.
func (w *worker) output(r *run) func([]procs.Line) {
	logs, number, port := w.cluster.logs, w.worker, w.port
	return func(lines []procs.Line) {
		r.tail.add(lines)
		logs.AppendAll(len(lines), func(i int) LogLine {
			return LogLine{Line: lines[i], Worker: number, Port: port, Incarnation: r.incarnation}
		})
	}
}

// awaitReady is the goroutine that watches an incarnation become ready.
func (w *worker) awaitReady(ctx context.Context, r *run) {
	if w.cluster.world.probe(ctx, w, r) {
		r.readied <- struct{}{}
	}
}

// stopProcess takes the worker out of rotation and then asks its process to end.
func (w *worker) stopProcess(reason string) {
	w.timer.Stop()
	w.run.cancel()
	w.run.unfreeze()
	w.set(Stopping, Event{Reason: reason})
	w.end(w.run.config.stopSignal(), w.run.config.stopTimeout())
}

// end ends the current tree in the background. A second call, with less patience, takes effect too; the loop hears of the
// first one's result.
func (w *worker) end(sig os.Signal, patience time.Duration) {
	r := w.run
	first := !r.ending
	r.ending = true
	w.cluster.goroutines.Go(func() { w.endProcess(r, sig, patience, first) })
}

func (w *worker) endProcess(r *run, sig os.Signal, patience time.Duration, tell bool) {
	began := time.Now()
	w.awaitIdle(w.cluster.patience, r, patience/2)
	ended := r.proc.End(w.cluster.patience, sig, max(patience-time.Since(began), 0))
	if !tell {
		return
	}
	w.awaitLastWords(r)
	if len(ended.Left) == 0 && patience > 0 {
		w.awaitPortFree()
	}
	r.finished <- ended
}

// awaitLastWords waits until all that the process wrote is in the feed. The end of its output alone would not do: whoever it
// left behind may hold that for ever.
func (w *worker) awaitLastWords(r *run) {
	over := time.After(lastWordsAtMost)
	for heard := r.tail.heard(); ; {
		select {
		case <-r.proc.Drained():
			return
		case <-over:
			return
		case <-w.cluster.patience.Done():
			return
		case <-time.After(lastWords):
		}
		now := r.tail.heard()
		if now == heard && !w.cluster.logs.held() {
			return
		}
		heard = now
	}
}

// awaitIdle waits until the worker has no request in flight, but not longer than it is told: an event stream never ends by
// itself.
func (w *worker) awaitIdle(ctx context.Context, r *run, patience time.Duration) {
	if f := w.cluster.following; f != nil {
		if patience > 0 {
			f.settle(ctx, r.proc.Done(), patience)
		}
		return
	}
	deadline := time.After(patience)
	for {
		if _, _, inFlight := w.backend.Counts(); inFlight == 0 {
			return
		}
		select {
		case <-deadline:
			return
		case <-r.proc.Done():
			return
		case <-ctx.Done():
			return
		case <-time.After(drainPoll):
		}
	}
}

// awaitPortFree makes "stopped" mean that the next server can have the port.
func (w *worker) awaitPortFree() {
	if w.socket != "" {
		w.removeSocket()
		return
	}
	if !awaitSilence(w.cluster.patience, w.cluster.world.answers, w.port, portPatience) {
		w.notice("port %d still answers although worker %d is stopped: it is in use by %s", w.port, w.worker, holderOf(w.port, shortLook))
	}
}

// A tail holds the last lines of an incarnation. Its writer is the process's reader, its reader the worker's loop.
type tail struct {
	mu    sync.Mutex
	lines []string
	count uint64 // lines in all
}

func (t *tail) add(lines []procs.Line) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count += uint64(len(lines))
	if len(lines) > tailLines {
		lines = lines[len(lines)-tailLines:]
	}
	if over := len(t.lines) + len(lines) - tailLines; over > 0 {
		t.lines = slices.Delete(t.lines, 0, over)
	}
	for _, line := range lines {
		t.lines = append(t.lines, line.Text)
	}
}

// heard is how many lines came so far.
func (t *tail) heard() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.count
}

func (t *tail) last() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.lines)
}
