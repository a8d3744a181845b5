package main

import (
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/config"
)

func schemaCommand() *cli.Command {
	return &cli.Command{
		Name:  "schema",
		Usage: "print the JSON Schema of lbdev.yaml, with which editors complete and check it",
		UsageText: `lbdev schema

lbdev schema                            prints it
lbdev schema > .lbdev.schema.json       keeps it beside lbdev.yaml, for editors without a net`,
		Description: `Editors that know the YAML language server (VS Code with its YAML extension, Neovim, Emacs, Helix, JetBrains) go by
the first line of lbdev.yaml. The one that  lbdev init  writes names the address at which the schema is published. With a
file of your own, as above, it is

# yaml-language-server: $schema=.lbdev.schema.json`,
		HideHelpCommand: true,
		OnUsageError:    usageError,
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return printText(c, string(config.Schema(aboutKey)))
		},
	}
}

// commandHelp is what people are told of the one key that is no flag.
const commandHelp = "what is run for each worker: a list of words, or a text that is split into words as a shell does it; {port} is the worker's port"

// aboutKey is what the flag of a key says of itself.
func aboutKey(key string) config.About {
	if key == "command" {
		return config.About{Help: commandHelp}
	}
	for _, f := range upFlags() {
		if f.Names()[0] == key {
			a := config.About{Help: strings.ReplaceAll(f.(cli.DocGenerationFlag).GetUsage(), "`", ""), Default: defaultOf(f)}
			if a.Default == "0" { // of a size
				a.Default = 0
			}
			return a
		}
	}
	return config.About{}
}

// defaultOf is a flag's default as it stands in a file; nil = it has none, or its usage says it in words.
func defaultOf(f cli.Flag) any {
	switch f := f.(type) {
	case *cli.IntFlag:
		if f.Value != 0 || strings.Contains(f.Usage, "0 for ") {
			return f.Value
		}
	case *cli.BoolFlag:
		return f.Value
	case *cli.DurationFlag:
		return shortTime(f.Value)
	case *cli.StringFlag:
		if f.Value != "" {
			return f.Value
		}
	}
	return nil
}

// shortTime is a time without parts that are zero: 1m and not 1m0s.
func shortTime(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
