package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/sample"
)

// sampleCommand is one worker of "up --sample": lbdev runs itself with it.
func sampleCommand() *cli.Command {
	return &cli.Command{
		Name:            "sample",
		Usage:           "serve the sample app on one port",
		Hidden:          true,
		HideHelpCommand: true,
		OnUsageError:    usageError,
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "port", Usage: "listen on `PORT`", EnvVars: []string{"PORT"}, Value: 8000},
			&cli.StringFlag{Name: "worker", Usage: "say that this is worker `N`", EnvVars: []string{"LBDEV_WORKER"}},
			&cli.DurationFlag{Name: "boot", Usage: "take `TIME` to start, as most apps do"},
		},
		Action: func(c *cli.Context) error {
			ctx, stop := signal.NotifyContext(c.Context, os.Interrupt, syscall.SIGTERM)
			defer stop()
			select {
			case <-time.After(c.Duration("boot")):
			case <-ctx.Done():
				return nil
			}
			return sample.Serve(ctx, sample.Config{Port: c.Int("port"), Worker: c.String("worker")})
		},
	}
}

// sampleArgv is the command line of a worker of the sample app.
func sampleArgv() ([]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("cannot find lbdev's own program file to run the sample app: %w", err)
	}
	return []string{self, "sample", "--port", "{port}"}, nil
}
