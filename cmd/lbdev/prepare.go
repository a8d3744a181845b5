package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/cluster/control"
	"github.com/lbdev/lbdev/procs"
	"github.com/lbdev/lbdev/templates/presets"
)

// The values of --prepare.
const (
	prepareAuto = "auto" // what builds the app
	prepareAll  = "all"  // also what changes data
	prepareOff  = "off"
)

const (
	// privateWord stands in presets for the private folder of a run.
	privateWord = "{private}"
	// stepGrace is how long a step may take to end when it was asked to.
	stepGrace = 10 * time.Second
	// stepQuiet is how long a step may print nothing before people are told that it still runs.
	stepQuiet = 10 * time.Second
	// stepTail is how many of its last lines are said again when it fails.
	stepTail = 5
)

// planPrepare reads --prepare, and says what will not be run.
func (p *plan) planPrepare(which string) error {
	if which == "" { // a command without the flag
		which = prepareOff
	}
	if !slices.Contains([]string{prepareAuto, prepareAll, prepareOff}, which) {
		return &commandError{
			code: exitUsage, err: fmt.Errorf("cannot prepare %q: it must be auto, all or off", which), hint: "lbdev up --prepare all …", flag: "prepare",
		}
	}
	p.prepare = which
	if p.found == nil || !p.chosen {
		return nil
	}
	for _, task := range p.found.Prepare {
		if which != prepareAll && task.Changes != "" {
			p.notes = append(p.notes, fmt.Sprintf("not run: %s, which changes %s; run it once, or  lbdev up --prepare all", commandLine(task.Argv), task.Changes))
		}
	}
	return nil
}

// tasks are the steps that are to be run.
func (p *plan) tasks() []presets.Task {
	if p.found == nil || p.prepare == prepareOff || p.prepare == "" || !p.chosen {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(p.found.Prepare), func(t presets.Task) bool {
		return t.Needless != "" || t.Changes != "" && p.prepare != prepareAll
	})
}

// prepare runs what must be done once before the workers start, and makes what each of them needs.
func (s *session) prepare() error {
	p := s.plan
	if p.found == nil {
		return nil
	}
	tasks := p.tasks()
	if len(tasks) > 0 {
		if err := s.checkFirst(); err != nil { // rather than after minutes of building
			return err
		}
	}
	folder, err := s.presetsFolder()
	if err != nil {
		return err
	}
	fill := func(text string) string { return strings.ReplaceAll(text, privateWord, folder) }
	s.fill = fill
	for _, task := range tasks {
		for i := range task.Argv {
			task.Argv[i] = fill(task.Argv[i])
		}
		if err := s.runStep(task); err != nil {
			return err
		}
	}
	if len(tasks) > 0 {
		built, err := p.found.Built()
		if err != nil {
			return presetError(err)
		}
		p.found.Files, p.config.Command = built.Files, built.Command
	}
	p.config.Command, p.config.Env = fillAll(p.config.Command, fill), fillAll(p.config.Env, fill)
	p.shown = commandLine(p.config.Command)
	if len(p.found.Files) > 0 {
		p.config.Before = func(worker int, expand func(string) string) error {
			return writeFiles(p.found.Files, filepath.Join(folder, "worker"+strconv.Itoa(worker)), func(text string) string { return expand(fill(text)) })
		}
	}
	return nil
}

// writeFiles makes the files of one worker.
func writeFiles(files []presets.File, dir string, fill func(string) string) error {
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := f.Write(dir, here, fill); err != nil {
			return fmt.Errorf("cannot make %s for this worker: %w", f.Path, err)
		}
	}
	return nil
}

func fillAll(texts []string, fill func(string) string) []string {
	filled := make([]string, len(texts))
	for i, text := range texts {
		filled[i] = fill(text)
	}
	return filled
}

// checkFirst finds the faults of the Config that have nothing to do with the command, which may have to be built.
func (s *session) checkFirst() error {
	config := s.plan.config
	self, err := os.Executable()
	if err != nil {
		return err
	}
	config.Command = []string{self, "{port}"}
	_, err = cluster.New(config)
	return err
}

// presetsFolder is the folder that {private} stands for, if something asks for it: one in which programs may be run.
func (s *session) presetsFolder() (string, error) {
	p := s.plan
	texts := slices.Concat(p.config.Command, p.config.Env)
	for _, task := range p.found.Prepare {
		texts = append(texts, task.Argv...)
	}
	asked := func(text string) bool { return strings.Contains(text, privateWord) }
	if !slices.ContainsFunc(texts, asked) && len(p.found.Files) == 0 {
		return "", nil
	}
	return s.workshop()
}

// A step is one that runs, for people to watch.
type step struct {
	name string // the command
	out  io.Writer
	look look
	json bool

	mu    sync.Mutex
	last  time.Time // when it printed something
	lines []string  // its last ones
}

// say prints one line about the step.
func (t *step) say(kind, text, line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.json {
		fmt.Fprintln(t.out, text)
		return
	}
	t.out.Write(appendJSON(nil, prepareEvent{Head: control.Head{Event: kind, Time: time.Now()}, Command: t.name, Line: line}))
}

// A prepareEvent is what JSON lines say of a step: prepare when it begins, prepare-log for a line of it, prepared when it is done.
type prepareEvent struct {
	control.Head
	Command string `json:"command"`
	Line    string `json:"line,omitempty"`
}

// output takes the lines of the step.
func (t *step) output(lines []procs.Line) {
	for _, l := range lines {
		text := string(procs.AppendPlain(nil, l.Text))
		shown := l.Text
		if !t.look.colour {
			shown = text
		}
		t.say("prepare-log", "prepare "+t.look.bar+" "+shown, text)
		t.mu.Lock()
		t.last = time.Now()
		if strings.TrimSpace(text) != "" {
			t.lines = append(t.lines, text)
			t.lines = t.lines[max(0, len(t.lines)-stepTail):]
		}
		t.mu.Unlock()
	}
}

// runStep runs one step to its end, or ends it and all that it has started when a signal comes.
func (s *session) runStep(task presets.Task) error {
	t := &step{name: commandLine(task.Argv), out: s.screen.out, look: s.out, json: s.plan.json, last: time.Now()}
	why := ""
	if task.Why != "" {
		why = "   " + task.Why
	}
	t.say("prepare", "prepare "+t.name+why, "")
	begun := time.Now()
	proc, err := procs.Start(procs.Config{Argv: task.Argv, Env: s.stepEnv(), Output: t.output})
	if err != nil {
		return s.stepNotStarted(task, err)
	}
	sig := s.endStep(proc, s.awaitStep(t, proc, begun))
	<-proc.Drained()
	if sig != nil {
		return ended(sig)
	}
	if exit := proc.Exit(); exit.Code != 0 {
		return t.failed(exit, time.Since(begun))
	}
	t.say("prepared", "prepare "+s.out.good(s.out.up)+" done in "+short(time.Since(begun)), "")
	return nil
}

// stepEnv is the environment of steps: what workers inherit, and what the preset and the user set that is the same for all of them. A value
// may have braces and percent signs of its own, as the password in postgres://me:p%40ss@db/shop has: what a step does to a database it
// must do to that of the workers.
func (s *session) stepEnv() []string {
	p := s.plan
	env := slices.Clone(p.config.Environ)
	for _, name := range slices.Sorted(maps.Keys(p.config.EnvFile)) {
		env = append(env, name+"="+p.config.EnvFile[name])
	}
	for _, kv := range p.config.Env {
		if !cluster.HasPlaceholder(kv) {
			env = append(env, s.fill(kv))
		}
	}
	return env
}

// awaitStep waits for the end of a step, and returns the signal that came before it.
func (s *session) awaitStep(t *step, proc *procs.Process, begun time.Time) os.Signal {
	tick := time.NewTicker(stepQuiet)
	defer tick.Stop()
	for {
		select {
		case <-proc.Done():
			return nil
		case sig := <-s.signals:
			return sig
		case <-tick.C:
			t.mu.Lock()
			quiet := time.Since(t.last) >= stepQuiet
			t.mu.Unlock()
			if quiet {
				t.say("preparing", fmt.Sprintf("prepare %s has run for %s", t.name, short(time.Since(begun))), "")
			}
		}
	}
}

// endStep ends what a step has left behind, or the step itself; another signal kills it. It returns the first signal that came, if any.
func (s *session) endStep(proc *procs.Process, first os.Signal) os.Signal {
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() { defer close(over); proc.End(ctx, syscall.SIGTERM, stepGrace) }()
	defer cancel()
	for last := time.Now(); ; {
		select {
		case <-over:
			return first
		case sig := <-s.signals:
			if first == nil {
				first, last = sig, time.Now()
			} else if time.Since(last) > sameSignal {
				cancel()
			}
		}
	}
}

func (s *session) stepNotStarted(task presets.Task, err error) error {
	code, hint := exitFailed, ""
	if errors.Is(err, exec.ErrNotFound) {
		code, hint = exitNotFound, fmt.Sprintf("install %s, or leave the step out:  lbdev up --prepare off", task.Argv[0])
	}
	return &commandError{code: code, err: fmt.Errorf("cannot prepare %s: %w", s.plan.found.Preset.Title, err), hint: hint}
}

// failed says how a step ended, and again what it said last: that is where the reason is.
func (t *step) failed(exit procs.Exit, took time.Duration) error {
	said := []string{fmt.Sprintf("cannot prepare: %s %s after %s", t.name, exit, short(took))}
	for _, line := range t.lines {
		said = append(said, t.look.bar+" "+line)
	}
	return &commandError{
		code: exitFailed, err: errors.New(strings.Join(said, "\n")),
		hint: "run it by itself:  " + t.name + "   ; what needs no preparation starts with  lbdev up --prepare off",
	}
}
