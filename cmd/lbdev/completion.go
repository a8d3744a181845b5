package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/templates"
)

// installs tell, for each shell that has a completion script, how to make it permanent.
var installs = []struct{ shell, how string }{
	{"bash", `echo 'eval "$(lbdev completion bash)"' >> ~/.bashrc`},
	{"zsh", `echo 'source <(lbdev completion zsh)' >> ~/.zshrc   (after compinit)`},
	{"fish", `lbdev completion fish > ~/.config/fish/completions/lbdev.fish`},
	{"powershell", `Add-Content $PROFILE 'lbdev completion powershell | Out-String | Invoke-Expression'`},
}

func completionCommand() *cli.Command {
	var lines []string
	for _, i := range installs {
		lines = append(lines, fmt.Sprintf("%-10s  %s", i.shell, i.how))
	}
	return &cli.Command{
		Name:      "completion",
		Usage:     "print the script that lets your shell complete commands, flags, workers and clusters",
		ArgsUsage: "bash|zsh|fish|powershell",
		Description: `To install it, once; new shells have it then:

` + strings.Join(lines, "\n"),
		HideHelpCommand: true,
		OnUsageError:    usageError,
		Action:          printCompletion,
	}
}

func printCompletion(c *cli.Context) error {
	shell := c.Args().First()
	if c.NArg() != 1 {
		err := errors.New("cannot print a completion script: no shell was given")
		if c.NArg() > 1 {
			err = fmt.Errorf("cannot print more than one completion script: %q", c.Args().Slice())
		}
		return &commandError{code: exitUsage, err: err, hint: completionHint(os.Getenv("SHELL"))}
	}
	script, err := templates.Completion(shell)
	if err != nil {
		return &commandError{code: exitUsage, err: err, hint: completionHint(os.Getenv("SHELL"))}
	}
	_, err = io.WriteString(c.App.Writer, script)
	return err
}

// completionHint guesses the shell: $SHELL is the one that the user logs in with, and mostly the one that is used.
func completionHint(shellPath string) string {
	shell := path.Base(shellPath)
	for _, i := range installs {
		if i.shell == shell {
			return fmt.Sprintf("your shell is %s:  %s", shell, i.how)
		}
	}
	return "name one of bash, zsh, fish and powershell, for example  lbdev completion bash"
}

// completeName is the command that the scripts ask.
const completeName = "__complete"

// completeCommand answers the scripts of lbdev completion:
//
//	lbdev __complete [--new] -- WORD…
//
// The words are those after "lbdev" up to the cursor; the last one is being completed, and is empty where a new one would
// begin. With --new it is left out, for shells that can't pass an empty argument. Each line of the answer is a candidate for
// the whole last word, a tab, and what it is. A line that begins with a tab is no candidate but tells the shell to complete
// by itself: files, folders, or "command N", a command of the user's that begins with word N (from 0).
//
// It says nothing on stderr and always succeeds: whatever goes wrong, nobody wants to read of it while typing.
func completeCommand() *cli.Command {
	return &cli.Command{
		Name:            completeName,
		Usage:           "answer a completion script",
		Hidden:          true,
		HideHelp:        true,
		SkipFlagParsing: true,
		Action: func(c *cli.Context) error {
			options, words := splitAtDashes(c.Args().Slice())
			if slices.Contains(options, "--new") {
				words = append(words, "")
			}
			complete := completer{app: c.App, look: askRunning{name: os.Getenv("LBDEV_NAME")}}
			complete.answer(words).print(c.App.Writer)
			return nil
		},
	}
}

// splitAtDashes parts what is before the first "--" from what is after it.
func splitAtDashes(args []string) (before, after []string) {
	if i := slices.Index(args, "--"); i >= 0 {
		return args[:i], args[i+1:]
	}
	return args, nil
}

// print writes an answer in the form that the scripts read.
func (a offer) print(w io.Writer) {
	out := bufio.NewWriter(w)
	defer out.Flush() // its error is a shell that has gone
	for _, c := range a.candidates {
		if c.value != printable(c.value) {
			continue // a name with control characters can be neither shown nor typed
		}
		fmt.Fprintf(out, "%s\t%s\n", c.value, aboutLine(c.about))
	}
	if a.rule != "" {
		fmt.Fprintf(out, "\t%s\n", a.rule)
	}
}

// aboutLine is a description without what a terminal would not show as text.
func aboutLine(text string) string {
	text, _, _ = strings.Cut(strings.ReplaceAll(text, "`", ""), "\n")
	if !speaksUTF8() {
		text = strings.ReplaceAll(text, unicodeSigns.ellipsis, asciiSigns.ellipsis)
	}
	return printable(text)
}
