package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/cluster/control"
	"github.com/lbdev/lbdev/fronts"
	"github.com/lbdev/lbdev/procs"
)

func upCommand() *cli.Command {
	return &cli.Command{
		Name:      "up",
		Usage:     "run copies of a command, balance requests over them, and show who answers",
		ArgsUsage: "[--] [COMMAND [ARG…]]",
		UsageText: `lbdev up [flags] [--] [COMMAND [ARG…]]

lbdev up                                                what is in this folder, as lbdev presets knows it
lbdev up --sample                                       the built-in sample app
lbdev up -n 4 -- python manage.py runserver             Django: its port is added
lbdev up -n 4 -- node server.js                         Node: the port comes as $PORT
lbdev up -n 2 -- php -S 127.0.0.1:{port} -t public      any other way to pass a port
lbdev up -n 3 -l 9080 --base-port 9000 -- ./server      other addresses
lbdev up --front nginx -- ./server                      nginx as it is installed here balances, run by lbdev
lbdev up --watch '*.py' -- flask run                    restart in turn when a file changes
lbdev up -e SECRET=x -e DB=db{worker}.sqlite3 -- ./app  environment, per worker`,
		Description: `Placeholders in COMMAND, --env, --ready-path and --health-path: {port} {socket} {worker} {host} {front}, also written %port%.
With {socket} a worker listens on a unix socket in place of its port:  gunicorn --bind unix:{socket} app:app
Every worker also gets PORT, HOST, LBDEV_WORKER, LBDEV_PORT, LBDEV_FRONT and LBDEV_CLUSTER.
Ctrl-C stops everything; a second one kills what does not end by itself.

Parts of --access-format: ` + accessParts() + `

Exit codes: 0 done, 1 failed, 2 usage, 3 config, 4 port taken, 5 no worker became ready,
126/127 command not executable/not found, 130 after Ctrl-C, 143 after SIGTERM.`,
		HideHelpCommand: true,
		OnUsageError:    usageError,
		Flags:           upFlags(),
		Action:          up,
	}
}

// up is the main job: flags → a Config → a cluster → its screen, until a signal or the end of all workers.
func up(c *cli.Context) error {
	p, err := planUp(c)
	if err != nil {
		return err
	}
	if c.Bool("print-config") {
		return p.printConfig(c)
	}
	p.again = func(ctx context.Context) (*plan, error) { return replan(ctx, c) }
	s, err := newSession(p, c.App.Writer.(*os.File), c.App.ErrWriter.(*os.File))
	if err != nil {
		return err
	}
	return s.run()
}

// A plan is what the flags, the environment and the config file ask for.
type plan struct {
	config      cluster.Config
	shown       string // the command as people should see it
	passing     string // how the port gets into the command
	json        bool
	file        *configFile
	origins     origins // the flags that did not come from the file
	all         []setting
	again       func(context.Context) (*plan, error) // reads all anew; nil = nothing is read again
	reload      bool                                 // when the file changes
	envFileName string
	pty         string
	watch       []string // globs
	logDir      string   // empty = none
	access      accessPlan
	metrics     string // address for Prometheus; empty = none

	dashboard      string // its address; empty = none
	dashboardMoves bool   // nobody has asked for that address: another one will do

	choice
	prepare string   // which steps of the preset are run first
	notes   []string // what people are told of how it was read
	act     act

	program *fronts.Program // that is the front; nil = lbdev is
}

// planUp reads the flags. What cluster.New checks is not checked here.
func planUp(c *cli.Context) (*plan, error) {
	file, err := readFile(c)
	if err != nil {
		return nil, err
	}
	return planWith(c, file)
}

// planWith is planUp with a config file that has been read.
func planWith(c *cli.Context, file *configFile) (*plan, error) {
	origins := originsOf(c)
	if err := file.apply(c); err != nil {
		return nil, err
	}
	p := &plan{file: file, origins: origins}
	if err := p.choose(c, file); err != nil {
		return nil, err
	}
	if err := p.applyPreset(c); err != nil {
		return nil, err
	}
	p.json, p.pty, p.watch, p.logDir = c.Bool("json"), c.String("pty"), c.StringSlice("watch"), c.String("log-dir")
	p.config = cluster.Config{
		Name:         c.String("name"),
		Workers:      c.Int("workers"),
		BasePort:     c.Int("base-port"),
		Upstream:     cluster.Upstream(c.String("upstream")),
		Restart:      cluster.RestartPolicy(c.String("restart")),
		Ready:        cluster.Readiness(c.String("ready")),
		ReadyPath:    c.String("ready-path"),
		ReadyTimeout: c.Duration("ready-timeout"),
		StopTimeout:  orNever(c.Duration("stop-timeout")),
		Env:          append(file.environ(), c.StringSlice("env")...),
	}
	if dir, err := control.Default(); err == nil { // else they lie in the system's folder for temporary files
		p.config.SocketDir = string(dir)
	}
	if err := p.command(c); err != nil {
		return nil, err
	}
	if err := p.check(c); err != nil {
		return nil, p.blamePreset(file.blame(err))
	}
	p.all = p.settings(c)
	return p, nil
}

// orNever turns the 0 of a flag, which means none, into the negative value that means none in a Config.
func orNever(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}

// command puts what was chosen into the Config, with the worker's port in it. A command that names {port} or {socket} is left alone, so
// is one that nobody knows: it finds its port in the environment. A port that is given would be the same for all workers and is
// replaced.
func (p *plan) command(c *cli.Context) error {
	if c.Bool("sample") {
		if len(p.argv) > 0 {
			return &commandError{
				code: exitUsage, err: fmt.Errorf("cannot run %q and the sample app: it is one or the other", p.argv[0]), hint: "leave --sample off",
			}
		}
		argv, err := sampleArgv()
		p.shown, p.config.Command = "the built-in sample app", argv
		return err
	}
	if len(p.argv) == 0 {
		return &commandError{code: exitUsage, err: errors.New("cannot start workers: no command was given"), hint: fieldHint("Command")}
	}
	p.config.Command = p.argv
	if p.found != nil {
		p.config.Command, p.passing = p.found.Command, p.found.Said
	}
	if p.passing == "" && !cluster.HasPort(p.config.Command) && !cluster.HasSocket(p.config.Command) && !cluster.HasSocket(p.config.Env) {
		p.passing = "port passed in the environment as PORT; if your server wants it otherwise, write {port} into the command"
	}
	for name, value := range p.file.Variables() {
		if masked(name, value) != value {
			p.config.Secrets = append(p.config.Secrets, value)
		}
	}
	p.shown = commandLine(p.config.Command)
	p.presetEnv()
	return p.planPrepare(c.String("prepare"))
}

// check completes the Config with what needs more than a copy.
func (p *plan) check(c *cli.Context) error {
	var err error
	usage := func(flag string, err error, hint string) error {
		return &commandError{code: exitUsage, err: err, hint: hint, flag: flag}
	}
	if n := p.config.Workers; n < 1 {
		return usage("workers", fmt.Errorf("cannot run %d workers: the number must be 1 to %d", n, cluster.MaxWorkers), fieldHint("Workers"))
	}
	if err := p.front(c); err != nil {
		return err
	}
	if err := p.planFront(c); err != nil {
		return err
	}
	if err := p.planAccess(c); err != nil {
		return err
	}
	if err = p.planMetrics(c.String("metrics")); err != nil {
		return usage("metrics", err, "lbdev up --metrics 9090 …")
	}
	if err = p.planDashboard(c.String("dashboard"), c.IsSet("dashboard")); err != nil {
		return usage("dashboard", err, "lbdev up --dashboard 8090 …")
	}
	for _, name := range []string{"hold", "stop-timeout"} {
		if d := c.Duration(name); d < 0 {
			return usage(name, fmt.Errorf("cannot use --%s %v: the time must be 0 or more", name, d), fmt.Sprintf("lbdev up --%s 10s …", name))
		}
	}
	if err := p.failover(c); err != nil {
		return err
	}
	if err := p.balancing(c); err != nil {
		return err
	}
	if p.config.StopSignal, err = procs.SignalByName(c.String("stop-signal")); err != nil {
		return usage("stop-signal", err, "lbdev up --stop-signal INT …  (TERM, INT, QUIT, HUP, USR1, USR2, KILL)")
	}
	if p.pty != "auto" && p.pty != "on" && p.pty != "off" {
		return usage("pty", fmt.Errorf("cannot use --pty %q: it must be auto, on or off", p.pty), "leave it off")
	}
	if p.config.Name == "" {
		if dir, err := os.Getwd(); err == nil {
			p.config.Name = filepath.Base(dir)
		}
	}
	p.reload, p.envFileName = c.Bool("reload"), c.String("env-file")
	return p.envFile(c, p.envFileName)
}

func (p *plan) envFile(c *cli.Context, name string) error {
	if name == "" {
		return nil
	}
	env, err := readEnvFile(c, name)
	if err != nil {
		return &commandError{code: exitConfig, err: fmt.Errorf("cannot read env file %q: %w", name, err), hint: "each line of it is NAME=VALUE"}
	}
	p.config.EnvFile = env
	return nil
}

// commandLine is the command as people see it and could type it.
func commandLine(argv []string) string { return commandLineOn(runtime.GOOS, argv) }

// commandLineOn is commandLine of a system: single quotes mean nothing to Windows' command prompt, and backslashes stand in every path there.
func commandLineOn(system string, argv []string) string {
	special, quote := " \t\n\"'\\$&|;<>()*?#~`", func(arg string) string { return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'" }
	if system == "windows" {
		special, quote = " \t\n\"'&|;<>()^,`", func(arg string) string { return `"` + strings.ReplaceAll(arg, `"`, `\"`) + `"` }
	}
	words := make([]string, len(argv))
	for i, arg := range argv {
		words[i] = arg
		if arg == "" || strings.ContainsAny(arg, special) {
			words[i] = quote(arg)
		}
	}
	return strings.Join(words, " ")
}
