package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/cluster/control"
	"github.com/lbdev/lbdev/cluster/dashboard"
	"github.com/lbdev/lbdev/cluster/logfile"
	"github.com/lbdev/lbdev/cluster/metrics"
	"github.com/lbdev/lbdev/cluster/watch"
	"github.com/lbdev/lbdev/procs"
)

// How long a write may take when everything else has ended: a program in a pipe may be busy, while a terminal that takes
// nothing was stopped by somebody (Ctrl-S).
const (
	pipePatience     = 10 * time.Second
	terminalPatience = 3 * time.Second
)

// sameSignal is how close together two signals are one: timeout(1), npm and go run pass a signal on that the terminal, or
// they themselves, have sent to the whole group already.
const sameSignal = 200 * time.Millisecond

// A session is one run of up: a cluster, its screen, and what ends them.
type session struct {
	plan    *plan
	guard   *procs.Guard
	cluster *cluster.Cluster
	screen  *screen
	logs    *logfile.Files      // nil without --log-dir
	access  *logfile.Files      // nil without --access-log FILE
	watcher *watch.Watcher      // nil without --watch
	scraped *metrics.Server     // nil without --metrics
	fill    func(string) string // puts the folder of the preset's files into a text
	reload  *reloader           // nil = no config file is read again
	api     *control.Server
	door    *door
	closed  string // why there is no door
	folder  string // see private
	shop    string // see workshop

	moreFolders []string // that are removed with it

	dashboard      *dashboard.Server // nil with --dashboard off
	dashboardMoved *cluster.Move     // nil = it is where people look for it

	signals chan os.Signal
	quit    chan string // told by the key q and by lbdev down: what is to be said
	out     look
	stderr  *os.File
}

// newSession opens the cluster and prints what it is.
func newSession(p *plan, stdout, stderr *os.File) (*session, error) {
	s := &session{plan: p, out: lookOf(stdout), stderr: stderr, signals: make(chan os.Signal, 8), quit: make(chan string, 1)}
	s.screen = &screen{
		out:      stdout,
		requests: newRequests(!p.json && p.access.file != toScreen),
		notes:    make(chan note, keepNotes),
		remarks:  make(chan remark),
		warn:     func(err error) { explain(stderr, err) },
		broken:   make(chan error, 1),
		done:     make(chan struct{}),
	}
	p.config.OnAccess = p.act.watched(s.screen.requests.add)
	p.config.ErrorPage = s.errorPage
	p.config.Reserve = func(choose func(cluster.Promises) ([]int, error)) error { return s.door.reserve(choose) }
	s.terminal(stdout)
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(sig) { // nohup(1) and background jobs of scripts ask for that
			signal.Notify(s.signals, sig)
		}
	}
	// A Go program that did not ask for SIGPIPE is killed by it when the reader of its output goes, and its workers would
	// be orphans. Nobody reads the channel: a client that hangs up is a SIGPIPE as well; the screen sees its failed write.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	if err := s.open(); err != nil {
		s.abandon()
		return nil, p.blamePreset(p.file.blame(advise(err, p.config.Command)))
	}
	return s, nil
}

// abandon lets go what open has opened before it failed.
func (s *session) abandon() {
	s.door.close()
	s.closeDashboard()
	s.closeMetrics()
	s.closeLogs()
	if s.watcher != nil {
		s.watcher.Close()
	}
	s.reload.stop()
	s.reload.wait()
	if s.guard != nil {
		s.guard.Release()
	}
	s.removePrivate()
}

// open opens the cluster: its name first, so that the second of two with one name is refused and not moved to other ports.
func (s *session) open() (err error) {
	if s.guard, err = procs.EndWithUs(func(err error) { explain(s.stderr, err) }); err != nil {
		return err
	}
	if err = s.openLogs(); err != nil {
		return err
	}
	if err = s.openWatcher(); err != nil {
		return err
	}
	if err = s.prepare(); err != nil {
		return err
	}
	s.prepareFront()
	if s.cluster, err = cluster.New(s.plan.config); err != nil {
		return err
	}
	// Whoever reads along does from the first line on.
	s.screen.printer = s.printer()
	s.screen.logs, s.screen.events = s.cluster.Logs().Reader(0, !s.out.tty), s.cluster.Events().Reader(0, false)
	if s.logs != nil {
		s.logs.Follow(s.cluster.Logs(), s.cluster.Events())
	}
	if s.door, s.closed, err = openDoor(s.plan.config.Name); err != nil {
		return err
	}
	scrape := metrics.Handler(s.cluster, buildVersion().Version)
	if err = s.openMetrics(scrape); err != nil {
		return err
	}
	if err = s.cluster.Open(); err != nil {
		return err
	}
	s.api = &control.Server{Cluster: s.cluster, Down: s.goDown, Metrics: scrape}
	s.openReloader()
	if err = s.openDashboard(); err != nil {
		s.cluster.Shutdown(context.Background())
		return err
	}
	s.door.serve(s.cluster, s.api, s.dashboard)
	return nil
}

// terminal decides whether the workers get a terminal, how large it is, and whether they are asked for colour.
func (s *session) terminal(stdout *os.File) {
	c := &s.plan.config
	c.PTY = s.plan.pty == "on" || s.plan.pty == "auto" && s.out.tty && !s.plan.json && procs.HasPTY && os.Getenv("CI") == ""
	c.Colour = s.out.colour && !s.plan.json
	if width, height, err := term.GetSize(int(stdout.Fd())); err == nil {
		c.Rows, c.Cols = uint16(height), uint16(max(width-prefixWidth, 20))
	}
}

func (s *session) printer() printer {
	if s.plan.json {
		return jsonPrinter{s.cluster}
	}
	t := newTextPrinter(s.out, s.cluster)
	t.keys = s.wantsKeys()
	p := s.plan.act.dressed(t)
	if s.plan.access.file == toScreen {
		return accessPrinter{p, s.plan.access.format}
	}
	return p
}

// run shows the cluster until it ends, ends it, and returns what became of it.
func (s *session) run() error {
	defer s.door.close()
	go s.screen.run()
	s.screen.say("open", s.header())
	report, hurried, err := s.live()
	if hurried {
		return err // without Release: the guardians kill what is left
	}
	s.closeDashboard()
	s.closeMetrics()
	s.closeLogs()
	s.guard.Release()
	s.removePrivate()
	s.api.Finish(report)
	if !s.awaitScreen() {
		explain(s.stderr, errors.New("cannot write the rest of the output: nobody reads it"))
		return err
	}
	s.screen.conclude(report)
	return err
}

// live has the cluster run, with its keys, until there is a reason to end, and ends it. The terminal is given back at once
// then, so that it is as it was whatever comes.
func (s *session) live() (report cluster.Report, hurried bool, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	k := &keys{look: s.out, cluster: s.cluster, say: s.screen.trySay, quit: s.quitByKey, ctx: ctx}
	var keyboard *keyboard
	if s.wantsKeys() {
		s.guard.KeepTerminal(os.Stdin) // its error is a terminal that can't be found: then only we give it back
		keyboard = openKeyboard(k.press)
	}
	if s.watcher != nil {
		k.work.Go(func() { s.watcher.Run(ctx) })
		defer s.watcher.Close()
	}
	playing := s.perform()
	err = s.wait(playing)
	playing.cancel()
	keyboard.close()
	s.guard.TerminalIsBack()
	cancel()
	s.reload.stop()
	report, hurried = s.shutdown()
	if !hurried {
		hurried = !s.awaitEnd(k.work.Wait, s.reload.wait, playing.await)
	}
	return report, hurried, err
}

// awaitEnd waits for all that was told to end, and says whether it has: a signal ends the patience.
func (s *session) awaitEnd(waits ...func()) bool {
	began, over := time.Now(), make(chan struct{})
	go func() {
		defer close(over)
		for _, wait := range waits {
			wait()
		}
	}()
	for {
		select {
		case <-over:
			return true
		case <-s.signals:
			if time.Since(began) >= sameSignal {
				return false
			}
		}
	}
}

// wantsKeys says whether a person can press keys and see what they do.
func (s *session) wantsKeys() bool {
	return s.plan.act.play == nil && !s.plan.json && s.out.tty && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(os.Stdin.Fd()))
}

// quitByKey and goDown ask for the end; the first to do so counts.
func (s *session) quitByKey() { s.askToQuit("") }
func (s *session) goDown()    { s.askToQuit("lbdev down") }

func (s *session) askToQuit(why string) {
	select {
	case s.quit <- why:
	default:
	}
}

// awaitScreen waits until everything is written, and says whether it is. A reader may be slow, but one that takes nothing
// has stopped reading; a signal ends the patience with it.
func (s *session) awaitScreen() bool {
	patience := pipePatience
	if s.out.tty {
		patience = terminalPatience
	}
	for {
		written := s.screen.written.Load()
		select {
		case <-s.screen.done:
			return true
		case <-s.signals:
			return false
		case <-time.After(patience):
			if s.screen.written.Load() == written {
				return false
			}
		}
	}
}

// wait returns when there is a reason to end; the error has the exit code. That no worker runs any more is none as long as files are
// watched: the next change may be what brings them back.
func (s *session) wait(p *playing) error {
	for over := s.cluster.Over(); ; {
		select {
		case sig := <-s.signals:
			return ended(sig)
		case why := <-s.quit:
			if why != "" {
				s.screen.say("asked", why+" was called in another terminal")
			}
			return nil
		case <-s.screen.broken:
			return ended(syscall.SIGPIPE)
		case <-over:
			if s.watcher == nil {
				return s.verdict()
			}
			over = nil
			s.cluster.Announce("no worker runs any more; when a watched file changes, they are started again")
		case <-p.over:
			return p.err
		}
	}
}

// ended is the exit code after a signal, which says it all.
func ended(sig os.Signal) error {
	number, _ := sig.(syscall.Signal)
	return &commandError{code: exitSignal + int(number)}
}

func (s *session) verdict() error {
	switch err := s.cluster.Verdict(); {
	case err == nil:
		return nil
	case errors.Is(err, cluster.ErrNeverReady):
		return &commandError{code: exitNeverReady, err: err, hint: neverReadyHint}
	default:
		port := s.cluster.Ports()[0]
		return &commandError{code: exitFailed, err: err, hint: "run one alone to see more:  " + alone(port, s.cluster.Argv(port))}
	}
}

const neverReadyHint = "does the app listen on the port it is given, {port} or $PORT? If it is only slow:  --ready-timeout 3m ; if it does not speak HTTP:  --mode tcp , or only HTTP/2, as gRPC:  --upstream h2c"

// alone is the command that runs a worker without lbdev.
func alone(port int, argv []string) string { return fmt.Sprintf("PORT=%d %s", port, commandLine(argv)) }

// stopping says how many workers are being stopped, nothing if none has a process.
func (s *session) stopping() string {
	running := 0
	for _, w := range s.cluster.Snapshot().Workers {
		if w.PID != 0 {
			running++
		}
	}
	if running == 0 {
		return ""
	}
	text := "stopping " + count(running, "worker")
	if s.out.tty {
		text += " " + s.out.dot + " Ctrl-C again to kill"
	}
	return text
}

// shutdown ends the cluster. The second signal kills what does not end by itself, the third gives up waiting: hurried.
func (s *session) shutdown() (report cluster.Report, hurried bool) {
	if text := s.stopping(); text != "" {
		s.screen.say("stopping", text)
	}
	reports := make(chan cluster.Report, 1)
	go func() { reports <- s.cluster.Shutdown(context.Background()) }()
	last := time.Now()
	for hurry := 0; ; {
		select {
		case report = <-reports:
			return report, false
		case <-s.signals:
			if time.Since(last) < sameSignal {
				continue
			}
			last = time.Now()
			if hurry++; hurry > 1 {
				return report, true
			}
			s.screen.say("killing", "killing what is left")
			s.cluster.Hurry()
		}
	}
}
