package main

import (
	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster/control"
)

func resumeCommand() *cli.Command {
	return action{
		name:     "resume",
		usage:    "let paused workers run on",
		detail:   "They get requests again at once.",
		examples: "lbdev resume 2\nlbdev resume all",
		effect:   "they are ready",
		do:       (*control.Client).Resume,
	}.command()
}
