package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/cluster/control"
)

func restartCommand() *cli.Command {
	a := action{
		name:  "restart",
		usage: "restart workers, or all of them one by one",
		detail: `Takes them out of rotation, lets them finish their requests, ends their processes and starts new ones. With --rolling one
after the other, so that the rest serves on; it stops at the first that does not come back.`,
		examples: "lbdev restart 8001\nlbdev restart all           all at once: requests wait until one is ready\nlbdev restart --rolling     all, one by one: nobody waits",
		waits:    true,
		effect:   "they are ready",
		do:       (*control.Client).Restart,
		flags:    []cli.Flag{&cli.BoolFlag{Name: "rolling", Usage: "restart all workers one by one"}},
	}
	cmd := a.command()
	cmd.Action = func(c *cli.Context) error {
		if !c.Bool("rolling") {
			return a.run(c)
		}
		if c.NArg() > 0 && (c.NArg() > 1 || c.Args().First() != "all") {
			return &commandError{
				code: exitUsage, err: errors.New("cannot restart some of the workers one by one: --rolling is for all"),
				hint: "lbdev restart --rolling   or  lbdev restart " + c.Args().First(),
			}
		}
		return rollingRestart(c)
	}
	return cmd
}

// rollingRestart shows how far it is as it goes.
func rollingRestart(c *cli.Context) error {
	r, err := attach(c)
	if err != nil {
		return err
	}
	defer r.Close()
	workers, err := r.RollingRestart(r.ctx, r.stepPrinter(c))
	return r.finish(c, workers, err, count(len(workers), "worker")+" restarted one by one")
}

// finish ends an action that takes long: with an error, or with what it came to.
func (r *remote) finish(c *cli.Context, workers []cluster.WorkerSnapshot, err error, text string) error {
	if err != nil {
		return remoteError(err)
	}
	if c.Bool("json") {
		return printJSON(c, struct {
			Done    bool                     `json:"done"`
			Workers []cluster.WorkerSnapshot `json:"workers"`
		}{true, workers})
	}
	_, err = fmt.Fprintln(c.App.Writer, text)
	return err
}

// stepPrinter shows the steps of an action that takes long: 8001 ● ready (2 of 4). As JSON each is a line.
func (r *remote) stepPrinter(c *cli.Context) func(cluster.Step) {
	return func(s cluster.Step) {
		if c.Bool("json") {
			printJSON(c, s)
			return
		}
		fmt.Fprintf(c.App.Writer, "%s %s (%d of %d)\n", r.out.worker(s.Worker, fmt.Sprintf("%4d", s.Port)), r.out.state(s.State), s.Done, s.Of)
	}
}
