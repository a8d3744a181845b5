package main

import (
	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster/control"
)

func drainCommand() *cli.Command {
	return action{
		name:     "drain",
		usage:    "give workers no new requests until  lbdev undrain",
		detail:   "Their processes run on and finish the requests that they have.",
		examples: "lbdev drain 8001\nlbdev drain --wait 8001    and wait until it has finished what it has",
		effect:   "they have no request left",
		do:       (*control.Client).Drain,
	}.command()
}
