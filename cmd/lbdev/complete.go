package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// A candidate is a word that can stand at the cursor, and what it is.
type candidate struct {
	value, about string
}

// An offer is what can stand at the cursor. A rule, if there is one, says what the shell completes by itself.
type offer struct {
	candidates []candidate
	rule       string
}

// The rules that a script knows; see completeCommand. ruleCommand is followed by the number of a word.
const (
	ruleFiles   = "files"
	ruleFolders = "folders"
	ruleCommand = "command"
)

// A completer finds what can stand at the cursor, in the tables from which the command line itself is made.
type completer struct {
	app  *cli.App
	look namesSource
}

// A typedLine is what is known of the words before the cursor.
type typedLine struct {
	words    []string // all of them, the last one is being completed
	command  *cli.Command
	flags    []cli.Flag      // of the command, or of lbdev itself where there is none
	given    map[string]bool // the flags that were given, by their first name
	value    cli.Flag        // the flag whose value the last word is
	cluster  string          // the value of --name
	operands []string        // the words before the last one that are no flags
	first    int             // which word is the first operand, maybe the last word itself
	dashes   bool            // a -- was there
}

// answer finds what the last word can be.
func (c completer) answer(words []string) offer {
	if len(words) == 0 {
		return offer{}
	}
	l := c.read(words)
	last := words[len(words)-1]
	var a offer
	switch {
	case l.value != nil:
		a = c.value(l, l.value)
	case strings.HasPrefix(last, "-") && l.flagsGoOn():
		if name, _, ok := strings.Cut(last, "="); ok {
			a = c.attached(l, name)
			break
		}
		a.candidates = l.flagCandidates(last)
	case l.command == nil:
		a.candidates = commandCandidates(c.app.Commands)
	default:
		a = c.operand(l)
	}
	a.candidates = slices.DeleteFunc(a.candidates, func(c candidate) bool {
		return c.value == "" || !strings.HasPrefix(c.value, last)
	})
	return a
}

// read goes through the words as run does: flags, a command's name, then its flags and operands in any order, up to a --;
// where the operands are another command, its first word ends the flags.
func (c completer) read(words []string) *typedLine {
	l := &typedLine{words: words, flags: c.app.Flags, given: map[string]bool{}}
	commands := c.app.Commands
	before := words[:len(words)-1]
	for i := 0; i < len(before); i++ {
		word := before[i]
		switch {
		case !l.flagsGoOn():
			l.operand(i)
		case word == "--":
			l.dashes, l.first = true, i+1
		case strings.HasPrefix(word, "-") && word != "-":
			if l.flag(word, before[i+1:]) {
				i++
			}
		default:
			if found := commandNamed(commands, word); found != nil && len(l.operands) == 0 {
				l.command, l.flags, commands = found, found.Flags, found.Subcommands
				clear(l.given)
				continue
			}
			l.operand(i)
		}
	}
	if len(l.operands) == 0 && !l.dashes {
		l.first = len(before)
	}
	if l.command == nil && (len(l.operands) > 0 || l.dashes) {
		l.command, l.flags = &cli.Command{}, nil // a command that we don't know has nothing to offer
	}
	return l
}

// flagsGoOn says whether a word with a dash is a flag of ours.
func (l *typedLine) flagsGoOn() bool {
	if l.dashes || l.command == nil && len(l.operands) > 0 {
		return false
	}
	return len(l.operands) == 0 || !wraps(l.command)
}

// operand takes in word i, which is no flag.
func (l *typedLine) operand(i int) {
	if len(l.operands) == 0 {
		l.first = i
	}
	l.operands = append(l.operands, l.words[i])
}

// flag takes in a flag and says whether the word after it is its value. after are the words that follow before the cursor;
// if there is none, the value is what is being completed.
func (l *typedLine) flag(word string, after []string) (takesNext bool) {
	name, value, attached := strings.Cut(word, "=")
	f := flagNamed(l.flags, name)
	if f == nil {
		return false
	}
	l.given[f.Names()[0]] = true
	takesNext = !attached && flagTakesValue(f)
	switch {
	case takesNext && len(after) == 0:
		l.value = f
	case takesNext:
		value = after[0]
	}
	if slices.Contains(f.Names(), "name") {
		l.cluster = value
	}
	return takesNext
}

// flagCandidates are the flags that can be given here; the word begins with a dash. One letter is offered only to those who
// have typed no second dash.
func (l *typedLine) flagCandidates(word string) []candidate {
	var found []candidate
	for _, f := range append(slices.Clone(l.flags), helpFlag(l.flags)...) {
		if v, ok := f.(cli.VisibleFlag); ok && !v.IsVisible() || l.given[f.Names()[0]] && !repeatable(f) {
			continue
		}
		about := ""
		if d, ok := f.(cli.DocGenerationFlag); ok {
			about = d.GetUsage()
		}
		for _, name := range f.Names() {
			switch {
			case len(name) > 1:
				found = append(found, candidate{"--" + name, about})
			case !strings.HasPrefix(word, "--"):
				found = append(found, candidate{"-" + name, about})
			}
		}
	}
	return found
}

// helpFlag is --help for a command that does not run, and so has not got it from urfave/cli yet.
func helpFlag(flags []cli.Flag) []cli.Flag {
	if flagNamed(flags, "help") != nil || cli.HelpFlag == nil {
		return nil
	}
	return []cli.Flag{cli.HelpFlag}
}

// attached completes a value behind a =, as in --restart=al.
func (c completer) attached(l *typedLine, name string) offer {
	f := flagNamed(l.flags, name)
	if f == nil || !flagTakesValue(f) {
		return offer{}
	}
	a := c.value(l, f)
	for i := range a.candidates {
		a.candidates[i].value = name + "=" + a.candidates[i].value
	}
	return a
}

func commandCandidates(commands []*cli.Command) []candidate {
	var found []candidate
	for _, command := range commands {
		if !command.Hidden {
			found = append(found, candidate{command.Name, command.Usage})
		}
	}
	return found
}

func commandNamed(commands []*cli.Command, name string) *cli.Command {
	for _, command := range commands {
		if command.HasName(name) {
			return command
		}
	}
	return nil
}

// flagNamed finds a flag by a name with or without its dashes: package flag takes one or two for any of them.
func flagNamed(flags []cli.Flag, name string) cli.Flag {
	name = strings.TrimPrefix(strings.TrimPrefix(name, "-"), "-")
	for _, f := range flags {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

func flagTakesValue(f cli.Flag) bool {
	d, ok := f.(cli.DocGenerationFlag)
	return ok && d.TakesValue()
}

func repeatable(f cli.Flag) bool {
	d, ok := f.(cli.DocGenerationSliceFlag)
	return ok && d.IsSliceFlag()
}

// userCommand hands the line from the first operand on to the shell.
func (l *typedLine) userCommand() offer {
	return offer{rule: fmt.Sprintf("%s %d", ruleCommand, l.first)}
}
