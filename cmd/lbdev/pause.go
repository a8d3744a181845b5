package main

import (
	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster/control"
)

func pauseCommand() *cli.Command {
	return action{
		name:  "pause",
		usage: "freeze workers until  lbdev resume",
		detail: `Takes them out of rotation, gives their requests half a second, and stops their whole process trees (SIGSTOP). What is not
done by then and may run twice goes to another worker; the rest waits.`,
		examples: "lbdev pause 2\nlbdev resume 2",
		waits:    true,
		effect:   "they stand still",
		do:       (*control.Client).Pause,
	}.command()
}
