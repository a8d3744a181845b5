package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os/exec"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/lbdev/lbdev/procs"
	"github.com/lbdev/lbdev/proxy"
)

const (
	// bootAttempts is how many deaths in a row, each before the worker was ever ready, make it failed.
	bootAttempts = 3
	// stableAfter is how long a worker must be ready for its earlier deaths to be forgotten.
	stableAfter = 10 * time.Second
	// firstDelay doubles with each death up to longestDelay; the first restart comes at once.
	firstDelay   = 500 * time.Millisecond
	longestDelay = 10 * time.Second
	// portPoll is how often a port that a stranger holds is looked at again.
	portPoll = 500 * time.Millisecond
)

// A verb is what a request asks of a worker.
type verb string

const (
	verbStart   verb = "start"
	verbStop    verb = "stop"
	verbRestart verb = "restart"
	verbRenew   verb = "renew" // restart, unless somebody has stopped it
	verbKill    verb = "kill"
	verbPause   verb = "pause"
	verbResume  verb = "resume"
	verbDrain   verb = "drain"
	verbUndrain verb = "undrain"
	verbRetire  verb = "retire" // stop for good: the loop ends when the process has
)

type request struct {
	verb  verb
	reply chan error // has room for the answer
}

// world is what a worker's loop touches outside of lbdev; tests that run in fake time replace it, because sockets and
// processes do not stand still there.
type world struct {
	start   func(procs.Config) (process, error)
	answers func(port int) bool
	probe   func(ctx context.Context, w *worker, r *run) bool
	inquire func(ctx context.Context, w *worker, r *run) bool
	check   func(ctx context.Context, w *worker, h *HealthCheck) error
}

// A worker keeps one copy of the command alive. Its goroutine, loop, owns the fields from state on.
type worker struct {
	seat
	cluster  *Cluster
	backend  *proxy.Backend
	requests chan request
	silences chan proxy.Silence           // has room for one; for the watcher of the incarnation that lives
	done     chan struct{}                // closed when loop has ended
	seen     atomic.Pointer[workerStatus] // what the others may know
	fault    standing

	state        State
	out          bool // somebody has taken it out: see takenOut
	wanted       bool // it shall have a process: cleared by stop, set by start and restart
	retired      bool
	over         bool // nothing will happen unless someone asks: it failed, or its restart policy wants no other start
	late         bool // its last incarnation did not become ready in time
	run          *run // the incarnation that lives or is being ended; nil if there is none
	incarnation  uint64
	restarts     int
	bootDeaths   int // in a row, before it was ready
	deaths       int // in a row, after it was ready
	lastExit     *procs.Exit
	ended        procs.Ended // how the last incarnation was ended, for whoever waits for done
	stoppedLast  bool        // that was by its retirement
	waitsForPort bool        // a stranger has it, and people were told
	timer        *time.Timer // what it is for follows from the state: see onTimer
}

func newWorker(c *Cluster, number, port int) *worker {
	w := &worker{
		seat:     seat{worker: number, port: port, socket: c.socketOf(port), front: c.FrontURL(), cluster: c.config.name()},
		cluster:  c,
		backend:  c.pool.Add(number, port),
		requests: make(chan request),
		silences: make(chan proxy.Silence, 1),
		done:     make(chan struct{}),
		state:    Backoff, // without a delay: loop starts it
		wanted:   true,
		timer:    time.NewTimer(time.Hour),
	}
	w.timer.Stop()
	w.backend.Over(w.wire())
	w.balance()
	w.backend.Set(proxy.Coming, 0)
	w.publishStatus(Event{})
	return w
}

// loop is the worker's goroutine, from its first start until it is retired and its process gone.
func (w *worker) loop() {
	defer close(w.done)
	defer w.timer.Stop()
	w.start()
	for !w.retired || w.state != Stopped {
		select {
		case r := <-w.requests:
			r.reply <- w.handle(r.verb)
		case <-w.run.exit():
			w.onExit()
		case <-w.run.ready():
			w.onReady()
		case ended := <-w.run.ended():
			w.onEnded(ended)
		case err := <-w.run.frozen():
			w.onFrozen(err)
		case v := <-w.run.judged():
			w.onVerdict(v)
		case reason := <-w.run.checked():
			w.onCheck(reason)
		case <-w.timer.C:
			w.onTimer()
		}
	}
	w.cluster.pool.Remove(w.backend)
}

// ask sends a request to the loop and waits for its answer, which comes at once: the work goes on behind it.
func (w *worker) ask(v verb) error {
	r := request{verb: v, reply: make(chan error, 1)}
	select {
	case w.requests <- r:
		return <-r.reply
	case <-w.done:
		return w.cannot(v, "it is gone")
	}
}

func (w *worker) cannot(v verb, why string) error {
	return &StateError{Verb: string(v), Worker: w.worker, State: w.seen.Load().State, Why: why}
}

func (w *worker) handle(v verb) error {
	if w.retired && v != verbRetire && v != verbKill {
		return w.cannot(v, "it is being taken away")
	}
	if w.run != nil && w.run.exited && (v == verbResume || v == verbDrain || v == verbUndrain) {
		return w.cannot(v, "its process has just ended") // its next state follows from that; a Ready would bring requests
	}
	switch v {
	case verbStart:
		w.onStart()
	case verbStop:
		w.onStop()
	case verbRestart:
		w.onRestart()
	case verbRenew:
		if !w.wanted {
			return w.cannot(verbRestart, "somebody has stopped it")
		}
		w.onRestart()
	case verbKill:
		return w.onKill()
	case verbPause:
		return w.onPause()
	case verbResume:
		return w.onResume()
	case verbDrain:
		return w.onDrain()
	case verbUndrain:
		return w.onUndrain()
	case verbRetire:
		w.retired = true
		w.onStop()
	}
	return nil
}

func (w *worker) onStart() {
	w.wanted = true
	switch w.state {
	case Stopped, Backoff, Failed:
		w.forgive()
		w.start()
	case Stopping:
		w.run.timedOut = false // whoever asks now wants another try, whatever it is ended for
		w.tell(w.state)        // comes back when the old process is gone
	case Starting, Ready, Unresponsive, Drained, Paused: // runs
	}
}

func (w *worker) onStop() {
	w.wanted = false
	switch w.state {
	case Starting, Ready, Unresponsive, Drained, Paused:
		w.stopProcess("")
	case Backoff, Failed:
		w.set(Stopped, Event{})
	case Stopping: // and stays down: a stop wins over the restart it meets
		w.tell(w.state)
	case Stopped:
	}
}

func (w *worker) onRestart() {
	w.wanted = true
	w.forgive()
	switch w.state {
	case Starting, Ready, Unresponsive, Drained, Paused:
		w.stopProcess("")
	case Stopped, Backoff, Failed:
		w.start()
	case Stopping:
		w.run.timedOut = false // as for onStart
		w.tell(w.state)
	}
}

func (w *worker) onKill() error {
	if w.run == nil {
		return w.cannot(verbKill, "it has no process")
	}
	w.run.killed = true
	w.run.unfreeze()
	w.backend.Excuse()
	w.end(syscall.SIGKILL, 0)
	return nil
}

// onExit hears of the death before anyone else: the proxy is told at once. Everyone else hears of it from onEnded, when
// what the process left behind is gone too and its last words are in.
func (w *worker) onExit() {
	w.run.exited = true
	w.run.unfreeze()
	if byHand(w.run.proc.Exit()) {
		w.backend.Excuse()
	}
	w.tell(Stopping)
	w.backend.Died()
	if !w.run.ending {
		// A reloader that was killed leaves its child serving on the port: "I killed it and it still answers".
		w.end(syscall.SIGKILL, 0)
	}
}

func (w *worker) onReady() {
	if w.state != Starting || w.run.exited {
		return
	}
	w.run.readyAt = time.Now()
	close(w.run.serving)
	w.bootDeaths = 0
	w.timer.Reset(stableAfter)
	w.set(Ready, Event{Took: w.run.readyAt.Sub(w.run.started)})
}

func (w *worker) onTimer() {
	switch w.state {
	case Starting:
		if w.run.exited {
			return // it is dead already: onEnded says of what
		}
		w.run.timedOut = true
		w.stopProcess(w.lateness(w.run))
	case Backoff:
		w.start()
	case Ready, Unresponsive, Drained, Paused:
		w.deaths = 0
	case Stopping, Stopped, Failed: // a timer of the state before
	}
}

// onEnded goes on from an incarnation whose whole tree is gone.
func (w *worker) onEnded(ended procs.Ended) {
	r := w.run
	exit := r.exitIfDead()
	asked := w.state == Stopping && !r.timedOut
	w.run, w.lastExit, w.ended, w.late = nil, &exit, ended, r.timedOut
	w.stoppedLast = w.retired
	r.cancel()
	what := Event{PID: r.proc.Pid(), Exit: &exit}
	if asked && !r.killed {
		what.Killed = len(ended.Killed)
	}
	if len(ended.Left) > 0 {
		w.notice("%d processes of worker %d could not be ended: %v", len(ended.Left), w.worker, ended.Left)
	}
	switch {
	case !w.wanted:
		w.set(Stopped, what)
	case asked:
		w.restarts++
		w.start()
	default:
		w.died(r, what)
	}
}

// died decides what follows a death that nobody asked for.
func (w *worker) died(r *run, what Event) {
	policy := w.cluster.launch.Load().restart()
	switch {
	case r.timedOut:
		what.Reason = w.lateness(r)
	case r.killed:
		w.deaths, w.bootDeaths = 0, 0
	case policy == RestartNever, policy == RestartOnFailure && what.Exit.Code == 0:
		w.wanted, w.over = false, true
		what.Reason = fmt.Sprintf("restart policy is %s", policy)
		if r.readyAt.IsZero() {
			what.Lines = r.tail.last()
		}
		w.set(Stopped, what)
		return
	}
	if r.readyAt.IsZero() {
		w.bootDeaths++
		what.Lines = r.tail.last()
		if w.bootDeaths >= bootAttempts || policy == RestartNever && !r.killed {
			w.fail(r.config, what)
			return
		}
		w.backoff(delay(w.bootDeaths), what)
		return
	}
	w.deaths++
	w.backoff(delay(w.deaths), what)
}

// lateness says why an incarnation that was not ready in time is ended.
func (w *worker) lateness(r *run) string {
	text := fmt.Sprintf("not ready within %v", r.config.readyTimeout())
	if refusal := r.refusal.Load(); refusal != nil {
		text += ": " + *refusal
	}
	return text
}

// fail gives the worker up after deaths before it was ready.
func (w *worker) fail(c *Config, what Event) {
	if what.Reason == "" {
		what.Reason = what.Exit.String() + " before it was ready"
	}
	if w.bootDeaths > 1 {
		what.Reason = fmt.Sprintf("%s (%d times)", what.Reason, w.bootDeaths)
	}
	w.giveUp(c, what)
}

func (w *worker) giveUp(c *Config, what Event) {
	w.over, what.Argv = true, w.argv(c.Command)
	w.set(Failed, what)
}

func (w *worker) backoff(d time.Duration, what Event) {
	w.restarts++
	what.Delay, what.Restarts = d, w.restarts
	w.set(Backoff, what)
	if d == 0 {
		w.start()
		return
	}
	w.timer.Reset(d)
}

// delay is the time before the start that follows the n-th death in a row: none, 0.5 s, and then the double each time up
// to 10 s, give or take a tenth so that workers which died together don't hit a shared database together.
func delay(n int) time.Duration {
	if n <= 1 {
		return 0
	}
	d := min(firstDelay<<min(n-2, 10), longestDelay)
	return d + time.Duration((rand.Float64()-0.5)/5*float64(d))
}

// forgive clears what earlier deaths have taught: somebody wants another try.
func (w *worker) forgive() { w.bootDeaths, w.deaths, w.waitsForPort = 0, 0, false }

// start begins the next incarnation, unless the port is taken: then it waits until that is over, which is no failure of
// the worker's.
func (w *worker) start() {
	w.timer.Stop()
	w.over, w.ended = false, procs.Ended{}
	if w.socket == "" && w.cluster.world.answers(w.port) {
		w.awaitPort()
		return
	}
	w.removeSocket()
	w.waitsForPort = false
	w.incarnation++
	c := w.cluster.launch.Load()
	if err := w.startProcess(c); err != nil {
		w.notStarted(c, err)
		return
	}
	w.timer.Reset(w.run.config.readyTimeout())
	w.set(Starting, Event{Restarts: w.restarts})
}

// notStarted decides what follows a start that the system refused. It is tried again where that can change by itself: there were too
// many processes, or the program was being written.
func (w *worker) notStarted(c *Config, err error) {
	what := Event{Reason: err.Error()}
	if stays(err) || c.restart() == RestartNever {
		w.giveUp(c, what)
		return
	}
	w.bootDeaths++
	if w.bootDeaths >= bootAttempts {
		w.fail(c, what)
		return
	}
	w.backoff(delay(w.bootDeaths+1), what)
}

// stays says whether a start that failed with err will fail again.
func stays(err error) bool {
	for _, target := range []error{exec.ErrNotFound, fs.ErrNotExist, fs.ErrPermission, syscall.ENOTDIR, errors.ErrUnsupported} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// awaitPort looks at a taken port again and again, and tells once who has it.
func (w *worker) awaitPort() {
	if !w.waitsForPort {
		w.waitsForPort = true
		taken := &PortTakenError{Worker: w.worker, Port: w.port, Holder: holderOf(w.port, shortLook)}
		w.set(Backoff, Event{Reason: taken.Error(), Delay: portPoll})
	}
	w.timer.Reset(portPoll)
}

// set is the only writer of the state. It tells the proxy first, then the readers.
func (w *worker) set(s State, e Event) {
	w.state, w.out = s, w.takenOut(s, e)
	w.tell(s)
	e.Kind, e.State = KindState, s
	e.Worker, e.Port, e.Incarnation = w.worker, w.port, w.incarnation
	if e.PID == 0 && w.run != nil {
		e.PID = w.run.proc.Pid()
	}
	w.publishStatus(e)
	w.cluster.publish(e)
	w.cluster.settle()
}

// tell tells the proxy what a state means for requests.
func (w *worker) tell(s State) { w.backend.SetState(w.status(s), string(s), w.incarnation) }

func (w *worker) notice(format string, args ...any) {
	w.cluster.publish(Event{
		Kind: KindNotice, Worker: w.worker, Port: w.port, Incarnation: w.incarnation, Text: fmt.Sprintf(format, args...),
	})
}
