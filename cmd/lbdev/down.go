package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/cluster/control"
)

func downCommand() *cli.Command {
	return &cli.Command{
		Name:            "down",
		Usage:           "end the cluster, and report",
		UsageText:       "lbdev down [flags]\n\nlbdev down                 as Ctrl-C in its own terminal does\nlbdev down --name shop     another folder's cluster\nlbdev down --json          with who had to be killed",
		Description:     "Exit code 1 means that a process could not be ended.",
		HideHelpCommand: true,
		OnUsageError:    usageError,
		Flags:           remoteFlags(),
		Action:          down,
	}
}

func down(c *cli.Context) error {
	r, err := attachAlone(c)
	if err != nil {
		return err
	}
	defer r.Close()
	report, err := r.Shutdown(r.ctx, r.stopPrinter(c))
	if err != nil {
		return remoteError(err)
	}
	if c.Bool("json") {
		if err := printJSON(c, report); err != nil {
			return err
		}
	} else {
		r.printReport(c, report)
	}
	if len(report.Left) > 0 {
		return &commandError{
			code: exitFailed, err: fmt.Errorf("cannot end %s of cluster %q", count(len(report.Left), "worker"), r.Name),
			hint: "these processes take no signal: look at them with  ps -fp " + joinInts(pidsOf(report.Left)),
		}
	}
	return nil
}

// stopPrinter shows the workers as they are gone. That they are being stopped is one line, not one for each.
func (r *remote) stopPrinter(c *cli.Context) func(cluster.Step) {
	show, begun := r.stepPrinter(c), false
	return func(s cluster.Step) {
		switch {
		case c.Bool("json"), s.State != cluster.Stopping:
			show(s)
		case !begun:
			begun = true
			fmt.Fprintf(c.App.Writer, "stopping %s\n", count(s.Of, "worker"))
		}
	}
}

func (r *remote) printReport(c *cli.Context, report control.Report) {
	for _, w := range report.Killed {
		fmt.Fprintf(c.App.Writer, "%s %s did not end in time, killed: pid %s\n", r.out.worker(w.Worker, strconv.Itoa(w.Port)), r.out.bad(r.out.down), joinInts(w.PIDs))
	}
	took := time.Duration(report.TookMS * float64(time.Millisecond))
	fmt.Fprintf(c.App.Writer, "%d stopped in %s\n", report.Stopped+len(report.Killed), short(took))
}

func pidsOf(workers []cluster.WorkerReport) []int {
	var pids []int
	for _, w := range workers {
		pids = append(pids, w.PIDs...)
	}
	return pids
}
