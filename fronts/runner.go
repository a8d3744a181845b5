//go:build unix

package fronts

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/lbdev/lbdev/procs"
	"github.com/lbdev/lbdev/proxy"
	"github.com/lbdev/lbdev/templates/export"
)

const (
	// startPatience is how long a program may take to listen, and to take up a change.
	startPatience = 20 * time.Second
	// steadyAfter is how long a program must have run for its earlier deaths to be forgotten.
	steadyAfter = 10 * time.Second
	// The time before a start that follows a death: none after the first, then this, doubled each time.
	firstDelay   = 250 * time.Millisecond
	longestDelay = 10 * time.Second
	// reloadStep is after what time a reload is looked after, and reloadTries how often it is asked for again after each; then it is asked ever more seldom.
	reloadStep  = time.Second
	reloadTries = 3
	// keptWords is how many of its last lines it is remembered by when it does not start.
	keptWords = 5
)

// A Runner keeps a program alive and informed. One goroutine, loop, owns it; Follow and Close ask that.
type Runner struct {
	config Config
	orders chan order
	ending chan context.Context // has room for the one Close
	over   chan struct{}        // closed when loop has ended
	alive  context.Context      // ends with Close
	stop   context.CancelFunc
	began  sync.Once
	log    *log

	// These are loop's.
	room     *room
	run      *run // nil = it has no process
	wanted   bool // it was told to run once
	restarts int
	deaths   int // in a row
	timer    *time.Timer
}

// An order is a Follow.
type order struct {
	ctx     context.Context
	cluster export.Cluster
	reply   chan answer
}

type answer struct {
	done <-chan struct{}
	err  error
}

// New returns a runner that runs nothing yet.
func New(config Config) *Runner {
	r := &Runner{config: config, orders: make(chan order), ending: make(chan context.Context, 1), over: make(chan struct{}), timer: time.NewTimer(time.Hour)}
	r.timer.Stop()
	r.alive, r.stop = context.WithCancel(context.Background())
	r.room = &room{program: config.Program, user: becomes(config.Program)}
	return r
}

var errClosed = errors.New("cannot change the front: it has been closed")

// Follow has the program serve by what the cluster is now. The first one starts it and returns when clients can come; later ones return
// when no request that comes gets by what was before, and done is closed when those that had come before are over. If ctx ends it
// returns at once, and the change may come or not.
func (r *Runner) Follow(ctx context.Context, c export.Cluster) (done <-chan struct{}, err error) {
	r.began.Do(func() { go r.loop() })
	o := order{ctx: ctx, cluster: c, reply: make(chan answer, 1)}
	select {
	case r.orders <- o:
	case <-r.over:
		return closed(), errClosed
	case <-ctx.Done():
		return closed(), context.Cause(ctx)
	}
	a := <-o.reply
	return a.done, a.err
}

// closed is a channel that is.
func closed() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// Close has the program finish what it has and end; it is killed when ctx ends. All of its log has been read then.
func (r *Runner) Close(ctx context.Context) {
	r.stop()
	r.began.Do(func() { close(r.over) }) // it never ran
	select {
	case r.ending <- ctx:
	default: // by an earlier Close
	}
	<-r.over
}

// loop is the runner's goroutine.
func (r *Runner) loop() {
	defer close(r.over)
	for {
		select {
		case o := <-r.orders:
			o.reply <- r.take(o)
		case <-r.run.exited():
			r.died()
		case <-r.timer.C:
			r.startAgain()
		case ctx := <-r.ending:
			r.end(ctx)
			return
		}
	}
}

func (r *Runner) take(o order) answer {
	err := r.prepare()
	if err != nil {
		return answer{closed(), err}
	}
	before := r.room.cluster
	r.room.serve(o.cluster)
	ctx, cancel := context.WithTimeoutCause(o.ctx, startPatience, fmt.Errorf("it took more than %v", startPatience))
	defer cancel()
	if err = r.write(ctx); err != nil {
		r.room.cluster = before
		return answer{closed(), err}
	}
	switch {
	case r.run != nil:
		return r.reload(ctx, before)
	case r.wanted: // it has died, and begins by these files in a moment
		return answer{closed(), nil}
	}
	r.wanted = true
	if err = r.start(ctx); err != nil {
		r.wanted = false
	}
	return answer{closed(), err}
}

// prepare makes the folder and opens the log, before anything of the program's runs that would wait for a reader.
func (r *Runner) prepare() (err error) {
	if r.log != nil {
		return nil
	}
	if r.room.dir, err = r.config.Dir(); err != nil {
		return err
	}
	if err = r.room.furnish(); err != nil {
		return fmt.Errorf("cannot make a folder for %s: %w", r.config.Program.Name, err)
	}
	r.log, err = openLog(r.room.fifo(), r.hearLog)
	return err
}

// write writes the program's files, and lets it say whether they are right. Files that are not are put back: a later start would fail.
func (r *Runner) write(ctx context.Context) error {
	name := r.config.Program.Name
	c := r.room.cluster
	if adapt := r.config.Program.kind.adapt; adapt != nil {
		if err := adapt(r.room, &c); err != nil {
			return err
		}
	}
	piece, err := export.Fragment(name, c, export.Options{})
	if err != nil {
		return err
	}
	files, err := r.config.Program.kind.wrap(ctx, r.room, piece)
	if err != nil {
		return err
	}
	undo, err := r.room.write(files)
	if err != nil {
		return err
	}
	if check := r.config.Program.kind.check; check != nil {
		if _, _, err := ask(ctx, r.room.dir, r.room.environ(), check(r.room)...); err != nil {
			undo()
			return fmt.Errorf("cannot use this configuration for %s: %w", name, err)
		}
	}
	return nil
}

// start starts the program and waits until it serves.
func (r *Runner) start(ctx context.Context) error {
	name := r.config.Program.Name
	r.is(Starting, "")
	r.log.parse(r.config.Program.kind.reader(r.room))
	run := newRun(r.config.Program.kind, r.config.Said)
	r.log.run.Store(run) // before Apache writes there that it is ready
	proc, err := procs.Start(procs.Config{Argv: r.room.argv(), Dir: r.room.dir, Env: r.room.environ(), Output: run.output})
	if err != nil {
		return fmt.Errorf("cannot start %s: %w", name, err)
	}
	run.proc = proc
	r.run = run
	select {
	case <-run.serves():
		r.is(Ready, "")
		return nil
	case <-proc.Done():
		proc.End(ctx, r.config.Program.kind.stopSignal, 0)
		<-proc.Drained()
		r.run = nil
		return fmt.Errorf("cannot start %s: it %s: %s", name, proc.Exit(), run.lastWords())
	case <-ctx.Done():
		proc.End(context.Background(), r.config.Program.kind.stopSignal, 0)
		r.run = nil
		return fmt.Errorf("cannot start %s: %w", name, context.Cause(ctx))
	}
}

// reload has the program take up the files that were written.
func (r *Runner) reload(ctx context.Context, before export.Cluster) answer {
	k, run := r.config.Program.kind, r.run
	r.is(Reloading, "")
	defer r.is(Ready, "")
	old := run.expectReload()
	var err error
	if k.reload != nil {
		err = k.reload(ctx, r.room)
		run.reloaded(err)
	} else {
		err = run.signal(k.reloadSignal)
	}
	if err != nil {
		return answer{closed(), fmt.Errorf("cannot reload %s: %w", r.config.Program.Name, err)}
	}
	if err := r.awaitReload(ctx, run); err != nil {
		return answer{closed(), err}
	}
	done := make(chan struct{})
	if c, ok := r.log.current().(counter); ok {
		go r.log.awaitIdle(c, r.room.out(before), run.proc.Done(), done)
	} else {
		go awaitGone(old, run.proc.Done(), done)
	}
	return answer{done, nil}
}

// awaitReload waits until the program serves by its new files alone. The signal is sent again when that does not come: a process of
// HAProxy's that has only just begun misses the order to leave, and its master misses ours while it begins anew. Processes that have been
// told to leave and say nothing of it are believed to have left.
func (r *Runner) awaitReload(ctx context.Context, run *run) error {
	tick := time.NewTicker(reloadStep)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-run.serves():
			return nil
		case <-run.proc.Done(): // the loop sees to that
			return nil
		case <-ctx.Done():
			return fmt.Errorf("cannot reload %s: %w", r.config.Program.Name, context.Cause(ctx))
		case <-tick.C:
		}
		run.look(n > reloadTries)
		again := n <= reloadTries || n&(n-1) == 0 // ever more seldom: a slow one would have to begin anew each time
		if k := r.config.Program.kind; again && k.reload == nil && !run.isServing() {
			run.signal(k.reloadSignal) // its error is a process that is gone
		}
	}
}

// died goes on from a process that ended by itself.
func (r *Runner) died() {
	run := r.run
	r.run = nil
	run.proc.End(context.Background(), r.config.Program.kind.stopSignal, 0)
	exit := run.proc.Exit()
	if exit.Ran > steadyAfter {
		r.deaths = 0
	}
	d := r.countDeath()
	when := "now"
	if d > 0 {
		when = "in " + d.String()
	}
	r.is(Backoff, fmt.Sprintf("%s %s after %v; restart %d %s", r.config.Program.Name, exit, exit.Ran.Round(100*time.Millisecond), r.restarts, when))
	r.timer.Reset(d)
}

// countDeath counts one, and returns after what time the next start comes.
func (r *Runner) countDeath() time.Duration {
	r.deaths++
	r.restarts++
	if r.deaths == 1 {
		return 0
	}
	return min(firstDelay<<min(r.deaths-2, 10), longestDelay)
}

// startAgain is the start after a death. One that fails is another death.
func (r *Runner) startAgain() {
	ctx, cancel := context.WithTimeout(r.alive, startPatience)
	defer cancel()
	if err := r.start(ctx); err != nil {
		d := r.countDeath()
		r.is(Backoff, fmt.Sprintf("%v; again in %v", err, d))
		r.timer.Reset(d)
		return
	}
	r.is(Ready, r.config.Program.Name+" serves again")
}

// end ends the program, and reads the rest of its log.
func (r *Runner) end(ctx context.Context) {
	r.timer.Stop()
	if r.run != nil {
		r.run.closing.Store(true)
		r.run.finish(ctx, r.config.Program.kind.stopSignal)
		r.run = nil
	}
	r.log.close()
	r.is(Stopped, "")
}

func (r *Runner) is(name, why string) {
	s := State{Name: name, Restarts: r.restarts}
	if r.run != nil {
		s.PID = r.run.proc.Pid()
	}
	r.config.Is(s, why)
}

// hearLog gets what the log says, in order: records, and what is none.
func (r *Runner) hearLog(run *run, a *proxy.Access, said string) {
	if a != nil {
		r.config.Observed(a)
	} else if run != nil && said != "" {
		run.hear(said)
	}
}
