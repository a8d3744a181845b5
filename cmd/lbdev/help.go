package main

import (
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
)

const (
	// helpWidth is how wide help is where it is not shown on a terminal that is narrower.
	helpWidth = 100
	// helpColumn is where the meanings of flags begin.
	helpColumn = 28
)

// withHelp gives commands a help whose flags stand in their own order, in groups, and in lines that can be read: urfave/cli sorts
// them by the alphabet, and never breaks a line.
func withHelp(l look, commands []*cli.Command) []*cli.Command {
	before, _, _ := strings.Cut(cli.CommandHelpTemplate, "{{if .VisibleFlagCategories}}")
	for _, c := range commands {
		options := strings.ReplaceAll(l.plain().options(c.Flags), "{{", `{{"{{"}}`)
		c.CustomHelpTemplate = before + "\n\nOPTIONS:\n" + options
	}
	return commands
}

// options are the flags as help shows them.
func (l look) options(flags []cli.Flag) string {
	var b strings.Builder
	heading := ""
	for _, f := range flags {
		d, ok := f.(cli.DocGenerationFlag)
		if v, visible := f.(cli.VisibleFlag); !ok || visible && !v.IsVisible() || isHelp(f) {
			continue
		}
		if c, ok := f.(cli.CategorizableFlag); ok && c.GetCategory() != heading {
			if heading == "" {
				l.option(&b, "-h, --help", "show this help")
			}
			heading = c.GetCategory()
			b.WriteString("\n   " + heading + "\n")
		}
		l.option(&b, l.textMarks(flagTerm(d)), l.textMarks(helpMeaning(d)))
	}
	if heading == "" {
		l.option(&b, "-h, --help", "show this help")
	}
	if note := variables(flags); note != "" {
		b.WriteString("\n   " + note + "\n")
	}
	return b.String()
}

// option writes one flag: its meaning beside it, or below it where it is too long for that.
func (l look) option(b *strings.Builder, term, meaning string) {
	width := helpWidth
	if l.width > 0 {
		width = min(width, l.width)
	}
	var text strings.Builder
	l.wrap(&text, helpColumn, width, meaning)
	term = "   " + term
	if n := utf8.RuneCountInString(term); n+2 <= helpColumn {
		b.WriteString(term + strings.TrimPrefix(text.String(), strings.Repeat(" ", n)))
		return
	}
	b.WriteString(term + "\n" + text.String())
}

// helpMeaning is the usage of a flag with its default, unless the usage tells that already.
func helpMeaning(f cli.DocGenerationFlag) string {
	if value := shownDefault(f); value != "" {
		return f.GetUsage() + " (default: " + value + ")"
	}
	return f.GetUsage()
}

// variables says how flags are set by variables. All names follow one rule, so that they need not be listed here; the man page has
// them one by one.
func variables(flags []cli.Flag) string {
	var with []cli.DocGenerationFlag
	for _, f := range flags {
		if d, ok := f.(cli.DocGenerationFlag); ok && len(d.GetEnvVars()) > 0 {
			with = append(with, d)
		}
	}
	switch len(with) {
	case 0:
		return ""
	case 1:
		return "--" + with[0].Names()[0] + " can be set by the variable " + with[0].GetEnvVars()[0] + " too."
	}
	example := with[0]
	return "Most can be set by a variable too, such as " + example.GetEnvVars()[0] + " for --" + example.Names()[0] + "."
}
