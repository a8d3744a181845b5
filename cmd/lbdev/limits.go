package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/config"
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
	if !knows(c.Command, "max-body") { // as lbdev demo does not
		return nil
	}
	size, err := config.ParseBytes(c.String("max-body"))
	if err != nil {
		return &commandError{code: exitUsage, err: err, hint: fieldHint("MaxBody"), flag: "max-body"}
	}
	p.config.MaxBody = int64(size)
	if p.config.MaxConns = c.Int("max-conns"); p.config.MaxConns < 0 || c.IsSet("max-conns") && p.config.MaxConns == 0 {
		err := fmt.Errorf("cannot let clients have %d connections", p.config.MaxConns)
		return &commandError{code: exitUsage, err: err, hint: fieldHint("MaxConns"), flag: "max-conns"}
	}
	return nil
}
