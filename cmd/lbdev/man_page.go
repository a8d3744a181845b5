package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

// A manual is the text of the man page before it gets a form. In its texts a word between backquotes is a placeholder, as in
// the usage of a flag, and one between two of markTyped is typed as it is.
type manual struct {
	blocks []manBlock
}

// A manBlock is a piece of a manual. Which field is set says what it is.
type manBlock struct {
	heading    string   // of a section
	subheading string   // of a command
	para       string   // a paragraph
	term       string   // something that is explained by what
	what       string   // the explanation of term
	lines      []string // shown as they are: examples
}

func (m *manual) section(heading string) { m.blocks = append(m.blocks, manBlock{heading: heading}) }
func (m *manual) command(heading string) { m.blocks = append(m.blocks, manBlock{subheading: heading}) }
func (m *manual) para(text string)       { m.blocks = append(m.blocks, manBlock{para: text}) }
func (m *manual) item(term, what string) {
	m.blocks = append(m.blocks, manBlock{term: term, what: what})
}
func (m *manual) example(lines ...string) { m.blocks = append(m.blocks, manBlock{lines: lines}) }

// manualOf writes the manual from the tables of which the command line is made, so that nothing is missing in it.
func manualOf(app *cli.App) *manual {
	m := &manual{}
	m.section("NAME")
	m.para(app.Name + " - " + app.Usage)
	m.section("SYNOPSIS")
	m.para(typed("*lbdev* *up* [`flags`] [*--*] `COMMAND` [`ARG`…]"))
	m.para(typed("*lbdev* `command` [`flags`] [`argument`…]"))
	m.section("DESCRIPTION")
	m.para(`lbdev starts several copies of a server on consecutive ports, keeps them alive, and puts a proxy in front of them that gives every request to the next copy and shows which one answered it. A copy that dies is started again; a request that it had not answered yet goes to another copy.`)
	m.para(typed(`Each copy is a *worker*: a number from 1, and a port of its own. Workers, the proxy and what is known of them are a *cluster*, which has a name. Commands that act on a cluster mean the one that *--name* or *LBDEV_NAME* names, else the one that was started from the current folder, else the only one that runs.`))
	m.section("COMMANDS")
	for _, c := range app.Commands {
		if !c.Hidden && c.Name != "help" {
			m.commandPage(app.Name, c)
		}
	}
	m.section("OPTIONS")
	m.flags(app.Flags)
	m.para(typed("Every command has *--help* too."))
	m.exitStatus()
	m.environment(app)
	m.files()
	m.examples(app.UsageText)
	return m
}

// commandPage tells of one command: how it is called, what it does, its flags, its examples.
func (m *manual) commandPage(parent string, c *cli.Command) {
	name := parent + " " + c.Name
	synopsis, examples := usageAndExamples(c.UsageText)
	if synopsis == "" {
		synopsis = name
		if len(c.Flags) > 0 {
			synopsis += " [flags]"
		}
		if c.ArgsUsage != "" {
			synopsis += " " + c.ArgsUsage
		}
	}
	m.command(synopsis)
	m.para(sentence(c.Usage))
	for part := range strings.SplitSeq(strings.TrimSpace(c.Description), "\n\n") {
		if part != "" {
			m.prose(part)
		}
	}
	m.flags(slices.DeleteFunc(slices.Clone(c.Flags), isHelp)) // every command has that
	if len(examples) > 0 {
		m.para("Examples:")
		m.example(examples...)
	}
	for _, sub := range c.Subcommands {
		if !sub.Hidden && sub.Name != "help" {
			m.commandPage(name, sub)
		}
	}
}

// prose is a part of a description: a paragraph, or lines of a table, which stay as they are.
func (m *manual) prose(text string) {
	lines := strings.Split(text, "\n")
	table := slices.ContainsFunc(lines, func(line string) bool {
		return strings.Contains(strings.TrimSpace(line), "  ") || strings.HasPrefix(line, " ")
	})
	if table {
		m.example(lines...)
		return
	}
	m.para(strings.Join(lines, " "))
}

// usageAndExamples parts a UsageText into its first line and the examples that follow an empty one.
func usageAndExamples(text string) (usage string, examples []string) {
	usage, rest, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if rest = strings.Trim(rest, "\n"); rest != "" {
		examples = strings.Split(rest, "\n")
	}
	return usage, examples
}

// sentence is a usage line as a sentence.
func sentence(usage string) string {
	if usage == "" || strings.HasSuffix(usage, ".") {
		return usage
	}
	return strings.ToUpper(usage[:1]) + usage[1:] + "."
}

func isHelp(f cli.Flag) bool { return f.Names()[0] == "help" }

func (m *manual) flags(flags []cli.Flag) {
	heading := ""
	for _, f := range flags {
		if v, ok := f.(cli.VisibleFlag); ok && !v.IsVisible() {
			continue
		}
		if c, ok := f.(cli.CategorizableFlag); ok && c.GetCategory() != heading {
			heading = c.GetCategory()
			m.para(typed("*" + heading + "*"))
		}
		if d, ok := f.(cli.DocGenerationFlag); ok {
			m.item(flagTerm(d), flagMeaning(d))
		}
	}
}

// flagTerm is how a flag is given, the short form first: -n, --workers N.
func flagTerm(f cli.DocGenerationFlag) string {
	var short, long []string
	for _, name := range f.Names() {
		if len(name) == 1 {
			short = append(short, markTyped+"-"+name+markTyped)
		} else {
			long = append(long, markTyped+"--"+name+markTyped)
		}
	}
	term := strings.Join(append(short, long...), ", ")
	if f.TakesValue() {
		placeholder := "VALUE"
		if parts := strings.Split(f.GetUsage(), "`"); len(parts) > 2 {
			placeholder = parts[1]
		}
		term += " `" + placeholder + "`"
	}
	return term
}

// flagMeaning is its usage with its default, unless the usage tells that already, and its variable.
func flagMeaning(f cli.DocGenerationFlag) string {
	meaning := sentence(helpMeaning(f))
	if names := f.GetEnvVars(); len(names) > 0 {
		meaning += " Variable: " + markTyped + strings.Join(names, markTyped+", "+markTyped) + markTyped + "."
	}
	return meaning
}

// shownDefault is the default of a flag, if it is worth telling and its usage does not do so.
func shownDefault(f cli.DocGenerationFlag) string {
	if !f.TakesValue() || strings.Contains(f.GetUsage(), "default:") {
		return ""
	}
	switch value := strings.Trim(f.GetDefaultText(), `"`); value {
	case "", "0", "-1", "0s", "[]": // these stand for what the usage says
		return ""
	default:
		return tidyDuration(value)
	}
}

// tidyDuration takes the zeros from the end of a duration: 1m0s is 1m.
func tidyDuration(value string) string {
	if _, err := time.ParseDuration(value); err != nil {
		return value
	}
	if short, ok := strings.CutSuffix(value, "m0s"); ok {
		value = short + "m"
	}
	if short, ok := strings.CutSuffix(value, "h0m"); ok {
		value = short + "h"
	}
	return value
}

// exitStatus lists the exit codes that scripts rely on.
func (m *manual) exitStatus() {
	m.section("EXIT STATUS")
	for _, e := range []struct {
		code int
		what string
	}{
		{exitDone, "Done."},
		{exitFailed, "Something failed; for *up*: all workers did, or one could not be ended."},
		{exitUsage, "The command line is wrong."},
		{exitConfig, "The config file, or a file that it names, is wrong."},
		{exitPortTaken, "A port that was asked for is taken."},
		{exitNeverReady, "No worker became ready in time."},
		{exitNotExecutable, "Your command cannot be executed."},
		{exitNotFound, "Your command was not found."},
	} {
		m.item(typed(fmt.Sprintf("*%d*", e.code)), typed(e.what))
	}
	m.item(typed("*128*+`n`"), "Ended by signal `n`: 130 after Ctrl-C, 143 after SIGTERM, 129 when the terminal was closed, 141 when the reader of the output went away.")
}

// environment lists the variables that lbdev reads, those of flags from the tables, and those that it sets.
func (m *manual) environment(app *cli.App) {
	m.section("ENVIRONMENT")
	flags, order := map[string][]string{}, []string{}
	for _, c := range app.Commands {
		if c.Hidden {
			continue
		}
		for _, f := range c.Flags {
			d, ok := f.(cli.DocGenerationFlag)
			if !ok {
				continue
			}
			for _, name := range d.GetEnvVars() {
				if flags[name] == nil {
					order = append(order, name)
				}
				if flag := markTyped + "--" + f.Names()[0] + markTyped; !slices.Contains(flags[name], flag) {
					flags[name] = append(flags[name], flag)
				}
			}
		}
	}
	for _, name := range order {
		m.item(markTyped+name+markTyped, "The same as "+strings.Join(flags[name], " or ")+"; the flag wins.")
	}
	m.item(typed("*NO_COLOR*"), typed("If set, nothing is coloured."))
	m.item(typed("*FORCE_COLOR*"), typed("If set, and not 0, output is coloured also where it is no terminal. *NO_COLOR* wins."))
	m.item(typed("*TERM*"), typed("With the value dumb nothing is coloured."))
	m.item(typed("*LC_ALL*, *LC_CTYPE*, *LANG*"), typed("The first that is set says whether more than ASCII can be shown."))
	m.item(typed("*XDG_RUNTIME_DIR*"), typed("Where the folder of control sockets lies; see *FILES*."))
	m.para(typed("Every worker gets *PORT*, *HOST*, *LBDEV_WORKER*, *LBDEV_PORT*, *LBDEV_FRONT* and *LBDEV_CLUSTER*: its port, 127.0.0.1, its number, its port again, the address of the front, and the name of the cluster."))
}

func (m *manual) files() {
	m.section("FILES")
	m.item(typed("*"+defaultFile+"*"), typed("Settings for *up*, if it lies in the current folder: a key for each long flag, *command* (a list of words) and *env* (names and values). A variable wins over the file, and a flag over both."))
	m.item(typed("*$XDG_RUNTIME_DIR/lbdev/*"), typed("The control socket and the state file of each running cluster, for you alone. Without *XDG_RUNTIME_DIR*, or where it can't be used, it is the folder *lbdev* in your cache folder (*~/.cache* on Linux, *~/Library/Caches* on macOS, *%LocalAppData%* on Windows)."))
}

// examples are those that lbdev --help has.
func (m *manual) examples(text string) {
	if _, lines := usageAndExamples(text); len(lines) > 0 {
		m.section("EXAMPLES")
		m.example(lines...)
	}
}

// buildDate is the day of the commit from which this lbdev was built, or of its program file where that is not known.
func buildDate() time.Time {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if t, err := time.Parse(time.RFC3339, s.Value); s.Key == "vcs.time" && err == nil {
				return t
			}
		}
	}
	self, err := os.Executable()
	if err != nil {
		return time.Now()
	}
	info, err := os.Stat(self)
	if err != nil {
		return time.Now()
	}
	return info.ModTime()
}
