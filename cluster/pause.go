package cluster

import (
	"context"
	"time"
)

// freezePatience is how long a worker that is to be paused may take for the requests that it has. What is not done by then
// and may be run twice goes to another worker, so that no client waits for a frozen one much longer than this.
const freezePatience = 500 * time.Millisecond

// A freezing is a pause from the moment it was asked for: first the worker finishes what it has, then it is frozen.
type freezing struct {
	from   State              // what the worker was before
	stop   context.CancelFunc // gives it up
	over   chan struct{}      // closed when its goroutine has ended
	result chan error         // has room for the one message to the loop: it is frozen, or can't be
}

// onPause takes the worker out of rotation at once; it is Paused when onFrozen hears of it.
func (w *worker) onPause() error {
	switch w.state {
	case Paused:
		return nil
	case Ready, Unresponsive, Drained:
	case Starting:
		return w.cannot(verbPause, "it is not ready yet")
	case Stopping, Stopped, Backoff, Failed:
		return w.cannot(verbPause, "it has no process that goes on")
	}
	if w.run.freezing != nil || w.run.exited {
		return nil // is about to be, or dead
	}
	from := w.state
	if from != Drained {
		w.set(Drained, Event{})
	}
	ctx, cancel := context.WithCancel(w.cluster.patience)
	f := &freezing{from: from, stop: cancel, over: make(chan struct{}), result: make(chan error, 1)}
	w.run.freezing = f
	r := w.run
	w.cluster.goroutines.Go(func() { w.freeze(ctx, r, f) })
	return nil
}

// freeze is the goroutine behind a pause.
func (w *worker) freeze(ctx context.Context, r *run, f *freezing) {
	defer close(f.over)
	w.awaitIdle(ctx, r, freezePatience)
	if ctx.Err() != nil {
		return
	}
	err := r.proc.Pause()
	if err == nil {
		w.backend.Abandon()
	}
	f.result <- err
}

// onFrozen goes on when the tree stands still.
func (w *worker) onFrozen(err error) {
	if w.state != Drained || w.run.exited {
		return
	}
	if err != nil {
		from := w.run.freezing.from
		w.run.unfreeze()
		w.notice("worker %d cannot be paused: %v", w.worker, err)
		if from != Drained {
			w.rotate(Event{})
		}
		return
	}
	w.set(Paused, Event{})
}

// unfreeze gives up a pause that is under way and undoes one that is done. It waits for the freezing goroutine, which takes
// as long as freezing a tree does: without that its SIGSTOP could come after our SIGCONT.
func (r *run) unfreeze() {
	f := r.freezing
	if f == nil {
		return
	}
	r.freezing = nil
	f.stop()
	<-f.over
	r.proc.Resume() // its error is a tree that is gone
}

func (w *worker) onResume() error {
	switch w.state {
	case Paused, Drained:
		if w.run.freezing == nil {
			return w.cannot(verbResume, "it is not paused")
		}
		w.run.unfreeze()
		w.rotate(Event{})
	case Starting, Ready, Unresponsive: // runs
	case Stopping, Stopped, Backoff, Failed:
		return w.cannot(verbResume, "it has no process that goes on")
	}
	return nil
}

func (w *worker) onDrain() error {
	switch w.state {
	case Ready, Unresponsive:
		w.set(Drained, Event{})
	case Drained:
	case Paused:
		return w.cannot(verbDrain, "it gets no requests")
	case Starting:
		return w.cannot(verbDrain, "it is not ready yet")
	case Stopping, Stopped, Backoff, Failed:
		return w.cannot(verbDrain, "it has no process that goes on")
	}
	return nil
}

func (w *worker) onUndrain() error {
	switch w.state {
	case Drained:
		if w.run.freezing != nil {
			return w.cannot(verbUndrain, "it is being paused")
		}
		w.rotate(Event{})
	case Starting, Ready, Unresponsive: // gets requests, or will
	case Paused:
		return w.cannot(verbUndrain, "it must be resumed")
	case Stopping, Stopped, Backoff, Failed:
		return w.cannot(verbUndrain, "it has no process that goes on")
	}
	return nil
}
