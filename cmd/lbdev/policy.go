package main

import (
	"fmt"

	"github.com/urfave/cli/v2"
)

func policyCommand() *cli.Command {
	return &cli.Command{
		Name:            "policy",
		Usage:           "show or change the rule that chooses a worker",
		ArgsUsage:       "[NAME]",
		UsageText:       "lbdev policy [flags] [NAME]\n\nlbdev policy               shows it\nlbdev policy round-robin   each ready worker in turn",
		HideHelpCommand: true,
		OnUsageError:    usageError,
		Flags:           remoteFlags(),
		Action:          policy,
	}
}

func policy(c *cli.Context) error {
	r, err := attach(c)
	if err != nil {
		return err
	}
	defer r.Close()
	if c.NArg() > 0 {
		if err := r.Policy(r.ctx, c.Args().First()); err != nil {
			return remoteError(err)
		}
	}
	now, err := r.Client.Cluster(r.ctx)
	if err != nil {
		return remoteError(err)
	}
	if c.Bool("json") {
		return printJSON(c, map[string]string{"policy": now.Policy})
	}
	_, err = fmt.Fprintln(c.App.Writer, now.Policy)
	return err
}
