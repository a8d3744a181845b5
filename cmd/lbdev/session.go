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
	"github.com/lbdev/lbdev/procs"
)

// outputPatience is how long the last output may take to be written when everything else has ended.
const outputPatience = 3 * time.Second

// sameSignal is how close together two signals are one: timeout(1), npm and go run pass a signal on that the terminal, or
// they themselves, have sent to the whole group already.
const sameSignal = 200 * time.Millisecond

// A session is one run of up: a cluster, its screen, and what ends them.
type session struct {
	plan    *plan
	cluster *cluster.Cluster
	screen  *screen
	signals chan os.Signal
	out     look
	stderr  *os.File
}

// newSession opens the cluster and prints what it is.
func newSession(p *plan, stdout, stderr *os.File) (*session, error) {
	s := &session{plan: p, out: lookOf(stdout), stderr: stderr, signals: make(chan os.Signal, 8)}
	requests := newRequests(!p.json)
	p.config.OnAccess = requests.add
	p.config.ErrorPage = s.errorPage
	s.terminal()
	signal.Notify(s.signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// A Go program that did not ask for SIGPIPE is killed by it when the reader of its output goes, and its workers would
	// be orphans. Nobody reads the channel: a client that hangs up is a SIGPIPE as well; the screen sees its failed write.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	if err := procs.EndWithUs(); err != nil {
		return nil, &commandError{code: exitFailed, err: err}
	}
	c, err := cluster.New(p.config)
	if err == nil {
		s.cluster = c
		err = c.Open()
	}
	if err != nil {
		return nil, advise(err, p.config.Command)
	}
	s.screen = &screen{
		out:      stdout,
		printer:  s.printer(),
		logs:     c.Logs().Reader(0, !s.out.tty),
		events:   c.Events().Reader(0, false),
		requests: requests,
		notes:    make(chan note, keepNotes),
		warn:     func(err error) { explain(stderr, err) },
		broken:   make(chan error, 1),
		done:     make(chan struct{}),
	}
	return s, nil
}

// terminal decides whether the workers get a terminal, how large it is, and whether they are asked for colour.
func (s *session) terminal() {
	c := &s.plan.config
	c.PTY = s.plan.pty == "on" || s.plan.pty == "auto" && s.out.tty && !s.plan.json && procs.HasPTY && os.Getenv("CI") == ""
	c.Colour = s.out.colour && !s.plan.json
	if width, height, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
		c.Rows, c.Cols = uint16(height), uint16(max(width-prefixWidth, 20))
	}
}

func (s *session) printer() printer {
	if s.plan.json {
		return jsonPrinter{s.cluster}
	}
	return newTextPrinter(s.out, s.cluster, s.alone)
}

// run shows the cluster until it ends, ends it, and returns what became of it.
func (s *session) run() error {
	go s.screen.run()
	s.screen.say("open", s.header())
	err := s.wait()
	report, hurried := s.shutdown()
	if hurried {
		return err
	}
	select {
	case <-s.screen.done:
	case <-time.After(outputPatience): // whoever reads our output has stopped reading
		return err
	}
	s.screen.conclude(report)
	return err
}

// wait returns when there is a reason to end; the error has the exit code.
func (s *session) wait() error {
	select {
	case sig := <-s.signals:
		return ended(sig)
	case <-s.screen.broken:
		return ended(syscall.SIGPIPE)
	case <-s.cluster.Over():
		return s.verdict()
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
		return &commandError{code: exitFailed, err: err, hint: "run one alone to see more:  " + s.alone(s.cluster.Ports()[0])}
	}
}

const neverReadyHint = "does the app listen on the port it is given, {port} or $PORT? If it is only slow:  --ready-timeout 3m ; if it does not speak HTTP:  --ready tcp"

// alone is the command that runs the worker with this port without lbdev.
func (s *session) alone(port int) string {
	return fmt.Sprintf("PORT=%d %s", port, commandLine(s.cluster.Argv(port)))
}

// shutdown ends the cluster. The second signal kills what does not end by itself, the third gives up waiting: hurried.
func (s *session) shutdown() (report cluster.Report, hurried bool) {
	again := ""
	if s.out.tty {
		again = " " + s.out.dot + " Ctrl-C again to kill"
	}
	s.screen.say("stopping", fmt.Sprintf("stopping %s%s", count(len(s.cluster.Ports()), "worker"), again))
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
