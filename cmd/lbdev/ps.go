package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/cluster/control"
)

func psCommand() *cli.Command {
	return &cli.Command{
		Name:  "ps",
		Usage: "show the workers: what each is doing and how many requests it had",
		UsageText: `lbdev ps [flags]

lbdev ps              the cluster that was started from this folder, or the only one that runs
lbdev ps --all        every cluster that runs
lbdev ps --watch      again and again
lbdev ps --json       for scripts`,
		HideHelpCommand: true,
		OnUsageError:    usageError,
		Flags: remoteFlags(
			&cli.BoolFlag{Name: "all", Aliases: []string{"a"}, Usage: "show every cluster that runs"},
			&cli.BoolFlag{Name: "watch", Aliases: []string{"w"}, Usage: "show it again and again, until Ctrl-C or the cluster's end"},
			&cli.DurationFlag{Name: "interval", Value: time.Second, Usage: "with --watch: every `TIME`"},
		),
		Action: ps,
	}
}

func ps(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	switch {
	case c.Bool("all") && c.Bool("watch"):
		return &commandError{code: exitUsage, err: errors.New("cannot watch all clusters"), hint: "lbdev ps --watch --name NAME"}
	case c.Bool("all"):
		return psAll(c)
	}
	r, err := attach(c)
	if err != nil {
		return err
	}
	defer r.Close()
	if c.Bool("watch") {
		return r.watch(c, max(c.Duration("interval"), 50*time.Millisecond))
	}
	now, err := r.Client.Cluster(r.ctx)
	if err != nil {
		return remoteError(err)
	}
	return r.show(c, now)
}

func (r *remote) show(c *cli.Context, now cluster.Snapshot) error {
	if c.Bool("json") {
		return printJSON(c, now)
	}
	_, err := c.App.Writer.Write(r.out.table(now))
	return err
}

// watch shows the cluster until it ends. On a terminal each time replaces the one before.
func (r *remote) watch(c *cli.Context, interval time.Duration) error {
	clear := r.out.tty && os.Getenv("TERM") != "dumb" && !c.Bool("json")
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		now, err := r.Client.Cluster(r.ctx)
		switch {
		case err != nil:
			return &commandError{code: exitFailed, err: fmt.Errorf("cannot watch cluster %q any more: it has ended", r.Name)}
		case clear:
			io.WriteString(c.App.Writer, "\x1b[H\x1b[2J")
		}
		if err := r.show(c, now); err != nil {
			return err
		}
		<-tick.C
	}
}

// psAll shows every cluster. As JSON it is a list, which may be empty.
func psAll(c *cli.Context) error {
	dir, err := control.Default()
	if err != nil {
		return remoteError(err)
	}
	found, err := dir.List(c.Context)
	if err != nil {
		return remoteError(err)
	}
	l := lookOf(fileOf(c.App.Writer))
	clusters := []cluster.Snapshot{}
	var text bytes.Buffer
	for _, f := range found {
		switch {
		case f.Now != nil:
			clusters = append(clusters, *f.Now)
			text.Write(l.table(*f.Now))
		case f.Status == control.Silent:
			fmt.Fprintf(&text, "%s   does not answer (pid %d): %s\n", l.bold(f.Name), f.PID, f.Why)
		default:
			fmt.Fprintf(&text, "%s   has crashed; lbdev prune  clears up\n", l.bold(f.Name))
		}
	}
	if c.Bool("json") {
		return printJSON(c, clusters)
	}
	if len(found) == 0 {
		fmt.Fprintln(c.App.ErrWriter, "no cluster is running")
	}
	_, err = text.WriteTo(c.App.Writer)
	return err
}

// table is a cluster as people see it.
func (l look) table(now cluster.Snapshot) []byte {
	var b bytes.Buffer
	parts := []string{l.bold(now.Name), now.Front + throughProgram(now.Program), now.Balanced().String(), "up " + short(time.Duration(now.UptimeMS)*time.Millisecond)}
	fmt.Fprintf(&b, "%s   %s\n", strings.Join(parts, "   "), l.countsLine(now.Requests))
	total := uint64(0)
	for _, w := range now.Workers {
		total += w.Requests
	}
	rows := [][]cell{head("WORKER", "PORT", "STATE", "PID", "UP", "REQUESTS", "SHARE", "IN FLIGHT", "P95", "RESTARTS", "LAST EXIT")}
	for _, w := range now.Workers {
		rows = append(rows, l.row(w, total))
	}
	rows = weightColumn(now.Workers, rows)
	rows = l.faultColumn(now.Workers, rows)
	for _, line := range align(rows, l.width, dropped...) {
		b.WriteString("  " + line + "\n")
	}
	return b.Bytes()
}

// throughProgram says what program the front is, if it is not lbdev.
func throughProgram(p *cluster.FrontProgram) string {
	if p == nil {
		return ""
	}
	text := strings.TrimSpace(" by " + p.Name + " " + p.Version)
	if p.State != cluster.FrontReady {
		text += ", " + string(p.State)
	}
	if p.Restarts > 0 {
		text += ", restarts " + strconv.Itoa(p.Restarts)
	}
	return " " + text
}

func (l look) countsLine(c cluster.RequestCounts) string {
	parts := []string{count(int(c.Total), "request"), thousands(c.Failed) + " failed"}
	for _, p := range []struct {
		n    uint64
		what string
	}{{c.Rescued, "rescued"}, {c.Held, "held"}, {c.Cut, "cut"}} {
		if p.n > 0 {
			parts = append(parts, thousands(p.n)+" "+p.what)
		}
	}
	return strings.Join(parts, ", ")
}

func (l look) row(w cluster.WorkerSnapshot, total uint64) []cell {
	pid, up, p95, share := "", "", "–", "0 %"
	if w.PID != 0 {
		pid, up = strconv.Itoa(w.PID), short(time.Duration(w.UpMS)*time.Millisecond)
	}
	if w.P95MS > 0 {
		p95 = short(time.Duration(w.P95MS * float64(time.Millisecond)))
	}
	if !l.unicode() {
		p95 = strings.ReplaceAll(p95, "–", "-")
	}
	if total > 0 {
		share = fmt.Sprintf("%.0f %%", 100*float64(w.Requests)/float64(total))
	}
	last := w.LastExit
	if w.Reason != "" {
		last = w.Reason
	}
	return []cell{
		{plain: strconv.Itoa(w.Worker)},
		{plain: strconv.Itoa(w.Port), shown: l.worker(w.Worker, strconv.Itoa(w.Port))},
		{plain: l.plain().state(w.State), shown: l.state(w.State)},
		{plain: pid}, {plain: up}, {plain: thousands(w.Requests)}, {plain: share}, {plain: strconv.FormatInt(w.InFlight, 10)},
		{plain: p95}, {plain: strconv.Itoa(w.Restarts)}, {plain: last},
	}
}

// A cell is a text and the same with colours, which take no room.
type cell struct{ plain, shown string }

func head(names ...string) []cell {
	cells := make([]cell, len(names))
	for i, name := range names {
		cells[i] = cell{plain: name}
	}
	return cells
}

// dropped are the columns that go first where a terminal is too narrow: what each worker is doing, and what became of it last,
// is worth more.
var dropped = []string{"IN FLIGHT", "SHARE", "P95", "UP", "PID", "LAST EXIT", "RESTARTS"}

// align puts cells under each other, below the first row's names. Where they are wider than width (0 = any) the columns that may
// be dropped are left out one by one, and then the last one is cut.
func align(rows [][]cell, width int, dropped ...string) []string {
	widths := make([]int, len(rows[0]))
	sum := 0
	for i := range widths {
		for _, row := range rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i].plain))
		}
		sum += 2 + widths[i]
	}
	for _, name := range dropped {
		i := slices.IndexFunc(rows[0], func(c cell) bool { return c.plain == name })
		if width > 0 && sum > width && i >= 0 {
			sum -= 2 + widths[i]
			widths[i] = 0
		}
	}
	last := len(widths) - 1
	if width > 0 && sum > width && widths[last] > 0 {
		widths[last] = max(widths[last]-(sum-width), 1)
	}
	var lines []string
	for _, row := range rows {
		var b strings.Builder
		for i, c := range row {
			if widths[i] == 0 {
				continue
			}
			text := c.plain
			if c.shown != "" {
				text = c.shown
			}
			if n := utf8.RuneCountInString(c.plain); i == last && n > widths[i] {
				c.plain = string([]rune(c.plain)[:widths[i]])
				text = c.plain
			}
			b.WriteString(text + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c.plain)+2))
		}
		lines = append(lines, strings.TrimRight(b.String(), " "))
	}
	return lines
}
