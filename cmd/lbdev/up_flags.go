package main

import (
	"slices"
	"time"

	"github.com/urfave/cli/v2"
)

// upFlags are all flags of up. Help and the man page show them under the headings of their groups.
func upFlags() []cli.Flag {
	return slices.Concat(
		generalFlags(),
		grouped("Workers", workerFlags()),
		grouped("Front", frontFlags()),
		grouped("Balancing", balancingFlags()),
		grouped("Failover", failoverFlags()),
		grouped("Limits", limitFlags()),
		grouped("Logs", logFlags()),
	)
}

// grouped puts flags under a heading.
func grouped(heading string, flags []cli.Flag) []cli.Flag {
	for _, flag := range flags {
		switch f := flag.(type) {
		case *cli.StringFlag:
			f.Category = heading
		case *cli.StringSliceFlag:
			f.Category = heading
		case *cli.IntFlag:
			f.Category = heading
		case *cli.Float64Flag:
			f.Category = heading
		case *cli.BoolFlag:
			f.Category = heading
		case *cli.DurationFlag:
			f.Category = heading
		default:
			panic("lbdev: a flag of an unknown type cannot be grouped")
		}
	}
	return flags
}

// generalFlags come first in help, without a heading.
func generalFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "name", Usage: "the cluster's `NAME` (default: the folder's)", EnvVars: []string{"LBDEV_NAME"}},
		&cli.StringFlag{Name: "file", Aliases: []string{"f"}, Usage: "read the settings that no flag gives from `FILE` (default: lbdev.yaml, if there)", EnvVars: []string{"LBDEV_FILE"}},
		&cli.BoolFlag{Name: "print-config", Usage: "start nothing and print the settings, merged, as an lbdev.yaml that says where each came from; with --json as JSON"},
		&cli.StringFlag{Name: "preset", Usage: "start this folder as `PRESET` says (default: the first that fits; lbdev presets lists them)", EnvVars: []string{"LBDEV_PRESET"}},
		&cli.StringFlag{Name: "prepare", Value: "auto", Usage: "`WHAT` of a preset's steps to run first: auto (what builds the app), all (also what changes data), off", EnvVars: []string{"LBDEV_PREPARE"}},
		&cli.BoolFlag{Name: "sample", Usage: "run the built-in sample app"},
		&cli.BoolFlag{Name: "reload", Value: true, Usage: "apply lbdev.yaml when it changes; =false: only when  lbdev reload  says so", EnvVars: []string{"LBDEV_RELOAD"}},
		&cli.BoolFlag{Name: "json", Usage: "print one JSON event per line", EnvVars: []string{"LBDEV_JSON"}},
	}
}

// workerFlags say what runs and how it is kept alive.
func workerFlags() []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "workers", Aliases: []string{"n"}, Value: 4, Usage: "run `N` copies, 1 to 512", EnvVars: []string{"LBDEV_WORKERS"}},
		&cli.IntFlag{Name: "base-port", Usage: "worker 1 gets `PORT`, the others those after it (default: 8000, or the next free block)", EnvVars: []string{"LBDEV_BASE_PORT"}},
		&cli.StringFlag{Name: "upstream", Value: "http1", Usage: "the `PROTOCOL` that workers speak: http1, or h2c (HTTP/2 without TLS, such as gRPC)", EnvVars: []string{"LBDEV_UPSTREAM"}},
		&cli.StringFlag{Name: "restart", Value: "always", Usage: "`WHEN` to start a worker again: always, on-failure, never", EnvVars: []string{"LBDEV_RESTART"}},
		&cli.StringFlag{Name: "ready", Value: "http", Usage: "what proves that a worker is ready: `KIND` http or tcp", EnvVars: []string{"LBDEV_READY"}},
		&cli.StringFlag{Name: "ready-path", Usage: "a worker is ready when `PATH` answers 2xx or 3xx (default: any answer on /)", EnvVars: []string{"LBDEV_READY_PATH"}},
		&cli.DurationFlag{Name: "ready-timeout", Value: time.Minute, Usage: "a start counts as failed after `TIME`", EnvVars: []string{"LBDEV_READY_TIMEOUT"}},
		&cli.StringFlag{Name: "stop-signal", Value: "TERM", Usage: "the `SIGNAL` that asks a worker to end", EnvVars: []string{"LBDEV_STOP_SIGNAL"}},
		&cli.DurationFlag{Name: "stop-timeout", Value: 10 * time.Second, Usage: "SIGKILL follows after `TIME`", EnvVars: []string{"LBDEV_STOP_TIMEOUT"}},
		&cli.StringSliceFlag{Name: "env", Aliases: []string{"e"}, Usage: "set `K=V` for every worker (several times)"},
		&cli.StringFlag{Name: "env-file", Usage: "read such pairs from `FILE`, which may be a pipe", EnvVars: []string{"LBDEV_ENV_FILE"}},
		&cli.StringFlag{Name: "pty", Value: "auto", Usage: "`WHEN` to give workers a terminal: auto, on, off", EnvVars: []string{"LBDEV_PTY"}},
		&cli.StringSliceFlag{Name: "watch", Usage: "when a file that matches `GLOB` changes, restart the workers in turn (several times; '!GLOB' leaves out)", EnvVars: []string{"LBDEV_WATCH"}},
	}
}

// logFlags say what is kept.
func logFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "access-log", Usage: "write a line for each request to `FILE`, or with - to the screen", EnvVars: []string{"LBDEV_ACCESS_LOG"}},
		&cli.StringFlag{Name: "access-format", Usage: "how these lines look: `FORMAT` common, combined (as Apache and nginx), text, json, or a template such as '{client} {path} {status}' (default: combined; json in --log-dir)", EnvVars: []string{"LBDEV_ACCESS_FORMAT"}},
		&cli.StringFlag{Name: "log-dir", Usage: "keep logs in `DIR`: a file per worker, and without --access-log also access.log with a JSON line per request", EnvVars: []string{"LBDEV_LOG_DIR"}},
		&cli.StringFlag{Name: "metrics", Usage: "answer Prometheus at `ADDRESS`: 9090, 127.0.0.1:9090 (without it:  lbdev metrics)", EnvVars: []string{"LBDEV_METRICS"}},
	}
}
