package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// flagsFirst puts the flags of a command before its arguments, as urfave/cli wants them: people write "lbdev kill 2 --json",
// too. Commands that wrap another one are left alone, as its flags are not ours; so is all behind "--".
func flagsFirst(commands []*cli.Command, args []string) []string {
	if len(args) < 2 {
		return args
	}
	i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.HasName(args[1]) })
	if i < 0 || wraps(commands[i]) {
		return args
	}
	var flags, rest []string
	for words := args[2:]; len(words) > 0; words = words[1:] {
		word := words[0]
		if word == "--" {
			rest = append(rest, words...)
			break
		}
		if len(word) < 2 || word[0] != '-' {
			rest = append(rest, word)
			continue
		}
		flags = append(flags, word)
		if len(words) > 1 && takesValue(commands[i], word) {
			words = words[1:]
			flags = append(flags, words[0])
		}
	}
	return slices.Concat(args[:2], flags, rest)
}

// wraps says whether a command's arguments are another command.
func wraps(c *cli.Command) bool { return strings.Contains(c.ArgsUsage, "COMMAND") }

// takesValue says whether the word after a flag belongs to it.
func takesValue(c *cli.Command, word string) bool {
	name := strings.TrimLeft(word, "-") // with "=" in it, it is no flag's name: the value is there already
	for _, flag := range c.Flags {
		if _, isBool := flag.(*cli.BoolFlag); slices.Contains(flag.Names(), name) {
			return !isBool
		}
	}
	return false
}
