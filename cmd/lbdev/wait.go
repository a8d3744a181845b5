package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/cluster/control"
)

// appearPoll is how often wait looks for a cluster that is not there yet.
const appearPoll = 50 * time.Millisecond

// ownPatience is how long wait lets the cluster appear that is being started from this folder, before it takes one that runs
// elsewhere:  lbdev up … & lbdev wait  must not be told of that.
const ownPatience = 2 * time.Second

// mutePatience is how long wait takes a cluster that does not answer for one of a machine that is busy with starting it.
const mutePatience = 10 * time.Second

func waitCommand() *cli.Command {
	return &cli.Command{
		Name:  "wait",
		Usage: "wait until the workers are ready, for scripts",
		UsageText: `lbdev wait [flags]

lbdev up -- ./server &  lbdev wait && run-tests    until all are ready
lbdev wait -n 1 --timeout 30s                      until one is`,
		Description: `It also waits for the cluster itself to be started.
Exit codes: 0 they are ready, 1 the cluster has ended, 5 they were not ready in time or cannot be any more.`,
		HideHelpCommand: true,
		OnUsageError:    usageError,
		Flags: remoteFlags(
			&cli.IntFlag{Name: "workers", Aliases: []string{"n"}, Usage: "wait for `N` of them (default: all)"},
			&cli.DurationFlag{Name: "timeout", Value: time.Minute, Usage: "wait at most `TIME`"},
		),
		Action: wait,
	}
}

func wait(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(c.Context, c.Duration("timeout"), errLate)
	defer cancel()
	c.Context = ctx
	r, err := await(c)
	if err == nil {
		defer r.Close()
		err = r.awaitReady(c, c.Int("workers"))
	}
	if err != nil && ctx.Err() != nil {
		return &commandError{
			code: exitNeverReady, err: fmt.Errorf("cannot wait longer than %v: %w", c.Duration("timeout"), err),
			hint: "lbdev ps  shows what they are doing; a longer wait:  lbdev wait --timeout 5m",
		}
	}
	return err
}

// errLate is what a wait ends with whose time is over.
var errLate = errors.New("time is over")

// await is attach for a cluster that may be about to start.
func await(c *cli.Context) (*remote, error) {
	tick := time.NewTicker(appearPoll)
	defer tick.Stop()
	for began := time.Now(); ; {
		r, err := attach(c)
		_, absent := errors.AsType[*control.NotFoundError](err)
		_, several := errors.AsType[*control.AmbiguousError](err)
		elsewhere := c.String("name") == "" && (several || err == nil && !startedHere(r.Folder))
		silent, mute := errors.AsType[*silentError](err)
		patient := mute && (silent.starting || time.Since(began) < mutePatience)
		if !absent && !patient && (!elsewhere || time.Since(began) > ownPatience) {
			return r, err
		}
		if err == nil {
			r.Close()
		}
		select {
		case <-c.Context.Done():
			if mute {
				return nil, err
			}
			return nil, errors.New("no cluster was started")
		case <-tick.C:
		}
	}
}

// startedHere says whether a cluster's folder is the one that we are in.
func startedHere(folder string) bool {
	there, err := os.Stat(folder)
	here, err2 := os.Stat(".")
	return err == nil && err2 == nil && os.SameFile(there, here)
}

// awaitReady waits until n workers are ready; 0 = all.
func (r *remote) awaitReady(c *cli.Context, n int) error {
	now, err := r.Client.Cluster(r.ctx)
	for err == nil {
		want, ready, hopeful := n, 0, 0
		if want <= 0 {
			want = len(now.Workers)
		}
		for _, w := range now.Workers {
			if w.State == cluster.Ready {
				ready++
			}
			if w.State.Hopeful() || w.State == cluster.Stopping {
				hopeful++
			}
		}
		switch {
		case now.Ending:
			return r.hasEnded()
		case ready >= want && (now.Program == nil || now.Program.State == cluster.FrontReady):
			return r.sayReady(c, now, ready)
		case want > len(now.Workers):
			return &commandError{code: exitUsage, err: fmt.Errorf("cannot wait for %d workers: there are %d", want, len(now.Workers)), hint: fmt.Sprintf("lbdev scale %d  makes more", want)}
		case ready < want && hopeful < want:
			return &commandError{
				code: exitNeverReady, err: fmt.Errorf("cannot wait for %s: %d of %d can become ready without help", count(want, "worker"), hopeful, len(now.Workers)),
				hint: "lbdev ps  shows what the others are doing, and  lbdev logs  what they said",
			}
		}
		if err = r.awaitChange(); err != nil {
			return fmt.Errorf("%d of %d are ready", ready, len(now.Workers))
		}
		now, err = r.Client.Cluster(r.ctx)
	}
	return r.hasEnded()
}

func (r *remote) hasEnded() error {
	return &commandError{code: exitFailed, err: fmt.Errorf("cannot wait any longer: cluster %q has ended", r.Name)}
}

// awaitChange waits until something happens, or might have.
func (r *remote) awaitChange() error {
	ctx, cancel := context.WithTimeout(r.ctx, time.Second)
	defer cancel()
	for range r.Events(ctx, control.Query{Follow: true, Tail: -1}) {
		return nil
	}
	return context.Cause(r.ctx)
}

func (r *remote) sayReady(c *cli.Context, now cluster.Snapshot, ready int) error {
	if c.Bool("json") {
		return printJSON(c, now)
	}
	_, err := fmt.Fprintf(c.App.Writer, "%d of %d ready at %s\n", ready, len(now.Workers), now.Front)
	return err
}
