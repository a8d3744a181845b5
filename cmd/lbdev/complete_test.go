package main

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/templates"
)

// threeWorkers are what a completer finds out without a cluster that runs: shop, the cluster of this folder, has three.
type threeWorkers struct{}

func (threeWorkers) workers(name string) []cluster.WorkerSnapshot {
	switch name {
	case "", "shop":
		return []cluster.WorkerSnapshot{
			{Worker: 1, Port: 8000, State: cluster.Ready},
			{Worker: 2, Port: 8001, State: cluster.Paused},
			{Worker: 3, Port: 8002, State: cluster.Ready},
		}
	case "one":
		return []cluster.WorkerSnapshot{{Worker: 1, Port: 9000, State: cluster.Backoff}}
	}
	return nil
}

func (threeWorkers) clusters() []candidate {
	return []candidate{{"shop", "3 workers in /shop"}, {"one", "1 worker in /one"}, {"bad\x1b[31m", "cannot be shown"}}
}

// complete is what the scripts read for a line whose words are separated by one space.
func complete(app *cli.App, line string) []string {
	var out bytes.Buffer
	completer{app: app, look: threeWorkers{}}.answer(strings.Split(line, " ")).print(&out)
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

// values are the candidates without what they are; a rule keeps its tab.
func values(lines []string) string {
	var words []string
	for _, line := range lines {
		value, about, _ := strings.Cut(line, "\t")
		if value == "" && about != "" {
			value = "<" + about + ">"
		}
		words = append(words, value)
	}
	return strings.Join(words, " ")
}

// testApp has the command line's tables, and commands for what these don't have.
func testApp() *cli.App {
	app := newApp(os.Stdout, os.Stderr)
	app.Setup()
	app.Commands = append(app.Commands,
		&cli.Command{Name: "try", ArgsUsage: "WORKER on|off [FILE] …", Flags: []cli.Flag{
			&cli.StringFlag{Name: "dir", Aliases: []string{"d"}, Usage: "a `FOLDER`"},
			&cli.StringFlag{Name: "of", Usage: "a `CLUSTER`"},
			&cli.StringFlag{Name: "secret", Hidden: true},
			&cli.StringFlag{Name: "none", Usage: "a `THING`"},
			&cli.StringSliceFlag{Name: "many", Usage: "several"},
		}},
		&cli.Command{Name: "group", Subcommands: []*cli.Command{{Name: "inner", ArgsUsage: "a|b", Usage: "is in it"}, {Name: "hidden", Hidden: true}}},
		&cli.Command{Name: "runs", ArgsUsage: "[[--] COMMAND [ARG...]]"},
	)
	return app
}

func TestComplete(t *testing.T) {
	app := testApp()
	for _, tt := range []struct{ line, want string }{
		{"u", "up undrain"},
		{"vers", "version"},
		{"nosuch", ""},
		{"nosuch ", ""},
		{"--", "--help --version"},
		{"--v", "--version"},
		{"sam", ""}, // hidden
		{"__", ""},
		{"help unp", ""},
		{"help und", "undrain"},
		{"help up ", ""},

		{"kill ", "1 2 3 8000 8001 8002 all"},
		{"kill 8", "8000 8001 8002"},
		{"kill 8001 ", "1 3 8000 8002"},
		{"kill 3 8000 ", "2 8001"},
		{"kill all ", ""},
		{"kill --name one ", "1 9000 all"},
		{"kill --name=one ", "1 9000 all"},
		{"kill 1 --name one 9", ""}, // 9000 is worker 1
		{"kill --name gone ", ""},
		{"kill --wait a", "all"},
		{"kill --wa", "--wait"},
		{"kill 2 --wa", "--wait"}, // flags may follow
		{"kill --wait --wa", ""},  // and are given once
		{"kill -- --wa", ""},
		{"kill -- 8002", "8002"},
		{"kill --timeout ", ""},
		{"kill --timeout 1s 800", "8000 8001 8002"},
		{"kill --name ", "shop one"}, // and not the one that can't be shown
		{"kill --name s", "shop"},
		{"kill --name=s", "--name=shop"},
		{"kill -name=s", "-name=shop"},
		{"kill --wait=", ""},
		{"kill --nosuch=", ""},
		{"open --worker ", "1 2 3 8000 8001 8002 all"},
		{"policy ", "round-robin least-conn two-choices random fastest first ip-hash uri-hash header-hash:X-User cookie-hash:session"},
		{"policy --sticky ", "off cookie route:JSESSIONID"},
		{"weight ", "1 2 3 8000 8001 8002 all"},
		{"weight 1 ", "backup primary"},
		{"scale ", ""},
		{"version ", "--json --help"},
		{"version --json ", "--help"},
		{"version x ", ""},
		{"completion ", "bash zsh fish powershell"},
		{"completion f", "fish"},
		{"completion fish ", ""},

		{"up --restart ", "always on-failure never"},
		{"up --restart=", "--restart=always --restart=on-failure --restart=never"},
		{"up --restart=n", "--restart=never"},
		{"up --ready ", "http tcp"},
		{"up --ready-p", "--ready-path"},
		{"up --pty o", "on off"},
		{"up --policy ", "round-robin least-conn two-choices random fastest first ip-hash uri-hash header-hash:X-User cookie-hash:session"},
		{"up --policy two", "two-choices"},
		{"up --sticky c", "cookie"},
		{"up --stop-signal K", "KILL"},
		{"up --name ", ""}, // those that run are taken
		{"up --file ", "<files>"},
		{"up -f x", "<files>"},
		{"up --file=x", "<files>"},
		{"up --env-file ", "<files>"},
		{"up -n ", ""},
		{"up -n 4 --workers", ""}, // -n is --workers
		{"up -e A=1 --env", "--env --env-file"},
		{"up ", "<command 1>"},
		{"up pyth", "<command 1>"},
		{"up -n 4 ", "<command 3>"},
		{"up -n 4 -- ", "<command 4>"},
		{"up -n=4 -- python man", "<command 3>"},
		{"up python --na", "<command 1>"}, // a flag of python's
		{"up -- --res", "<command 2>"},
		{"up --restart never sleep 1 -- ", "<command 3>"},
		{"up --sample --nosuch x", "<command 3>"},
		{"runs x ", "<command 1>"},

		{"try 2 ", "on off"},
		{"try 2 o", "on off"},
		{"try 2 on ", "<files>"},
		{"try 2 on x y ", "<files>"},
		{"try --dir ", "<folders>"},
		{"try -d x", "<folders>"},
		{"try --of ", "shop one"},
		{"try --none ", ""},
		{"try --s", ""},
		{"try --many a --ma", "--many"},
		{"group ", "inner"},
		{"group inner ", "a b"},
		{"group inner b ", ""},
	} {
		if got := values(complete(app, tt.line)); got != tt.want {
			t.Errorf("after %q\n got %q\nwant %q", tt.line, got, tt.want)
		}
	}
}

func TestCompletePresets(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir()) // with none of somebody's own
	app := testApp()
	for _, tt := range []struct{ line, want string }{
		{"up --preset dj", "django"},
		{"up --preset=as", "--preset=aspnet --preset=astro --preset=asgi"},
		{"up --prepare ", "auto all off"},
		{"presets s", "spring static"},
		{"presets django ", ""},
	} {
		if got := values(complete(app, tt.line)); got != tt.want {
			t.Errorf("after %q\n got %q\nwant %q", tt.line, got, tt.want)
		}
	}
}

// TestCompleteTellsWhatThingsAre looks at whole lines, and at those of which only some are certain.
func TestCompleteTellsWhatThingsAre(t *testing.T) {
	t.Setenv("LC_ALL", "C.UTF-8")
	app := testApp()
	for line, want := range map[string][]string{
		"":                {"up\trun copies of a command, balance requests over them, and show who answers", "kill\t", "man\t"},
		"up -":            {"--workers\trun N copies, 1 to 512", "-n\trun N copies, 1 to 512", "--help\tshow help"},
		"kill ":           {"1\t8000 ready", "2\t8001 paused", "8001\tworker 2 paused", "all\t3 workers"},
		"kill --name ":    {"shop\t3 workers in /shop"},
		"up --restart on": {"on-failure\tafter every exit but one with code 0"},
		"group ":          {"inner\tis in it"},
	} {
		got := complete(app, line)
		for _, want := range want {
			if !slices.ContainsFunc(got, func(line string) bool { return strings.HasPrefix(line, want) }) {
				t.Errorf("after %q there is no %q in\n%s", line, want, strings.Join(got, "\n"))
			}
		}
	}
	if got := values(complete(app, "up --")); strings.Contains(got, "-n ") {
		t.Errorf("after %q one letter is offered: %s", "up --", got)
	}
	if got := (completer{app: app, look: threeWorkers{}}).answer(nil); len(got.candidates) > 0 || got.rule != "" {
		t.Errorf("without a word there is %v", got)
	}
}

// TestCompleteKnowsEveryCommand holds that what a new command's tables promise is kept: every visible command is offered,
// every one that takes workers offers them, and every visible flag is offered.
func TestCompleteKnowsEveryCommand(t *testing.T) {
	app := newApp(os.Stdout, os.Stderr)
	app.Setup()
	offered := strings.Fields(values(complete(app, "")))
	takers := 0
	for _, c := range app.Commands {
		if slices.Contains(offered, c.Name) == c.Hidden {
			t.Errorf("%s: hidden is %v, and so it is offered", c.Name, c.Hidden)
		}
		if c.Hidden {
			continue
		}
		if strings.Contains(c.ArgsUsage, "WORKER") {
			takers++
			if got := values(complete(app, c.Name+" ")); !strings.HasPrefix(got, "1 2 3 8000") {
				t.Errorf("%s offers %q where %s stands", c.Name, got, c.ArgsUsage)
			}
		}
		flags := strings.Fields(values(complete(app, c.Name+" --")))
		for _, f := range c.Flags {
			if v, ok := f.(cli.VisibleFlag); ok && v.IsVisible() && !slices.Contains(flags, "--"+f.Names()[0]) {
				t.Errorf("%s does not offer --%s", c.Name, f.Names()[0])
			}
		}
	}
	if takers < 8 {
		t.Errorf("only %d commands take workers", takers)
	}
}

func TestCompletionHint(t *testing.T) {
	for shell, want := range map[string]string{
		"/bin/bash":             "your shell is bash:  echo",
		"/opt/homebrew/bin/zsh": "your shell is zsh:  echo",
		"/usr/bin/fish":         "your shell is fish:  lbdev completion fish >",
		"/bin/ksh":              "name one of bash, zsh, fish and powershell",
		"":                      "name one of bash, zsh, fish and powershell",
	} {
		if got := completionHint(shell); !strings.HasPrefix(got, want) {
			t.Errorf("with SHELL=%s the hint is %q, want %q", shell, got, want)
		}
	}
}

func TestSplitAtDashes(t *testing.T) {
	for _, tt := range []struct{ args, before, after string }{
		{"-- kill 1", "", "kill 1"},
		{"--new -- up -- x", "--new", "up -- x"},
		{"--new", "--new", ""},
		{"", "", ""},
	} {
		before, after := splitAtDashes(strings.Fields(tt.args))
		if strings.Join(before, " ") != tt.before || strings.Join(after, " ") != tt.after {
			t.Errorf("%q is parted into %q and %q", tt.args, before, after)
		}
	}
}

// TestCompletionScripts holds that there is a script for each shell that help names, and that each asks the command that
// answers.
func TestCompletionScripts(t *testing.T) {
	for _, i := range installs {
		script, err := templates.Completion(i.shell)
		if err != nil {
			t.Error(err)
		}
		if !strings.Contains(script, completeName+" ") || strings.Contains(script, "\r") {
			t.Errorf("the script for %s does not ask %s, or has carriage returns", i.shell, completeName)
		}
	}
	if _, err := templates.Completion("../doc.go"); err == nil {
		t.Error("there is a script for no shell")
	}
}
