package main

import (
	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster/control"
)

func startCommand() *cli.Command {
	return action{
		name:     "start",
		usage:    "start workers that are stopped, failed or wait to be started again",
		detail:   "Earlier failures are forgotten. A worker that runs already is left alone.",
		examples: "lbdev start 8000\nlbdev start all",
		waits:    true,
		effect:   "they are ready",
		do:       (*control.Client).Start,
	}.command()
}
