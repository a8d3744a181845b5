package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/config"
	"github.com/lbdev/lbdev/templates/presets"
)

func initCommand() *cli.Command {
	return &cli.Command{
		Name:      "init",
		Usage:     "write an lbdev.yaml for the project in this folder",
		ArgsUsage: "[[--] COMMAND [ARG…]]",
		UsageText: `lbdev init [flags] [[--] COMMAND [ARG…]]

lbdev init                                     recognises the project
lbdev init -- python manage.py runserver       for a command of your own
lbdev init --preset flask                      as what you say it is
lbdev init --stdout | less                     prints it only`,
		Description: `The file has what is run, and every setting with its default and what it does, as a comment. Nothing changes by it: lbdev
up does the same with the file as without, until you change something in it. A file that is there is left alone.`,
		HideHelpCommand: true,
		OnUsageError:    usageError,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "preset", Usage: "the project is what `PRESET` knows (default: what is recognised)"},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Value: defaultFile, Usage: "write it to `FILE`"},
			&cli.BoolFlag{Name: "stdout", Usage: "print it instead"},
			&cli.BoolFlag{Name: "force", Usage: "replace a file that is there"},
		},
		Action: initFile,
	}
}

func initFile(c *cli.Context) error {
	d, err := newDraft(c)
	if err != nil {
		return err
	}
	text := d.text()
	if c.Bool("stdout") {
		return printText(c, text)
	}
	name := c.String("output")
	if err := writeNew(name, text, c.Bool("force")); err != nil {
		return err
	}
	next := "lbdev up"
	if name != defaultFile {
		next += " --file " + quoted(name)
	}
	lines := append([]string{"wrote " + name}, d.remarks()...)
	lines = append(lines, "next:  "+next+"      its settings as they count:  "+next+" --print-config")
	return printText(c, strings.Join(lines, "\n")+"\n")
}

// writeNew writes a file. One that is there is replaced only by force.
func writeNew(name, text string, force bool) error {
	err := placeFile(name, text, force)
	if errors.Is(err, fs.ErrExist) {
		return &commandError{
			code: exitFailed, err: fmt.Errorf("cannot write %q: it is there already", name),
			hint: "lbdev init --stdout  shows what would be written,  --force  replaces the file",
		}
	}
	if err != nil {
		return &commandError{code: exitFailed, err: fmt.Errorf("cannot write %q: %w", name, bare(err)), hint: "choose another file:  lbdev init -o FILE"}
	}
	return nil
}

// A draft is an lbdev.yaml to be written.
type draft struct {
	command []string       // as it was typed; nil = the preset has one
	found   *presets.Found // nil = no preset knows the command
}

// newDraft finds out what the file is for.
func newDraft(c *cli.Context) (*draft, error) {
	d := &draft{command: commandOf(c)}
	set, place, asked := loadPresets(), here(), c.String("preset")
	var found presets.Found
	var err error
	switch {
	case len(d.command) > 0 && asked != "":
		return nil, &commandError{
			code: exitUsage, err: fmt.Errorf("cannot write both %q and preset %q into the file", d.command[0], asked), hint: "lbdev init -- COMMAND   or  lbdev init --preset PRESET",
		}
	case len(d.command) > 0:
		warnOfBroken(c, set)
		if found, ok := set.Complete(d.command, place); ok {
			d.found = &found
		}
		return d, nil
	case asked != "":
		found, err = set.Named(asked, place)
	default:
		found, err = set.Recognise(place)
	}
	if none, ok := errors.AsType[*presets.NotRecognised](err); ok {
		err = fmt.Errorf("%w\nlooked for %s", err, strings.Join(none.Looked, ", "))
		return nil, &commandError{code: exitUsage, err: err, hint: "name the command:  lbdev init -- python manage.py runserver"}
	}
	if err != nil {
		return nil, presetError(err)
	}
	warnOfBroken(c, set)
	d.found = &found
	return d, nil
}

// remarks are what people are told of what was recognised.
func (d *draft) remarks() []string {
	f := d.found
	switch {
	case f == nil:
		return []string{"  command   " + commandLine(d.command)}
	case len(d.command) > 0:
		return []string{"  command   " + commandLine(d.command), "            " + f.Preset.Title + ": " + f.Said}
	}
	lines := []string{"  project   " + f.Preset.Title, "  command   " + commandLine(f.Command)}
	if f.Why != "" {
		lines[0] += ": " + f.Why
	}
	for _, o := range f.Others {
		lines = append(lines, fmt.Sprintf("  it could be %s too (%s):  lbdev init --preset %s", o.Title, o.Why, o.Name))
	}
	return lines
}

const (
	// fileWidth is how wide the comments of the file are.
	fileWidth = 96
	fileHead  = `# yaml-language-server: $schema=` + config.SchemaAddress + `
# The line above has editors complete and check this file. Without a net make it $schema=.lbdev.schema.json
# and run  lbdev schema > .lbdev.schema.json
#
# Settings of  lbdev up  in this folder. Those in comments show their default or, where there is none, an
# example. Flags and LBDEV_… variables count more than this file;  lbdev up --print-config  shows what
# counts. A change takes effect while lbdev runs.
`
)

// text is the file.
func (d *draft) text() string {
	var b strings.Builder
	b.WriteString(fileHead)
	d.writeCommand(&b)
	groups, heading := fileGroups(), ""
	for _, k := range config.Keys() {
		if slices.Contains([]string{"command", "preset"}, k.Name) {
			continue
		}
		if g := groups[k.Name]; g != heading {
			heading = g
			b.WriteString("\n# ---- " + g + " ----\n")
		}
		d.writeKey(&b, k)
	}
	return b.String()
}

// writeCommand writes what is run: a command that was typed, or the preset, which finds the command on every machine.
func (d *draft) writeCommand(b *strings.Builder) {
	b.WriteString("\n")
	switch f := d.found; {
	case len(d.command) > 0:
		comment(b, "What is run for each worker. {port} is the worker's port, which it has as $PORT, too.")
		if f != nil && f.Said != "" {
			comment(b, f.Preset.Title+": "+f.Said+".")
		}
		b.WriteString("command: " + config.Format(d.command) + "\n")
	default:
		why := f.Preset.Title
		if f.Why != "" {
			why += ": " + f.Why
		}
		comment(b, "What is run for each worker. This is "+why+".")
		b.WriteString("preset: " + config.Quote(f.Preset.Name) + "\n")
		comment(b, "It runs the following here. For a command of your own take the # away; {port} is the worker's port.")
		b.WriteString("# command: " + config.Format(f.Command) + "\n")
		for _, note := range f.Notes {
			comment(b, "Note: "+note)
		}
	}
}

// writeKey writes one setting and what it does.
func (d *draft) writeKey(b *strings.Builder, k config.Key) {
	a := aboutKey(k.Name)
	value, help := k.Example, a.Help
	if a.Default != nil {
		value = config.Format(a.Default)
	}
	if d.found != nil && len(d.command) == 0 && len(d.found.Settings[k.Name]) > 0 {
		value = settingText(k, d.found.Settings[k.Name])
		help += " (here from the preset)"
	}
	b.WriteString("\n")
	comment(b, help)
	if k.Name == "workers" {
		b.WriteString("workers: " + value + "\n")
		return
	}
	b.WriteString("# " + k.Name + ": " + value + "\n")
}

// settingText is a preset's setting as it stands in a file.
func settingText(k config.Key, values []string) string {
	switch k.Kind {
	case config.Several:
		return config.Format(values)
	case config.Whole, config.Truth, config.Time, config.Size:
		return values[0]
	}
	return config.Quote(values[0])
}

// comment writes a text as comments of a readable width.
func comment(b *strings.Builder, text string) {
	line := "#"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > fileWidth && line != "#" {
			b.WriteString(line + "\n")
			line = "#"
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}
