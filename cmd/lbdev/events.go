package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/cluster/control"
)

func eventsCommand() *cli.Command {
	return &cli.Command{
		Name:      "events",
		Usage:     "show what happens to the workers: starts, deaths, pauses, restarts",
		ArgsUsage: "[WORKER…]",
		UsageText: `lbdev events [flags] [WORKER…]

lbdev events                 what has happened, and what comes
lbdev events --no-follow     only what has happened
lbdev events --tail 0 2      what comes for worker 2
lbdev events --json          one JSON object a line, as  lbdev up --json  has them`,
		HideHelpCommand: true,
		OnUsageError:    usageError,
		Flags: remoteFlags(
			&cli.BoolFlag{Name: "no-follow", Usage: "end after what has happened"},
			&cli.StringFlag{Name: "since", Usage: "leave out what is older than `TIME`: 10m, or 2026-01-31T12:00:00Z"},
			&cli.IntFlag{Name: "tail", Value: -1, Usage: "of what has happened, only the last `N` (-1 = all)"},
		),
		Action: events,
	}
}

func events(c *cli.Context) error {
	r, err := attach(c)
	if err != nil {
		return err
	}
	defer r.Close()
	var buf []byte
	for e, err := range r.Events(r.ctx, queryOf(c)) {
		if err := r.streamError(c, err); err != nil {
			return err
		}
		if err != nil {
			continue
		}
		if c.Bool("json") {
			buf = appendJSON(buf[:0], e)
		} else {
			buf = append(append(buf[:0], r.out.eventLine(e)...), '\n')
		}
		if _, err := c.App.Writer.Write(buf); err != nil {
			return err
		}
	}
	return nil
}

// eventLine shows every event, also those that the screen of up passes over:
//
//	12:00:01.250  8002 ✗ backoff  killed by SIGKILL after 41 s · restart 1 now
func (l look) eventLine(e control.Event) string {
	if e.Program != nil && e.Text == "" {
		return fmt.Sprintf("%s  %s %s %s", clock(e.Time), l.line, e.Program.Name, e.Program.State)
	}
	if e.Worker == 0 {
		return fmt.Sprintf("%s  %s %s", clock(e.Time), l.line, e.Text)
	}
	line := fmt.Sprintf("%s  %s ", clock(e.Time), l.worker(e.Worker, fmt.Sprintf("%4d", e.Port)))
	if cluster.Kind(e.Event) == cluster.KindNotice || cluster.Kind(e.Event) == cluster.KindWrongPort {
		return line + e.Text
	}
	if cluster.Kind(e.Event) == cluster.KindFault {
		return line + l.faultSet(e.Text)
	}
	parts := []string{}
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if e.TookMS > 0 {
		add("%s", short(millis(e.TookMS)))
	}
	if e.Exit != "" {
		add("%s after %s", e.Exit, short(millis(e.RanMS)))
	}
	if e.Reason != "" {
		add("%s", e.Reason)
	}
	if e.Killed > 0 {
		add("did not end in time, killed")
	}
	if e.Event == string(cluster.Backoff) && e.Restarts > 0 {
		when := "now"
		if e.DelayMS > 0 {
			when = "in " + short(millis(e.DelayMS))
		}
		add("restart %d %s", e.Restarts, when)
	}
	if e.Event == string(cluster.Starting) {
		add("pid %d", e.PID)
	}
	return strings.TrimRight(line+l.state(cluster.State(e.Event))+"  "+strings.Join(parts, " "+l.dot+" "), " ")
}

// millis is a number of milliseconds as it travels.
func millis(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }
