package main

import (
	"fmt"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster"
)

func scaleCommand() *cli.Command {
	return &cli.Command{
		Name:      "scale",
		Usage:     "change the number of workers",
		ArgsUsage: "N",
		UsageText: "lbdev scale [flags] N\n\nlbdev scale 6      six workers; each port stays its worker's\nlbdev scale +2     two more\nlbdev scale -- -1  one less",
		Description: `New workers come at the end, on the ports that follow; the last ones finish their requests and go. It returns when
those that come are ready and those that go are gone. If that takes longer than --timeout, it goes on without being waited for; if
another scale is under way all the time, nothing is changed.`,
		HideHelpCommand: true,
		OnUsageError:    usageError,
		Flags: remoteFlags(
			&cli.DurationFlag{Name: "timeout", Value: defaultTimeout, Usage: "wait at most `TIME`"},
		),
		Action: scale,
	}
}

func scale(c *cli.Context) error {
	text := c.Args().First()
	n, err := strconv.Atoi(text)
	if err != nil || c.NArg() != 1 {
		return &commandError{code: exitUsage, err: fmt.Errorf("cannot scale to %q: it must be one number", text), hint: fmt.Sprintf("lbdev scale 6  (1 to %d), or  lbdev scale +1", cluster.MaxWorkers)}
	}
	wait := c.Duration("timeout")
	if wait <= 0 {
		return &commandError{code: exitUsage, err: fmt.Errorf("cannot wait %v: the time must be above 0", wait), hint: "lbdev scale 6 --timeout 30s"}
	}
	r, err := attach(c)
	if err != nil {
		return err
	}
	defer r.Close()
	if text[0] == '+' || text[0] == '-' {
		now, err := r.Client.Cluster(r.ctx)
		if err != nil {
			return remoteError(err)
		}
		n += len(now.Workers)
	}
	if n < 1 || n > cluster.MaxWorkers {
		return &commandError{code: exitUsage, err: fmt.Errorf("cannot scale to %d workers: the number must be 1 to %d", n, cluster.MaxWorkers), hint: "lbdev scale 6"}
	}
	workers, err := r.Scale(r.ctx, n, wait, r.stepPrinter(c))
	return r.finish(c, workers, err, count(len(workers), "worker"))
}
