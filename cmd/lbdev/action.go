package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/cluster/control"
)

// defaultTimeout is how long a command waits for the effect of what it asked for.
const defaultTimeout = 90 * time.Second

// An action is a command that does one thing to workers.
type action struct {
	name     string
	usage    string
	detail   string
	examples string
	waits    bool // for its effect, unless told otherwise; else the other way round
	effect   string
	said     string // printed instead of the state where nothing is waited for; empty = the state
	do       func(*control.Client, context.Context, string, time.Duration) ([]cluster.WorkerSnapshot, error)
	flags    []cli.Flag
}

func (a action) command() *cli.Command {
	wait := &cli.BoolFlag{Name: "wait", Usage: "return when " + a.effect}
	if a.waits {
		wait = &cli.BoolFlag{Name: "no-wait", Usage: "do not wait until " + a.effect}
	}
	return &cli.Command{
		Name:            a.name,
		Usage:           a.usage,
		ArgsUsage:       "WORKER…",
		UsageText:       "lbdev " + a.name + " [flags] WORKER…\n\n" + a.examples,
		Description:     a.detail + "\nWORKER is a number (2), a port (8001) or all.",
		HideHelpCommand: true,
		OnUsageError:    usageError,
		Flags: remoteFlags(append([]cli.Flag{
			wait,
			&cli.DurationFlag{Name: "timeout", Value: defaultTimeout, Usage: "wait at most `TIME`"},
		}, a.flags...)...),
		Action: a.run,
	}
}

func (a action) run(c *cli.Context) error {
	workers, err := workersOf(c)
	if err != nil {
		return err
	}
	r, err := attach(c)
	if err != nil {
		return err
	}
	defer r.Close()
	wait := time.Duration(0)
	if a.waits != (c.Bool("wait") || c.Bool("no-wait")) {
		if wait = c.Duration("timeout"); wait <= 0 {
			return &commandError{code: exitUsage, err: fmt.Errorf("cannot wait %v: the time must be above 0", wait), hint: "lbdev " + a.name + " --timeout 30s …"}
		}
	}
	now, err := a.do(r.Client, r.ctx, workers, wait)
	if refused, ok := errors.AsType[*control.APIError](err); ok {
		now = refused.Workers
	}
	if c.Bool("json") {
		if now == nil {
			now = []cluster.WorkerSnapshot{}
		}
		return errors.Join(printJSON(c, control.Workers{Workers: now}), remoteError(err))
	}
	for _, w := range now {
		line := r.out.workerLine(w)
		if a.said != "" && wait == 0 {
			line = r.out.worker(w.Worker, fmt.Sprintf("%4d", w.Port)) + " " + a.said
		}
		if _, failed := fmt.Fprintln(c.App.Writer, line); failed != nil {
			return fmt.Errorf("cannot write the output: %w", failed)
		}
	}
	return remoteError(err)
}

// workerLine is a worker and its state: 8001 ● ready.
func (l look) workerLine(w cluster.WorkerSnapshot) string {
	line := l.worker(w.Worker, fmt.Sprintf("%4d", w.Port)) + " " + l.state(w.State)
	if w.Reason != "" {
		line += "  " + w.Reason
	}
	return line
}
