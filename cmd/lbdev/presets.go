package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/templates/presets"
)

func presetsCommand() *cli.Command {
	return &cli.Command{
		Name:      "presets",
		Usage:     "list the frameworks that lbdev knows how to start, or show one",
		ArgsUsage: "[PRESET]",
		UsageText: `lbdev presets [flags] [PRESET]

lbdev presets                     lists them, in the order in which lbdev up tries them
lbdev presets django              what it does, in this folder too, and its YAML
lbdev presets --path              the folder for presets of your own`,
		Description: `lbdev up without a command starts what is in the folder: by lbdev.yaml, by the Procfile, or by the first preset that
fits. lbdev up --preset NAME chooses another.

A preset of your own is a YAML file in the folder that --path names. One with the name of lbdev's takes its place, so
lbdev presets NAME  is a good beginning.`,
		HideHelpCommand: true,
		OnUsageError:    usageError,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "json", Usage: "print JSON"},
			&cli.BoolFlag{Name: "path", Usage: "print the folder for presets of your own"},
		},
		Action: showPresets,
	}
}

func showPresets(c *cli.Context) error {
	if c.NArg() > 1 {
		return &commandError{code: exitUsage, err: fmt.Errorf("cannot show %q: it must be one preset", strings.Join(c.Args().Slice(), " ")), hint: "lbdev presets django"}
	}
	if c.Bool("path") {
		dir, err := presetFolder()
		if err != nil {
			return err
		}
		return printText(c, dir+"\n")
	}
	set := loadPresets()
	if name := c.Args().First(); name != "" {
		return showPreset(c, set, name)
	}
	if c.Bool("json") {
		all := []presetJSON{}
		for _, p := range set.All() {
			all = append(all, newPresetJSON(p))
		}
		for _, b := range set.Broken() {
			all = append(all, presetJSON{Name: b.Name, Own: true, File: b.File, Known: []string{}, Error: b.Error()})
		}
		return cmp.Or(printJSON(c, all), brokenError(set))
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PRESET\tWHAT\tRECOGNISED BY")
	for _, p := range set.All() {
		by, own := p.LooksFor(), ""
		if by == "" {
			by = "only how its command takes a port: " + strings.Join(knownNames(p), ", ")
		}
		if p.Source != "" {
			own = " (your own)"
		}
		fmt.Fprintf(w, "%s\t%s%s\t%s\n", p.Name, p.Title, own, by)
	}
	for _, b := range set.Broken() {
		fmt.Fprintf(w, "%s\t%s\t%v\n", b.Name, "broken (your own)", b)
	}
	w.Flush() // into a Builder, which takes everything
	return cmp.Or(printText(c, b.String()), brokenError(set))
}

// brokenError is what is wrong with presets of the user's; nil if nothing is.
func brokenError(set *presets.Set) error {
	if n := len(set.Broken()); n > 0 {
		return &commandError{code: exitConfig, err: fmt.Errorf("cannot use %s of your own", count(n, "preset")), hint: presetsHint}
	}
	return nil
}

// knownNames are the commands that a preset gives their port, as people type them.
func knownNames(p presets.Preset) []string {
	var names []string
	for _, k := range p.Known {
		words := append(strings.Fields(k.Command), k.Needs...)
		for i, word := range words {
			words[i], _, _ = strings.Cut(word, "|")
		}
		names = append(names, strings.Join(words, " "))
	}
	return names
}

// A presetJSON is what programs are told of a preset.
type presetJSON struct {
	Name   string   `json:"name"`
	Title  string   `json:"title"`
	Own    bool     `json:"own"`
	File   string   `json:"file,omitempty"`
	Known  []string `json:"known"`
	Here   bool     `json:"here"`
	Why    string   `json:"why,omitempty"`
	Line   []string `json:"command,omitempty"`
	Before []string `json:"prepare,omitempty"`
	Notes  []string `json:"notes,omitempty"`
	YAML   string   `json:"yaml,omitempty"`
	Error  string   `json:"error,omitempty"` // why it can't be used
}

func newPresetJSON(p presets.Preset) presetJSON {
	known := knownNames(p)
	if known == nil {
		known = []string{}
	}
	return presetJSON{Name: p.Name, Title: p.Title, Own: p.Source != "", File: p.Source, Known: known}
}

// showPreset shows one: what it does in this folder, and its YAML.
func showPreset(c *cli.Context, set *presets.Set, name string) error {
	p, ok := set.ByName(name)
	found, err := set.Named(name, here())
	if _, broken := errors.AsType[*presets.BrokenError](err); broken || !ok {
		return presetError(err)
	}
	warnOfBroken(c, set)
	if c.Bool("json") {
		shown := newPresetJSON(p)
		shown.YAML = p.Text
		if err == nil {
			shown.Here, shown.Why, shown.Line, shown.Notes = found.Why != "", found.Why, found.Command, found.Notes
			for _, task := range found.Prepare {
				shown.Before = append(shown.Before, commandLine(task.Argv))
			}
		}
		return printJSON(c, shown)
	}
	w := new(strings.Builder)
	fmt.Fprintf(w, "%s\n", lookOf(fileOf(c.App.Writer)).bold(p.Title))
	if err != nil {
		fmt.Fprintf(w, "  here      %s\n", strings.TrimPrefix(err.Error(), "cannot "))
	} else {
		describeFound(w, found)
	}
	if known := knownNames(p); len(known) > 0 {
		fmt.Fprintf(w, "  gives a port to  %s\n", strings.Join(known, ", "))
	}
	w.WriteString("\n" + p.Text)
	return printText(c, w.String())
}

// describeFound says in words what a preset does in this folder.
func describeFound(w io.Writer, f presets.Found) {
	row := func(name, text string) { fmt.Fprintf(w, "  %-9s %s\n", name, text) }
	here := "not recognised; --preset " + f.Preset.Name + " starts it all the same"
	if f.Why != "" {
		here = f.Why
	}
	row("here", here)
	row("command", commandLine(f.Command))
	if f.Said != "" {
		row("", f.Said)
	}
	for _, task := range f.Prepare {
		text := commandLine(task.Argv)
		switch {
		case task.Needless != "":
			text += "   not needed: " + task.Needless
		case task.Changes != "":
			text += "   changes " + task.Changes + ": only with --prepare all"
		case task.Why != "":
			text += "   " + task.Why
		}
		row("first", text)
	}
	for _, name := range slices.Sorted(maps.Keys(f.Settings)) {
		row("setting", name+": "+strings.Join(f.Settings[name], ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(f.Env)) {
		row("env", name+"="+f.Env[name])
	}
	for _, name := range f.Unset {
		row("env", name+" is taken away")
	}
	for _, file := range f.Files {
		row("file", file.Path)
	}
	if len(f.Preset.Writes) > 0 {
		row("writes", strings.Join(f.Preset.Writes, ", "))
	}
	for _, note := range f.Notes {
		row("note", note)
	}
}

// presetCandidates are the presets by name.
func presetCandidates() []candidate {
	var found []candidate
	for _, p := range loadPresets().All() {
		found = append(found, candidate{p.Name, p.Title})
	}
	return found
}
