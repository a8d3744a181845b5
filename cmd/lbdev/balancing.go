package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
)

// balancingFlags say which worker gets a request.
func balancingFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "policy", Value: "round-robin", Usage: "the `POLICY` that chooses a worker: round-robin, least-conn, two-choices, random, fastest, first, ip-hash, uri-hash, header-hash:NAME, cookie-hash:NAME", EnvVars: []string{"LBDEV_POLICY"}},
		&cli.StringSliceFlag{Name: "weight", Usage: "a worker's share in proportion to the others, which have 1: `W=N`, as in 8001=3; 0 for nothing (several times)", EnvVars: []string{"LBDEV_WEIGHT"}},
		&cli.StringSliceFlag{Name: "backup", Usage: "worker `W` gets requests only when no other is ready (several times)", EnvVars: []string{"LBDEV_BACKUP"}},
		&cli.DurationFlag{Name: "slow-start", Usage: "the share of a new process grows for `TIME`", EnvVars: []string{"LBDEV_SLOW_START"}},
		&cli.StringFlag{Name: "sticky", Value: "off", Usage: "keep clients at a worker by `KIND`: off, cookie, cookie:NAME, or route:NAME for a cookie or path parameter of the app that ends in .w2 for worker 2", EnvVars: []string{"LBDEV_STICKY"}},
	}
}

// balancing reads the flags of what chooses a worker. Whether there are such policies is checked with the rest of the Config.
func (p *plan) balancing(c *cli.Context) error {
	p.config.Policy, p.config.Sticky, p.config.SlowStart = c.String("policy"), c.String("sticky"), c.Duration("slow-start")
	var err error
	if p.config.Weight, err = parseWeights(c.StringSlice("weight")); err != nil {
		return &commandError{code: exitUsage, err: err, hint: fieldHint("Weight"), flag: "weight"}
	}
	if p.config.Backup, err = parseBackups(c.StringSlice("backup")); err != nil {
		return &commandError{code: exitUsage, err: err, hint: fieldHint("Backup"), flag: "backup"}
	}
	return nil
}

// parseWeights reads W=N pairs, several in one text with commas.
func parseWeights(texts []string) (map[int]int, error) {
	weights := map[int]int{}
	for _, text := range texts {
		for pair := range strings.SplitSeq(text, ",") {
			worker, n, ok := strings.Cut(strings.TrimSpace(pair), "=")
			id, err := strconv.Atoi(worker)
			if !ok || err != nil {
				return nil, fmt.Errorf("cannot read weight %q: it must be WORKER=N", pair)
			}
			if _, twice := weights[id]; twice {
				return nil, fmt.Errorf("cannot give worker %d two weights", id)
			}
			if weights[id], err = weightOf(n); err != nil {
				return nil, err
			}
		}
	}
	return weights, nil
}

// parseBackups reads workers, several in one text with commas.
func parseBackups(texts []string) ([]int, error) {
	var backups []int
	for _, text := range texts {
		for worker := range strings.SplitSeq(text, ",") {
			id, err := strconv.Atoi(strings.TrimSpace(worker))
			if err != nil {
				return nil, fmt.Errorf("cannot make %q a backup: it must be a worker's number or port", worker)
			}
			backups = append(backups, id)
		}
	}
	return backups, nil
}
