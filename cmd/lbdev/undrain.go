package main

import (
	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster/control"
)

func undrainCommand() *cli.Command {
	return action{
		name:     "undrain",
		usage:    "put drained workers back into rotation",
		detail:   "They get requests again at once.",
		examples: "lbdev undrain 8001\nlbdev undrain all",
		effect:   "they are ready",
		do:       (*control.Client).Undrain,
	}.command()
}
