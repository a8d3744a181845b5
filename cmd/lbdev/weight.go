package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/cluster/control"
	"github.com/lbdev/lbdev/proxy/balance"
)

func weightCommand() *cli.Command {
	return &cli.Command{
		Name:      "weight",
		Usage:     "show or change how much workers get",
		ArgsUsage: "[WORKER…] [N|backup|primary]",
		UsageText: `lbdev weight [flags] [WORKER…] [N|backup|primary]

lbdev weight 8001 3          three times as much as one of weight 1
lbdev weight 8001=3 8002=1   several at once
lbdev weight 3 4 0           nothing new: whoever is kept there may finish
lbdev weight 8003 backup     only when no other worker is ready
lbdev weight 8003 primary    like all others again
lbdev weight                 shows them`,
		Description: `A weight is 0 to 256 and counts in proportion to those of the others. Every worker begins with 1, or what
up --weight says, and keeps its weight through all of its restarts.

WORKER is a number (2), a port (8001) or all.`,
		HideHelpCommand: true,
		OnUsageError:    usageError,
		Flags:           remoteFlags(),
		Action:          weight,
	}
}

// A shareOrder is one thing that the arguments of lbdev weight ask for.
type shareOrder struct {
	workers string // a list, or all
	share   cluster.Share
}

// shareOrdersOf reads the arguments: W=N each for itself, or workers and what they shall all have. Without any, nothing is asked for.
func shareOrdersOf(words []string) (orders []shareOrder, err error) {
	var workers []string
	for i, word := range words {
		worker, text, pair := strings.Cut(word, "=")
		switch {
		case pair && worker != "":
			share, err := shareOf(text)
			if err != nil {
				return nil, err
			}
			orders = append(orders, shareOrder{worker, share})
		case i == len(words)-1 && len(workers) > 0:
			share, err := shareOf(word)
			if err != nil {
				return nil, err
			}
			orders = append(orders, shareOrder{strings.Join(workers, ","), share})
			workers = nil
		default:
			workers = append(workers, word)
		}
	}
	if len(workers) > 0 {
		return nil, fmt.Errorf("cannot change the weight of %s: it is not said to what", strings.Join(workers, ", "))
	}
	return orders, nil
}

// shareOf reads a weight, backup or primary.
func shareOf(text string) (share cluster.Share, err error) {
	switch text {
	case "backup":
		return cluster.Share{Backup: new(true)}, nil
	case "primary":
		return cluster.Share{Backup: new(false)}, nil
	}
	n, err := weightOf(text)
	return cluster.Share{Weight: &n}, err
}

func weightOf(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > balance.MaxWeight {
		return 0, fmt.Errorf("cannot use weight %q: it must be 0 to %d", text, balance.MaxWeight)
	}
	return n, nil
}

func weight(c *cli.Context) error {
	orders, err := shareOrdersOf(c.Args().Slice())
	if err != nil {
		return &commandError{code: exitUsage, err: err, hint: "lbdev weight 8001 3   lbdev weight 8001=3 8002=1   lbdev weight 8003 backup"}
	}
	r, err := attach(c)
	if err != nil {
		return err
	}
	defer r.Close()
	workers, err := r.shares(orders)
	var shown error
	if c.Bool("json") {
		shown = printJSON(c, control.Workers{Workers: workers})
	} else {
		for _, w := range workers {
			if _, shown = fmt.Fprintln(c.App.Writer, r.out.worker(w.Worker, fmt.Sprintf("%4d", w.Port))+" weight "+shareText(w)); shown != nil {
				shown = fmt.Errorf("cannot write the output: %w", shown)
				break
			}
		}
	}
	return errors.Join(shown, remoteError(err))
}

// shares does what was asked for and returns the workers that it was about; all of them if nothing was.
func (r *remote) shares(orders []shareOrder) ([]cluster.WorkerSnapshot, error) {
	if len(orders) == 0 {
		now, err := r.Client.Cluster(r.ctx)
		return now.Workers, err
	}
	workers := []cluster.WorkerSnapshot{}
	for _, o := range orders {
		now, err := r.Weight(r.ctx, o.workers, o.share)
		if err != nil {
			return workers, err
		}
		for _, w := range now {
			workers = slices.DeleteFunc(workers, func(had cluster.WorkerSnapshot) bool { return had.Worker == w.Worker })
			workers = append(workers, w)
		}
	}
	return workers, nil
}

// shareText is a worker's weight, and that it is a backup.
func shareText(w cluster.WorkerSnapshot) string {
	text := strconv.Itoa(w.Weight)
	if w.Backup {
		text += " backup"
	}
	return text
}

// weightColumn is the column of the table with weights; it is there if a worker has another one than it began with.
func weightColumn(workers []cluster.WorkerSnapshot, rows [][]cell) [][]cell {
	if !slices.ContainsFunc(workers, func(w cluster.WorkerSnapshot) bool { return w.Weight != 1 || w.Backup }) {
		return rows
	}
	rows[0] = append(rows[0], cell{plain: "WEIGHT"})
	for i, w := range workers {
		rows[i+1] = append(rows[i+1], cell{plain: shareText(w)})
	}
	return rows
}
