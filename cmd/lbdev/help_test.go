package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
)

// TestHelpHasEverything: each flag of each command is in its help, in lines that fit, whatever the flag's usage looks like.
func TestHelpHasEverything(t *testing.T) {
	app := newApp(os.Stdout, os.Stderr)
	for _, c := range app.Commands {
		if c.Hidden {
			continue
		}
		var out bytes.Buffer
		app.Writer = &out
		if err := app.Run([]string{"lbdev", c.Name, "--help"}); err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		_, options, ok := strings.Cut(out.String(), "\nOPTIONS:\n")
		if !ok {
			t.Errorf("%s --help has no options:\n%s", c.Name, out.String())
			continue
		}
		for _, f := range c.Flags {
			if v, ok := f.(cli.VisibleFlag); ok && !v.IsVisible() {
				continue
			}
			if !strings.Contains(options, "--"+f.Names()[0]) {
				t.Errorf("%s --help does not have --%s", c.Name, f.Names()[0])
			}
		}
		for line := range strings.SplitSeq(options, "\n") {
			if utf8.RuneCountInString(line) > helpWidth || strings.ContainsAny(line, "`"+markTyped) {
				t.Errorf("%s --help has the line %q", c.Name, line)
			}
		}
	}
}

func TestHelpOfFlags(t *testing.T) {
	flags := []cli.Flag{
		&cli.BoolFlag{Name: "json", Usage: "print JSON"},
		&cli.StringFlag{Name: "odd", Usage: "a `TEXT` with {{braces}}", Value: "{{x}}", EnvVars: []string{"LBDEV_ODD"}},
		&cli.BoolFlag{Name: "secret", Hidden: true},
	}
	flags = append(flags, grouped("Workers", []cli.Flag{
		&cli.DurationFlag{Name: "a-flag-with-a-long-name", Aliases: []string{"x"}, Usage: "after `TIME`", Value: 60e9},
		&cli.IntFlag{Name: "n", Usage: "`N` of them, one two three four five six seven eight nine"},
	})...)
	want := `   --json                   print JSON
   --odd TEXT               a TEXT with {{braces}}
                            (default: {{x}})
   -h, --help               show this help

   Workers
   -x, --a-flag-with-a-long-name TIME
                            after TIME (default: 1m)
   -n N                     N of them, one two three
                            four five six seven eight
                            nine

   --odd can be set by the variable LBDEV_ODD too.
`
	app := &cli.App{Name: "lbdev", Commands: withHelp(look{width: 56}, []*cli.Command{{Name: "go", Flags: flags}})}
	var out bytes.Buffer
	app.Writer = &out
	if err := app.Run([]string{"lbdev", "go", "--help"}); err != nil {
		t.Fatal(err)
	}
	if _, got, _ := strings.Cut(out.String(), "\nOPTIONS:\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
