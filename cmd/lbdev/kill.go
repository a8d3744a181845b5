package main

import (
	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster/control"
)

func killCommand() *cli.Command {
	return action{
		name:  "kill",
		usage: "kill workers, as a crash would; lbdev brings them back",
		detail: `Sends SIGKILL to the whole process tree. It is not taken out of rotation before: requests that it had go to
another worker, unless they could run twice.`,
		examples: "lbdev kill 8001        the worker on port 8001\nlbdev kill all         all at once\nlbdev kill --wait 2    and wait until it is back",
		effect:   "they are back",
		said:     "killed",
		do:       (*control.Client).Kill,
	}.command()
}
