package main

import (
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster"
)

// failoverFlags say what happens when things go wrong.
func failoverFlags() []cli.Flag {
	return []cli.Flag{
		&cli.DurationFlag{Name: "hold", Value: 30 * time.Second, Usage: "a request waits up to `TIME` when no worker is ready; 0 for not at all", EnvVars: []string{"LBDEV_HOLD"}},
		&cli.BoolFlag{Name: "retry-unsafe", Usage: "send a POST to another worker too when its worker died with it; it may run twice", EnvVars: []string{"LBDEV_RETRY_UNSAFE"}},
		&cli.IntFlag{Name: "worker-concurrency", Usage: "a worker gets `N` requests at a time, others wait in turn; 0 for any number", EnvVars: []string{"LBDEV_WORKER_CONCURRENCY"}},
		&cli.IntFlag{Name: "eject-5xx", Usage: "`N` answers of 5xx in a row take a worker out of rotation for 5s, then longer; 0 for never", EnvVars: []string{"LBDEV_EJECT_5XX"}},
		&cli.StringFlag{Name: "health-path", Usage: "check each worker from time to time: `PATH` must answer 2xx or 3xx (default: only silent ones are looked at)", EnvVars: []string{"LBDEV_HEALTH_PATH"}},
		&cli.DurationFlag{Name: "health-interval", Value: 5 * time.Second, Usage: "check again after `TIME`", EnvVars: []string{"LBDEV_HEALTH_INTERVAL"}},
		&cli.DurationFlag{Name: "health-timeout", Value: 2 * time.Second, Usage: "a check has failed after `TIME` without an answer", EnvVars: []string{"LBDEV_HEALTH_TIMEOUT"}},
		&cli.IntFlag{Name: "health-fall", Value: 3, Usage: "`N` failed checks in a row take a worker out of rotation", EnvVars: []string{"LBDEV_HEALTH_FALL"}},
		&cli.IntFlag{Name: "health-rise", Value: 2, Usage: "`N` good ones put it back", EnvVars: []string{"LBDEV_HEALTH_RISE"}},
	}
}

// failover reads them; cluster.New checks them, but for a 0 that would mean the default.
func (p *plan) failover(c *cli.Context) error {
	p.config.Hold = orNever(c.Duration("hold"))
	p.config.RetryUnsafe = c.Bool("retry-unsafe")
	p.config.WorkerConcurrency = c.Int("worker-concurrency")
	p.config.EjectAfter = c.Int("eject-5xx")
	path := c.String("health-path")
	for _, name := range []string{"health-interval", "health-timeout", "health-fall", "health-rise"} {
		if path == "" && c.IsSet(name) {
			return &commandError{code: exitUsage, flag: name, err: errNoHealthPath(name), hint: healthHint}
		}
	}
	if path == "" {
		return nil
	}
	p.config.Health = cluster.HealthCheck{
		Path:     path,
		Interval: orNever(c.Duration("health-interval")), Timeout: orNever(c.Duration("health-timeout")),
		Fall: orBad(c.Int("health-fall")), Rise: orBad(c.Int("health-rise")),
	}
	return nil
}

type errNoHealthPath string

func (e errNoHealthPath) Error() string {
	return "cannot use --" + string(e) + ": nothing is checked without --health-path"
}

// orBad turns the 0 of a flag, which makes no sense, into a value that a Config refuses instead of its default.
func orBad(n int) int {
	if n == 0 {
		return -1
	}
	return n
}

const healthHint = "lbdev up --health-path /healthz --health-interval 5s --health-timeout 2s --health-fall 3 --health-rise 2 …"

// failoverHints are those of fieldHint for what these flags set.
var failoverHints = map[string]string{
	"WorkerConcurrency": "lbdev up --worker-concurrency 1 …",
	"EjectAfter":        "lbdev up --eject-5xx 5 …",
	"HealthPath":        healthHint,
	"HealthInterval":    healthHint,
	"HealthTimeout":     healthHint,
	"HealthFall":        healthHint,
	"HealthRise":        healthHint,
}
