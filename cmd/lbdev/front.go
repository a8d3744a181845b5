package main

import (
	"github.com/urfave/cli/v2"
)

// frontFlags say where clients come in, and how.
func frontFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "listen", Aliases: []string{"l"}, Usage: "the front's `ADDRESS`: 8080, 127.0.0.1:8080, [::1]:8080, 0.0.0.0:80, unix:PATH; further ones are reached too (several times; default: 127.0.0.1:8080, or the next free port)", EnvVars: []string{"LBDEV_LISTEN"}},
	}
}

// front reads the flags of the front.
func (p *plan) front(c *cli.Context) error {
	for i, text := range c.StringSlice("listen") {
		address, err := parseListen(text)
		switch {
		case err != nil:
			return &commandError{code: exitUsage, err: err, hint: fieldHint("Listen"), flag: "listen"}
		case i == 0:
			p.config.Listen = address
		default:
			p.config.MoreListen = append(p.config.MoreListen, address)
		}
	}
	return nil
}
