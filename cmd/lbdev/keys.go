package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/lbdev/lbdev/cluster"
)

// keyHelp is what h shows. The words are those of the commands.
var keyHelp = []struct{ key, does string }{
	{"1…9, 0", "choose a worker, or all of them"},
	{"k", "kill it, as a crash would (lbdev brings it back)"},
	{"s", "stop it, or start it"},
	{"p", "pause it (freeze), or resume it"},
	{"d", "drain it (no new requests), or undrain it"},
	{"r", "restart it"},
	{"R", "rolling restart: all, one after the other"},
	{"+ -", "one worker more, one less"},
	{"c", "clear the screen"},
	{"q", "quit, as Ctrl-C does"},
}

// allWorkers is what keys.chosen is when 0 was pressed.
const allWorkers = -1

// keys are what a person does to the cluster by single keys. press is called by one goroutine at a time.
type keys struct {
	look
	cluster *cluster.Cluster
	say     func(kind, text string) // must not wait
	quit    func()

	chosen int // a worker's number; 0 = none yet
	escape escape
	ctx    context.Context // ends the actions that take long
	work   sync.WaitGroup  // these

	scaling sync.Mutex // one scale at a time
	mu      sync.Mutex // guards target
	target  int        // how many workers there shall be; 0 = as many as there are
}

// An escape is where in an escape sequence of the terminal we are: a function key must not be taken for digits.
type escape int

const (
	noEscape escape = iota
	escBegun
	escCSI // up to a final byte
	escSS3 // one byte follows
)

// next takes a byte and says whether it is part of a sequence.
func (e *escape) next(b byte) bool {
	switch was := *e; {
	case b == 0x1b:
		*e = escBegun
	case was == escBegun && b == '[':
		*e = escCSI
	case was == escBegun && b == 'O':
		*e = escSS3
	case was == escCSI && (b < 0x40 || b > 0x7e): // parameters, ECMA-48 section 5.4
	case was == noEscape:
		return false
	default:
		*e = noEscape
	}
	return true
}

// press does what a key means. Keys that mean nothing are ignored.
func (k *keys) press(b byte) {
	if k.escape.next(b) {
		return
	}
	switch b {
	case 'h', '?':
		k.say("help", k.help())
	case '0':
		k.choose(allWorkers)
	case '1', '2', '3', '4', '5', '6', '7', '8', '9':
		k.choose(int(b - '0'))
	case 'k':
		k.each("kill", k.cluster.Kill)
	case 's':
		k.toggle("start", "stop", k.cluster.Start, k.cluster.Stop, cluster.Stopped, cluster.Failed)
	case 'p':
		k.toggle("resume", "pause", k.cluster.Resume, k.cluster.Pause, cluster.Paused)
	case 'd':
		k.toggle("undrain", "drain", k.cluster.Undrain, k.cluster.Drain, cluster.Drained)
	case 'r':
		k.each("restart", k.cluster.Restart)
	case 'R':
		k.work.Go(k.rollingRestart)
	case '+', '=':
		k.scale(1)
	case '-', '_':
		k.scale(-1)
	case 'c':
		k.say("clear", "\x1b[H\x1b[2J\x1b[3J")
	case 'q':
		k.quit()
	}
}

func (k *keys) help() string {
	var b strings.Builder
	b.WriteString(k.bold("keys"))
	for _, h := range keyHelp {
		fmt.Fprintf(&b, "\n  %-7s %s", strings.ReplaceAll(h.key, "…", k.ellipsis), h.does)
	}
	return b.String()
}

func (k *keys) choose(worker int) {
	ports := k.cluster.Ports()
	switch {
	case worker == allWorkers:
		k.chosen = worker
		k.say("chosen", fmt.Sprintf("all %d workers chosen %s k s p d r act on them", len(ports), k.dot))
	case worker > len(ports):
		k.say("chosen", fmt.Sprintf("there is no worker %d %s 1 to %d", worker, k.dot, len(ports)))
	default:
		k.chosen = worker
		k.say("chosen", fmt.Sprintf("%s chosen %s k s p d r act on it", k.worker(worker, fmt.Sprintf("worker %d (%d)", worker, ports[worker-1])), k.dot))
	}
}

// targets are the workers that were chosen, as they are now.
func (k *keys) targets(verb string) []cluster.WorkerSnapshot {
	workers := k.cluster.Snapshot().Workers
	if k.chosen == 0 && len(workers) == 1 {
		return workers
	}
	if k.chosen == 0 {
		k.say("chosen", fmt.Sprintf("%s which one? Choose it first: press 1 to %d, or 0 for all", verb, min(len(workers), 9)))
	}
	return slices.DeleteFunc(workers, func(w cluster.WorkerSnapshot) bool { return k.chosen != allWorkers && w.Worker != k.chosen })
}

func (k *keys) each(verb string, act func(id int) error) {
	for _, w := range k.targets(verb) {
		k.tell(act(w.Worker))
	}
}

// toggle does one thing to the workers in one of the given states and another to the others; if it concerns several that
// differ, it does the same to all: what the first one needs.
func (k *keys) toggle(onVerb, offVerb string, on, off func(id int) error, states ...cluster.State) {
	targets := k.targets(offVerb)
	if len(targets) == 0 {
		return
	}
	act := off
	if slices.Contains(states, targets[0].State) {
		act = on
	}
	for _, w := range targets {
		k.tell(act(w.Worker))
	}
}

func (k *keys) rollingRestart() { k.tell(k.cluster.RollingRestart(k.ctx, nil)) }

// scale changes what the number of workers shall be. Keys that are pressed while an earlier change is under way add up.
func (k *keys) scale(by int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.target == 0 {
		k.target = len(k.cluster.Ports())
	}
	k.target = max(k.target+by, 1)
	k.work.Go(k.rescale)
}

func (k *keys) rescale() {
	k.scaling.Lock()
	defer k.scaling.Unlock()
	k.mu.Lock()
	n := k.target
	k.mu.Unlock()
	if n == len(k.cluster.Ports()) {
		return
	}
	k.say("scale", fmt.Sprintf("scaling to %s", count(n, "worker")))
	err := k.cluster.Scale(k.ctx, n, nil)
	if err != nil {
		k.mu.Lock()
		k.target = 0
		k.mu.Unlock()
	}
	k.tell(err)
}

func (k *keys) tell(err error) {
	if err != nil && k.ctx.Err() == nil {
		k.say("error", err.Error())
	}
}
