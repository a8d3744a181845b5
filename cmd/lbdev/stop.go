package main

import (
	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster/control"
)

func stopCommand() *cli.Command {
	return action{
		name:     "stop",
		usage:    "stop workers and keep them down until  lbdev start",
		detail:   "Takes them out of rotation, lets them finish their requests, and ends their processes.",
		examples: "lbdev stop 8000            the turn passes on to the others\nlbdev stop 1 3             several\nlbdev stop --no-wait all   and return at once",
		waits:    true,
		effect:   "their processes are gone and their ports free",
		do:       (*control.Client).Stop,
	}.command()
}
