package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/cluster/control"
	"github.com/lbdev/lbdev/procs"
)

func logsCommand() *cli.Command {
	return &cli.Command{
		Name:      "logs",
		Usage:     "show what the workers print",
		ArgsUsage: "[WORKER…]",
		UsageText: `lbdev logs [flags] [WORKER…]

lbdev logs                     all that is kept (some 16,000 lines)
lbdev logs -f                  and what comes
lbdev logs -f 2 8003           of two workers
lbdev logs --since 5m          of the last five minutes
lbdev logs --tail 20 --json 1  the last 20 lines of worker 1, for scripts`,
		HideHelpCommand: true,
		OnUsageError:    usageError,
		Flags: remoteFlags(
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on with what comes, until Ctrl-C or the cluster's end"},
			&cli.StringFlag{Name: "since", Usage: "leave out what is older than `TIME`: 10m, or 2026-01-31T12:00:00Z"},
			&cli.IntFlag{Name: "tail", Value: -1, Usage: "of what is there, only the last `N` lines (-1 = all)"},
		),
		Action: logs,
	}
}

func logs(c *cli.Context) error {
	r, err := attach(c)
	if err != nil {
		return err
	}
	defer r.Close()
	query := queryOf(c)
	query.Colour = r.out.colour && !c.Bool("json")
	printer := newTextPrinter(r.out, nil)
	var buf []byte
	for line, err := range r.Logs(r.ctx, query) {
		if err := r.streamError(c, err); err != nil {
			return err
		}
		if err != nil {
			continue
		}
		if c.Bool("json") {
			buf = appendJSON(buf[:0], line)
		} else {
			buf = printer.logs(buf[:0], []cluster.LogLine{{Line: procs.Line{Text: line.Line}, Worker: line.Worker, Port: line.Port, From: line.From}})
		}
		if _, err := c.App.Writer.Write(buf); err != nil {
			return err
		}
	}
	return nil
}

// queryOf is what the flags and arguments of logs and events ask for.
func queryOf(c *cli.Context) control.Query {
	q := control.Query{Follow: c.Bool("follow") || c.Command.Name == "events" && !c.Bool("no-follow"), Since: c.String("since")}
	if c.NArg() > 0 {
		q.Workers, _ = workersOf(c)
		if q.Workers == "all" {
			q.Workers = ""
		}
	}
	switch tail := c.Int("tail"); {
	case tail > 0:
		q.Tail = tail
	case tail == 0:
		q.Tail = -1 // none
	}
	return q
}

// streamError is the end of a stream, unless it goes on: a reader that was too slow is told on stderr what it missed.
func (r *remote) streamError(c *cli.Context, err error) error {
	if lost, ok := errors.AsType[*control.LostError](err); ok {
		fmt.Fprintf(c.App.ErrWriter, "lbdev: %s %s not shown: too slow for them\n", thousands(lost.Count), lost.What)
		return nil
	}
	return remoteError(err)
}

// clock is a moment as people read it.
func clock(t time.Time) string { return t.Local().Format("15:04:05.000") }
