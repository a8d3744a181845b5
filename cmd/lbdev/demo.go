package main

import (
	"fmt"
	"math"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/config"
)

const (
	// demoBoot is how long the sample app takes to start in the demo: about what a framework takes. Without it a worker is
	// back in 30 ms, before anybody can see that it was away.
	demoBoot = 800 * time.Millisecond
	// demoBusy is the sample app's page that takes so long, demoBusyFor, that something can happen to its worker meanwhile. A pause takes
	// half a second before it takes a page back, and a busy machine some more.
	demoBusy    = "/slow?ms=1000"
	demoBusyFor = time.Second
	// maxRate leaves room, below showPerSecond, for those that are sent at once.
	maxRate = 40
	// minDemo is how many workers a failover needs.
	minDemo = 2
)

func demoCommand() *cli.Command {
	return &cli.Command{
		Name:      "demo",
		Usage:     "a guided failover in the terminal, with the built-in sample app or your own",
		ArgsUsage: "[[--] COMMAND [ARG…]]",
		UsageText: `lbdev demo [flags] [[--] COMMAND [ARG…]]

lbdev demo                                              the built-in sample app, under a minute
lbdev demo --step                                       in class: Enter begins each step
lbdev demo --speed 0.5                                  half as fast
lbdev demo --front nginx                                the same with nginx (haproxy, apache, caddy) as the front
lbdev demo -- python manage.py runserver                your own app
lbdev demo --path /health -- node server.js             … and the page that is asked for
lbdev demo --json | jq -c 'select(.event == "seen")'    figures for a script`,
		Description: `It starts 3 workers, sends some requests a second through the front, and then: shows the turn going round, kills
a worker, freezes one, drains one, restarts all in turn, and kills all at once. It says before each step what to
watch for and after it what was seen, measured. Requests rest while there is something to read.

The exit code is 0 if no request failed, 1 if one did; the others are those of lbdev up. With another program as the
front, what that loses is told and is no failure of the demo. COMMAND gets its port as it does with lbdev up. The settings of lbdev.yaml count when COMMAND or --file is given.`,
		HideHelpCommand: true,
		OnUsageError:    usageError,
		Flags:           demoFlags(),
		Action:          runDemo,
	}
}

// demoFlags are those of up that make sense here, and the demo's own.
func demoFlags() []cli.Flag {
	ofUp := []string{
		"workers", "base-port", "front", "listen", "policy", "name", "ready", "ready-path", "ready-timeout", "stop-signal", "stop-timeout", "hold",
		"env", "env-file", "pty", "json", "file",
	}
	flags := []cli.Flag{
		&cli.BoolFlag{Name: "step", Usage: "wait for Enter before each step"},
		&cli.Float64Flag{Name: "speed", Value: 1, Usage: "`FACTOR` of the pauses' pace: 2 is twice as fast, 0.5 half"},
		&cli.Float64Flag{Name: "rate", Value: 8, Usage: "send `N` requests a second"},
		&cli.StringFlag{Name: "path", Value: "/", Usage: "ask for `PATH`"},
		&cli.BoolFlag{Name: "logs", Usage: "show what the workers print, too"},
	}
	for _, flag := range upFlags() {
		if slices.Contains(ofUp, flag.Names()[0]) {
			flags = append(flags, flag)
		}
		switch f := flag.(type) {
		case *cli.IntFlag:
			if f.Name == "workers" {
				f.Value, f.Usage = 3, fmt.Sprintf("run `N` copies, %d or more", minDemo)
			}
		case *cli.StringFlag:
			if f.Name == "name" {
				f.Value, f.Usage = "demo", "the cluster's `NAME`"
			}
		case *cli.BoolFlag:
			if f.Name == "sample" { // which planUp asks for; here it is what runs without a command
				f.Hidden = true
				flags = append(flags, f)
			}
		}
	}
	return flags
}

// runDemo is up with an act: flags → a plan → a session that plays the demo.
func runDemo(c *cli.Context) error {
	p, err := planDemo(c)
	if err != nil {
		return forDemo(err)
	}
	s, err := newSession(p, c.App.Writer.(*os.File), c.App.ErrWriter.(*os.File))
	if err != nil {
		return forDemo(err)
	}
	return s.run()
}

// forDemo makes the hints of an error of up's speak of the demo.
func forDemo(err error) error {
	if e, ok := err.(*commandError); ok {
		e.hint = strings.ReplaceAll(e.hint, "lbdev up", "lbdev demo")
	}
	return err
}

func planDemo(c *cli.Context) (*plan, error) {
	d, err := newDemo(c)
	if err != nil {
		return nil, err
	}
	file := &configFile{File: &config.File{}}
	if c.Args().Present() || c.IsSet("file") {
		if file, err = readFile(c); err != nil {
			return nil, err
		}
	}
	d.own = c.Args().Present() || len(file.Command) > 0
	if !d.own {
		if err := c.Set("sample", "true"); err != nil {
			return nil, err
		}
	}
	p, err := planWith(c, file)
	if err != nil {
		return nil, err
	}
	if n := p.config.Workers; n < minDemo {
		return nil, &commandError{
			code: exitUsage, err: fmt.Errorf("cannot show a failover with %s: there must be another one to take over", count(n, "worker")), hint: "lbdev demo -n 3 …",
		}
	}
	d.adapt(c, p)
	return p, nil
}

// newDemo reads the demo's own flags.
func newDemo(c *cli.Context) (*demo, error) {
	d := &demo{speed: c.Float64("speed"), rate: c.Float64("rate"), path: c.String("path"), logs: c.Bool("logs"), json: c.Bool("json")}
	usage := func(format string, value any, hint string) (*demo, error) {
		return nil, &commandError{code: exitUsage, err: fmt.Errorf(format, value), hint: hint}
	}
	if !(d.speed > 0) || math.IsInf(d.speed, 0) {
		return usage("cannot play at speed %v: it must be above 0", d.speed, "lbdev demo --speed 2  is twice as fast, 0.5 half as fast")
	}
	if !(d.rate > 0) || d.rate > maxRate {
		return usage("cannot send %v requests a second: the number must be above 0 and at most "+fmt.Sprint(maxRate), d.rate, "lbdev demo --rate 8")
	}
	if !strings.HasPrefix(d.path, "/") {
		d.path = "/" + d.path
	}
	if _, err := http.NewRequest(http.MethodGet, "http://127.0.0.1"+d.path, nil); err != nil {
		return usage("cannot ask for the path %q", d.path, "lbdev demo --path /health …")
	}
	if c.Bool("step") {
		d.enter = newEnter(os.Stdin)
	}
	return d, nil
}

// adapt makes the plan play the demo.
func (d *demo) adapt(c *cli.Context, p *plan) {
	d.busy = d.path
	if p.program != nil {
		d.program = p.program.Title
	}
	d.next = "lbdev up -n 4 -- YOUR COMMAND"
	if d.own {
		d.next = "lbdev up"
		if typed := c.Args().Slice(); len(typed) > 0 {
			d.next = fmt.Sprintf("lbdev up -n %d -- %s", p.config.Workers, commandLine(typed))
		}
	} else {
		boot := time.Duration(float64(demoBoot) / d.speed).Round(time.Millisecond)
		p.config.Command = append(p.config.Command, "--boot", boot.String())
		p.shown = "the sample app, with a start of " + short(boot)
		d.busy, d.busyFor = demoBusy, demoBusyFor
	}
	d.patience = p.config.ReadyTimeout + max(p.config.StopTimeout, 0) + max(p.config.Hold, 0) + 10*time.Second
	d.figures.reset()
	p.act = act{access: d.figures.add, dress: d.dress, play: d.play}
}
