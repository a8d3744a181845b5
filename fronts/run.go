//go:build unix

package fronts

import (
	"context"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lbdev/lbdev/procs"
)

// A run is one process of the program.
type run struct {
	kind    *kind
	proc    *procs.Process
	show    func([]procs.Line)
	closing atomic.Bool // what it says at its end is not worth to be shown
	leaving atomic.Bool // it has said that it ends

	mu    sync.Mutex
	words []string // its last ones
	await *awaited // what it is to say next
}

// An awaited is what a program has to say before it serves by its new files.
type awaited struct {
	reload bool
	ready  bool
	old    map[int]bool  // processes that still take requests by the files before
	come   chan struct{} // closed when it has
}

func newRun(k *kind, show func([]procs.Line)) *run {
	return &run{kind: k, show: show, await: &awaited{old: map[int]bool{}, come: make(chan struct{})}}
}

// exited is to be selected on; a nil run gives a nil channel.
func (r *run) exited() <-chan struct{} {
	if r == nil {
		return nil
	}
	return r.proc.Done()
}

// serves is closed when the program serves by the files that it was last told of.
func (r *run) serves() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.await.come
}

// expectReload begins to wait for what a reload has the program say. It returns the processes that serve until then.
func (r *run) expectReload() (old []int) {
	a := &awaited{reload: true, old: map[int]bool{}, come: make(chan struct{})}
	for _, pid := range r.proc.Tree() {
		if pid != r.proc.Pid() {
			a.old[pid] = true
			old = append(old, pid)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.await = a
	return old
}

// output gets the lines that the program prints.
func (r *run) output(lines []procs.Line) {
	for _, l := range lines {
		r.hear(string(procs.AppendPlain(nil, l.Text)))
	}
}

// hear takes in a line.
func (r *run) hear(line string) {
	o := r.kind.hear(line)
	if o.leaving {
		r.leaving.Store(true)
	}
	r.mu.Lock()
	if o.show != "" {
		if r.words = append(r.words, o.show); len(r.words) > keptWords {
			r.words = r.words[1:]
		}
	}
	r.note(o)
	r.mu.Unlock()
	if o.show != "" && !r.closing.Load() {
		r.show([]procs.Line{{Time: time.Now(), Text: o.show}})
	}
}

// note notes what it means; mu is held.
func (r *run) note(o omen) {
	a := r.await
	if o.born != 0 && a.reload && !a.ready {
		a.old[o.born] = true
	}
	a.ready = a.ready || o.ready
	if o.left != 0 {
		delete(a.old, o.left)
	}
	if o.all {
		clear(a.old)
	}
	for pid := range a.old {
		if !procs.Exists(pid) {
			delete(a.old, pid)
		}
	}
	if a.ready && len(a.old) == 0 && !a.isOver() {
		close(a.come)
	}
}

func (a *awaited) isOver() bool {
	select {
	case <-a.come:
		return true
	default:
		return false
	}
}

// look notes who is gone; enough says that all others are believed to have left.
func (r *run) look(enough bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note(omen{all: enough})
}

func (r *run) isServing() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.await.isOver()
}

// reloaded ends the wait for a reload that the program has answered itself.
func (r *run) reloaded(err error) {
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note(omen{ready: true, all: true})
}

func (r *run) lastWords() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.words) == 0 {
		return "it said nothing"
	}
	return strings.Join(r.words, "\n")
}

// awaitGone is the goroutine that closes done when processes are gone; it ends with the program.
func awaitGone(pids []int, over <-chan struct{}, done chan<- struct{}) {
	defer close(done)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for _, pid := range pids {
		for procs.Exists(pid) {
			select {
			case <-tick.C:
			case <-over:
				return
			}
		}
	}
}

// finish has the program end by itself until ctx does. Its leader alone is told: it tells the others, and HAProxy's take a second word for
// a new order.
func (r *run) finish(ctx context.Context, sig os.Signal) {
	if ctx.Err() == nil {
		r.askToEnd(ctx, sig)
	}
	r.proc.End(context.Background(), sig, 0)
	<-r.proc.Drained()
}

// askToEnd waits for that end. The signal is sent again until the program says that it heard: HAProxy's master misses what comes while it
// begins anew for a reload.
func (r *run) askToEnd(ctx context.Context, sig os.Signal) {
	tick := time.NewTicker(reloadStep)
	defer tick.Stop()
	for r.leaving.Load() || r.signal(sig) == nil {
		select {
		case <-r.proc.Done():
			return
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
