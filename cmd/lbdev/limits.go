package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
)

// limitFlags say what clients may use.
func limitFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "max-body", Value: "0", Usage: "a request's body may have `SIZE` bytes: 500000, 10MB, 1GiB; larger ones get 413; 0 for any size", EnvVars: []string{"LBDEV_MAX_BODY"}},
		&cli.IntFlag{Name: "max-conns", Usage: "clients may have `N` connections at a time; then one that waits for a request makes room (default: two thirds of the files that may be open)", EnvVars: []string{"LBDEV_MAX_CONNS"}},
	}
}

// limits reads the flags of the limits.
func (p *plan) limits(c *cli.Context) error {
	var err error
	if !knows(c.Command, "max-body") { // as lbdev demo does not
		return nil
	}
	if p.config.MaxBody, err = parseSize(c.String("max-body")); err != nil {
		return &commandError{code: exitUsage, err: err, hint: fieldHint("MaxBody"), flag: "max-body"}
	}
	if p.config.MaxConns = c.Int("max-conns"); p.config.MaxConns < 0 || c.IsSet("max-conns") && p.config.MaxConns == 0 {
		err := fmt.Errorf("cannot let clients have %d connections", p.config.MaxConns)
		return &commandError{code: exitUsage, err: err, hint: fieldHint("MaxConns"), flag: "max-conns"}
	}
	return nil
}

// sizeUnits are what a size may end with.
var sizeUnits = []struct {
	name  string
	bytes int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9},
	{"k", 1 << 10}, {"K", 1 << 10}, {"m", 1 << 20}, {"M", 1 << 20}, {"g", 1 << 30}, {"G", 1 << 30}, {"B", 1}, {"", 1},
}

// parseSize reads a number of bytes: 500000, 10MB, 1GiB, and 10m as nginx has it.
func parseSize(text string) (int64, error) {
	for _, u := range sizeUnits {
		number, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(number, 10, 53)
		if err != nil || int64(n) > 1<<53/u.bytes {
			break
		}
		return int64(n) * u.bytes, nil
	}
	return 0, fmt.Errorf("cannot use size %q: it must be bytes, such as 500000, 10MB or 1GiB", text)
}
