package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster/control"
	"github.com/lbdev/lbdev/procs"
)

func pruneCommand() *cli.Command {
	return &cli.Command{
		Name:  "prune",
		Usage: "end and remove what a crashed lbdev has left behind",
		UsageText: `lbdev prune [flags]

lbdev prune              end its processes, remove its files
lbdev prune --dry-run    only show them
lbdev prune --json       for scripts`,
		Description: `The processes get SIGTERM, and SIGKILL when the timeout is over. What belongs to a lbdev that runs is never touched,
whether it answers or not, nor is anything of another user. Processes are found on Linux; elsewhere they end with lbdev.
Exit codes: 0 nothing is left over, 1 something could not be ended or removed.`,
		HideHelpCommand: true,
		OnUsageError:    usageError,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "dry-run", Aliases: []string{"n"}, Usage: "only show what would be ended and removed"},
			&cli.DurationFlag{Name: "timeout", Value: 5 * time.Second, Usage: "SIGKILL follows after `TIME`"},
			&cli.BoolFlag{Name: "json", Usage: "print JSON"},
		},
		Action: prune,
	}
}

// A pruned is what prune found and did, as JSON shows it.
type pruned struct {
	DryRun  bool      `json:"dry_run"`
	Found   []*relic  `json:"found"`
	Unsure  []remnant `json:"unsure"`  // left alone
	Ended   []int     `json:"ended"`   // pids, also of those that had to be killed
	Killed  []int     `json:"killed"`  // pids of those that did not end in time
	Left    []int     `json:"left"`    // pids of those that could not be ended
	Removed []string  `json:"removed"` // paths
	TookMS  float64   `json:"took_ms"`
}

func prune(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	s, err := takeStock(c.Context)
	if err != nil {
		return remoteError(err)
	}
	p := &pruned{
		DryRun: c.Bool("dry-run"), Found: append([]*relic{}, s.relics...), Unsure: append([]remnant{}, s.unsure...),
		Ended: []int{}, Killed: []int{}, Left: []int{}, Removed: []string{},
	}
	l := lookOf(fileOf(c.App.Writer))
	if !c.Bool("json") {
		if _, err := c.App.Writer.Write(l.relics(s)); err != nil {
			return err
		}
	}
	if !p.DryRun {
		err = p.clear(c.Context, s, c.Duration("timeout"))
	}
	if c.Bool("json") {
		return errors.Join(printJSON(c, p), err)
	}
	fmt.Fprintln(c.App.Writer, l.prunedLine(p, s))
	return err
}

// clear ends the processes and removes the files, those last: while a process lives, they say where it came from.
func (p *pruned) clear(ctx context.Context, s *stock, grace time.Duration) error {
	if s.processes() > 0 {
		p.end(ctx, s, grace)
	}
	var errs []error
	for _, r := range s.relics {
		if r.found == nil || r.hasAny(p.Left) {
			continue
		}
		if err := removeFiles(*r.found); err != nil {
			errs = append(errs, err)
			continue
		}
		p.Removed = append(p.Removed, r.found.Files...)
	}
	return p.failure(append(errs, p.removeFolders()))
}

// removeFolders removes private folders, such as those for sockets in which nobody listens any more.
func (p *pruned) removeFolders() error {
	dir, err := control.Default()
	if err != nil {
		return err
	}
	for _, folder := range leftFolders(dir) {
		if err := os.RemoveAll(folder); err != nil {
			return fmt.Errorf("cannot remove %q: %w", folder, bare(err))
		}
		p.Removed = append(p.Removed, folder)
	}
	return nil
}

// failure is what could not be done, nil if all was.
func (p *pruned) failure(errs []error) error {
	if len(p.Left) == 0 {
		return remoteError(errors.Join(errs...))
	}
	errs = append(errs, fmt.Errorf("cannot end %s: pid %s", processes(len(p.Left)), joinInts(p.Left)))
	return &commandError{
		code: exitFailed, err: errors.Join(errs...), hint: "they take no signal: look at them with  ps -fp " + joinInts(p.Left),
	}
}

func (p *pruned) end(ctx context.Context, s *stock, grace time.Duration) {
	ended := procs.EndOrphans(ctx, s.living(), syscall.SIGTERM, grace)
	p.Killed = append(p.Killed, ended.Killed...)
	p.Left = append(p.Left, ended.Left...)
	p.TookMS = float64(ended.Took) / float64(time.Millisecond)
	for _, r := range s.relics {
		for _, process := range r.Processes {
			p.Ended = append(p.Ended, process.PID)
		}
	}
	p.Ended = append(p.Ended, ended.Killed...) // those who were forked meanwhile
	slices.Sort(p.Ended)
	p.Ended = slices.DeleteFunc(slices.Compact(p.Ended), func(pid int) bool { return slices.Contains(p.Left, pid) })
	p.Killed = slices.DeleteFunc(p.Killed, func(pid int) bool { return slices.Contains(p.Left, pid) })
}

func removeFiles(f control.Found) error {
	dir, err := control.Default()
	if err != nil {
		return err
	}
	return dir.Prune(f)
}

func (r *relic) hasAny(pids []int) bool {
	return slices.ContainsFunc(r.Processes, func(p remnant) bool { return slices.Contains(pids, p.PID) })
}

// relics shows what was found.
func (l look) relics(s *stock) []byte {
	var b bytes.Buffer
	for _, r := range s.relics {
		fmt.Fprintf(&b, "%s   %s\n", l.bold(r.title()), r.story())
		if len(r.Processes) > 0 {
			rows := [][]cell{head("PID", "PORT", "COMMAND")}
			for _, p := range r.Processes {
				rows = append(rows, []cell{{plain: strconv.Itoa(p.PID)}, {plain: joinInts(p.Ports)}, {plain: command(p.Command)}})
			}
			for _, line := range align(rows, l.width) {
				b.WriteString("  " + line + "\n")
			}
		}
		for _, p := range r.Suspects {
			fmt.Fprintf(&b, "  port %d: %s may be left over; look at it, and end it with  kill %d\n", p.Port, holder(p.PID), p.PID)
		}
		if len(r.Files) > 0 {
			fmt.Fprintf(&b, "  files in %s\n", filepath.Dir(r.Files[0]))
			for _, file := range r.Files {
				fmt.Fprintf(&b, "    %s\n", filepath.Base(file))
			}
		}
	}
	if n := len(s.unsure); n > 0 {
		fmt.Fprintf(&b, "left alone: %s whose lbdev can't be seen from here: pid %s\n", processes(n), joinInts(s.unsurePIDs()))
	}
	return b.Bytes()
}

// story is where a relic came from.
func (r *relic) story() string {
	parts := []string{"crashed"}
	if r.PID != 0 {
		parts[0] += fmt.Sprintf(" (pid %d)", r.PID)
	}
	if !r.Started.IsZero() {
		parts = append(parts, "started "+r.Started.Local().Format("Jan 2 15:04"))
	}
	if r.Folder != "" {
		parts = append(parts, "in "+printable(r.Folder))
	}
	if r.Why != "" {
		parts = append(parts, "state file: "+r.Why)
	}
	return strings.Join(parts, ", ")
}

// prunedLine is the last line, which says what was done.
func (l look) prunedLine(p *pruned, s *stock) string {
	switch {
	case len(p.Found) == 0:
		return "nothing is left over"
	case p.DryRun && s.processes() == 0:
		return count(s.files(), "file") + " left over; lbdev prune  clears up"
	case p.DryRun && s.files() == 0:
		return processes(s.processes()) + " left over; lbdev prune  clears up"
	case p.DryRun:
		return fmt.Sprintf("%s and %s left over; lbdev prune  clears up", processes(s.processes()), count(s.files(), "file"))
	}
	var parts []string
	if n := len(p.Ended); n > 0 {
		part := fmt.Sprintf("%s ended in %s", processes(n), short(time.Duration(p.TookMS*float64(time.Millisecond))))
		if n := len(p.Killed); n > 0 {
			part += fmt.Sprintf(", %d of them killed", n)
		}
		parts = append(parts, part)
	}
	if n := len(p.Removed); n > 0 {
		parts = append(parts, count(n, "file")+" removed")
	}
	if len(parts) == 0 {
		return l.bad(l.down) + " nothing could be cleared up"
	}
	return strings.Join(parts, " "+l.dot+" ")
}

// processes says how many there are.
func processes(n int) string {
	if n == 1 {
		return "1 process"
	}
	return thousands(uint64(n)) + " processes"
}
