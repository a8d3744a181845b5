package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster/control"
)

// What the commands have in common that act on a cluster which runs in another terminal.

// remoteFlags are the flags of every such command, before its own.
func remoteFlags(own ...cli.Flag) []cli.Flag {
	return append([]cli.Flag{
		&cli.StringFlag{Name: "name", Usage: "the cluster's `NAME` (default: the one started from this folder, else the only one that runs)", EnvVars: []string{"LBDEV_NAME"}},
		&cli.BoolFlag{Name: "json", Usage: "print JSON"},
	}, own...)
}

// A remote is a running cluster as a command sees it.
type remote struct {
	control.Found
	*control.Client
	ctx context.Context
	out look
}

// attach finds the cluster that is meant. Close the remote.
func attach(c *cli.Context) (*remote, error) {
	dir, err := control.Default()
	if err != nil {
		return nil, remoteError(err)
	}
	folder, _ := os.Getwd() // without it the only one that runs is meant
	found, err := dir.Find(c.Context, c.String("name"), folder)
	if err != nil {
		return nil, remoteError(err)
	}
	if found.Status == control.Silent {
		return nil, &commandError{
			code: exitFailed, err: &silentError{fmt.Sprintf("cannot reach cluster %q (pid %d): %s", found.Name, found.PID, found.Why), found.PID == 0},
			hint: "is it stopped (Ctrl-Z)? Bring it to the foreground in its terminal with  fg",
		}
	}
	return &remote{Found: found, Client: found.Client(), ctx: c.Context, out: lookOf(fileOf(c.App.Writer))}, nil
}

// attachAlone is attach for a command that takes no arguments.
func attachAlone(c *cli.Context) (*remote, error) {
	if err := noArguments(c); err != nil {
		return nil, err
	}
	return attach(c)
}

// remoteError adds to an error of package control its exit code and what to do.
func remoteError(err error) error {
	if e, ok := errors.AsType[*control.NotFoundError](err); ok {
		hint := "start one:  lbdev up -- COMMAND   or  lbdev up --sample"
		if len(e.Clusters) > 0 {
			hint = "name it:  --name " + quoted(e.Clusters[0].Name)
		}
		return &commandError{code: exitFailed, err: err, hint: hint}
	}
	if e, ok := errors.AsType[*control.AmbiguousError](err); ok {
		return &commandError{code: exitFailed, err: err, hint: "name one:  --name " + quoted(e.Clusters[0].Name) + "  ; lbdev ps --all  shows them"}
	}
	if e, ok := errors.AsType[*control.PlaceError](err); ok {
		return &commandError{code: exitFailed, err: err, hint: e.Hint}
	}
	if e, ok := errors.AsType[*control.APIError](err); ok {
		switch { // hints of the API are for those who call it
		case e.Status == http.StatusNotFound:
			e.Hint = "lbdev ps  lists the workers"
		case strings.Contains(e.Message, "cannot use since"):
			e.Hint = "--since takes a time ago, such as 10m, or a moment, such as 2026-01-31T12:00:00Z"
		}
		return &commandError{code: exitFailed, err: err, hint: e.Hint}
	}
	return err
}

// quoted is a word as people could type it.
func quoted(word string) string { return commandLine([]string{word}) }

// workersOf is the list of workers that the arguments name: numbers, ports or all, with spaces or commas between.
func workersOf(c *cli.Context) (string, error) {
	if c.NArg() == 0 {
		verb := c.Command.Name
		return "", &commandError{
			code: exitUsage, err: fmt.Errorf("cannot %s a worker: none was named", verb),
			hint: fmt.Sprintf("by number or port, several or all:  lbdev %s 2   lbdev %s 8001 8003   lbdev %s all", verb, verb, verb),
		}
	}
	return strings.Join(c.Args().Slice(), ","), nil
}

// noArguments refuses words that a command has no use for.
func noArguments(c *cli.Context) error {
	if c.NArg() == 0 {
		return nil
	}
	return &commandError{
		code: exitUsage, err: fmt.Errorf("cannot understand %q: lbdev %s takes no arguments", c.Args().First(), c.Command.Name),
		hint: "lbdev " + c.Command.Name + " --help",
	}
}

// printJSON prints a value as one line.
func printJSON(c *cli.Context, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return printText(c, string(text)+"\n")
}

// printText prints what a command was asked for.
func printText(c *cli.Context, text string) error {
	if _, err := io.WriteString(c.App.Writer, text); err != nil {
		return fmt.Errorf("cannot write the output: %w", bare(err))
	}
	return nil
}

// fileOf is the file that the app writes to; newApp is given one.
func fileOf(w io.Writer) *os.File { return w.(*os.File) }

// A silentError says that a cluster does not answer. One that is starting has not said who it is: its front's program may take a while.
type silentError struct {
	text     string
	starting bool
}

func (e *silentError) Error() string { return e.text }
