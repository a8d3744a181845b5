package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/cluster/control"
	"github.com/lbdev/lbdev/proxy"
	"github.com/lbdev/lbdev/proxy/fault"
)

// faultSign stands before what is made to go wrong.
const faultSign = "~"

func faultCommand() *cli.Command {
	return &cli.Command{
		Name:      "fault",
		Usage:     "make workers misbehave, to see what becomes of the requests",
		ArgsUsage: "[WORKER|reset] [FAULT…]",
		UsageText: `lbdev fault [flags] [WORKER…|reset] [FAULT…]

lbdev fault 8001 latency=500ms±100ms errors=10%   every answer late, every tenth an error
lbdev fault 8001 latency=2s:20% --for 30s         a fifth of the requests, for half a minute
lbdev fault 8001 8002 reset=5%                    as if they crashed now and then
lbdev fault all bandwidth=50kB/s                  a slow network
lbdev fault                                       shows them; lbdev fault 8001  shows that one's
lbdev fault 8001 off                              ends that worker's
lbdev fault reset                                 ends all`,
		Description: `The proxy plays a worker that is bad; the worker's own process knows nothing of it, and works as well as before when the fault ends.
What is named replaces what was set before. Faults stand through restarts of a worker.

latency=500ms±100ms   requests reach it late (+-100ms is as good)
errors=10%            it answers with 500; errors=503:10% with another status
blackhole=5%          it takes the request and never answers
reset=5%              it takes the request, then its connection is reset
refuse=5%             it takes no connection
bandwidth=50kB/s      bytes pass slowly, each way, for all of its requests together

A share behind a colon is that of the requests which meet it: latency=2s:20%, bandwidth=1MB/s:50%.
WORKER is a number (2), a port (8001) or all.`,
		HideHelpCommand: true,
		OnUsageError:    usageError,
		Flags: remoteFlags(
			&cli.DurationFlag{Name: "for", Usage: "end it by itself after `TIME`"},
		),
		Action: setFault,
	}
}

// A faultOrder is what the arguments of lbdev fault ask for.
type faultOrder struct {
	workers string // a list, or all
	named   bool   // workers were
	set     bool   // otherwise they are shown
	plan    fault.Plan
}

// faultOrderOf reads the arguments: words with = are faults, reset and off end them, the others are workers. A word that can be no
// worker is a fault that lacks its value.
func faultOrderOf(words []string) (o faultOrder, err error) {
	var workers, faults []string
	off := false
	for _, word := range words {
		switch {
		case word == "reset", word == "off":
			off = true
		case strings.Contains(word, "="), word != "all" && strings.IndexFunc(word, unicode.IsLetter) == 0:
			faults = append(faults, word)
		default:
			workers = append(workers, word)
		}
	}
	o.named, o.set = len(workers) > 0, off || len(faults) > 0
	o.workers = strings.Join(workers, ",")
	switch {
	case off && len(faults) > 0:
		return o, errors.New("cannot end faults and set some at once")
	case len(faults) > 0 && !o.named:
		return o, fmt.Errorf("cannot set fault %q: no worker was named", faults[0])
	case !o.named:
		o.workers = "all"
	}
	o.plan, err = fault.Parse(strings.Join(faults, " "))
	return o, err
}

func setFault(c *cli.Context) error {
	o, err := faultOrderOf(c.Args().Slice())
	d := c.Duration("for")
	switch {
	case err != nil:
		return &commandError{code: exitUsage, err: err, hint: faultHint(err)}
	case c.IsSet("for") && d <= 0:
		return &commandError{code: exitUsage, err: fmt.Errorf("cannot set a fault for %v: the time must be above 0", d), hint: "lbdev fault 8001 errors=10% --for 30s"}
	case c.IsSet("for") && o.plan == (fault.Plan{}):
		return &commandError{code: exitUsage, err: errors.New("cannot use --for: no fault was named"), hint: "lbdev fault 8001 errors=10% --for 30s"}
	}
	r, err := attach(c)
	if err != nil {
		return err
	}
	defer r.Close()
	workers, err := r.faults(o, d)
	if err != nil {
		return remoteError(err)
	}
	if c.Bool("json") {
		return printJSON(c, control.Workers{Workers: workers})
	}
	for _, w := range workers {
		if _, err := fmt.Fprintln(c.App.Writer, r.out.faultLine(w)); err != nil {
			return fmt.Errorf("cannot write the output: %w", err)
		}
	}
	return nil
}

// faultHint says how it is written.
func faultHint(err error) string {
	if _, ok := errors.AsType[*fault.SyntaxError](err); ok {
		return "lbdev fault --help  lists the faults"
	}
	return "lbdev fault 8001 errors=10%   lbdev fault all latency=1s   lbdev fault reset"
}

// faults does what was asked for and returns the workers that it is about.
func (r *remote) faults(o faultOrder, d time.Duration) ([]cluster.WorkerSnapshot, error) {
	if o.set {
		return r.Fault(r.ctx, o.workers, o.plan, d)
	}
	now, err := r.Client.Cluster(r.ctx)
	if err != nil || !o.named {
		return now.Workers, err
	}
	chosen, err := control.Choose(now, o.workers)
	if err != nil {
		return nil, &commandError{code: exitFailed, err: err, hint: "lbdev ps  lists the workers"}
	}
	return chosen, nil
}

// faultLine is a worker and its fault: 8001 ~ errors=10% · for 25 s.
func (l look) faultLine(w cluster.WorkerSnapshot) string {
	line := l.worker(w.Worker, fmt.Sprintf("%4d", w.Port))
	if w.Fault == "" {
		return line + " no fault"
	}
	line += " " + faultSign + " " + l.fault(w.Fault)
	if w.FaultLeftMS > 0 {
		line += " " + l.dot + " for " + short(time.Duration(w.FaultLeftMS)*time.Millisecond)
	}
	return line
}

// fault is a plan as it can be shown.
func (l look) fault(plan string) string {
	return strings.ReplaceAll(plan, unicodeSigns.plusMinus, l.plusMinus)
}

// faultSet is what people are told when a fault begins or ends.
func (l look) faultSet(plan string) string {
	if plan == "" {
		return faultSign + " fault is over"
	}
	return faultSign + " fault: " + l.fault(plan)
}

// faultOf says of an attempt that its worker was made to do something wrong.
func faultOf(a *proxy.Attempt) string {
	if a.Fault == "" {
		return ""
	}
	return " " + faultSign + " " + string(a.Fault)
}

// faultColumn is the column of the table with faults; it is there if a worker has one.
func (l look) faultColumn(workers []cluster.WorkerSnapshot, rows [][]cell) [][]cell {
	if !slices.ContainsFunc(workers, func(w cluster.WorkerSnapshot) bool { return w.Fault != "" }) {
		return rows
	}
	rows[0] = append(rows[0], cell{plain: "FAULT"})
	for i, w := range workers {
		text := ""
		if w.Fault != "" {
			text = faultSign + " " + l.fault(w.Fault)
		}
		rows[i+1] = append(rows[i+1], cell{plain: text})
	}
	return rows
}

func faultCandidates() []candidate {
	found := []candidate{{"off", "no fault any more"}}
	for _, e := range fault.Examples {
		found = append(found, candidate{e.Fault, e.About})
	}
	return found
}
