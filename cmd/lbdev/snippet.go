package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/templates"
)

func snippetCommand() *cli.Command {
	return &cli.Command{
		Name:      "snippet",
		Usage:     "print a view for your app that shows which port served it",
		ArgsUsage: "[SNIPPET]",
		UsageText: `lbdev snippet [SNIPPET] [flags]

lbdev snippet                                 the frameworks that there are
lbdev snippet django                          with comments that say where it goes
lbdev snippet django > shop/served_by.py      into a file
lbdev up --badge -- …                         without a view: lbdev puts the port into a corner of every page`,
		HideHelpCommand: true,
		OnUsageError:    usageError,
		Flags:           []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print JSON"}},
		Action:          snippet,
	}
}

func snippet(c *cli.Context) error {
	switch c.NArg() {
	case 0:
		return listSnippets(c)
	case 1:
	default:
		return &commandError{code: exitUsage, err: fmt.Errorf("cannot understand %q: lbdev snippet takes one framework", c.Args().Get(1)), hint: "lbdev snippet --help"}
	}
	s, err := templates.SnippetFor(c.Args().First())
	if err != nil {
		return &commandError{code: exitUsage, err: err, hint: "lbdev up --badge  shows the port in every page, whatever the framework"}
	}
	if c.Bool("json") {
		return printJSON(c, snippetJSON{s, s.Text()})
	}
	return printText(c, s.Text())
}

// snippetJSON is one with its code.
type snippetJSON struct {
	templates.Snippet
	Text string `json:"text"`
}

func listSnippets(c *cli.Context) error {
	if c.Bool("json") {
		return printJSON(c, templates.Snippets())
	}
	var b strings.Builder
	for _, s := range templates.Snippets() {
		fmt.Fprintf(&b, "%-9s %-12s %s\n", s.Name, s.Title, s.File)
	}
	if err := printText(c, b.String()); err != nil {
		return err
	}
	fmt.Fprintln(c.App.ErrWriter, "lbdev snippet django   prints one")
	return nil
}

func snippetCandidates() []candidate {
	var found []candidate
	for _, s := range templates.Snippets() {
		found = append(found, candidate{s.Name, s.Title})
	}
	return found
}
