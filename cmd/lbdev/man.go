package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"

	"github.com/urfave/cli/v2"
)

func manCommand() *cli.Command {
	return &cli.Command{
		Name:  "man",
		Usage: "show the manual, or print it as a man page",
		UsageText: `lbdev man

lbdev man                     read it here
lbdev man > lbdev.1           the man page itself (roff)`,
		Description: `On a terminal the manual is shown by man(1), or as text where that is not installed.
Into a file or a pipe it is written as a man page.`,
		HideHelpCommand: true,
		OnUsageError:    usageError,
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return &commandError{code: exitUsage, err: fmt.Errorf("cannot show a manual of %q: there is one for all of lbdev", c.Args().First()), hint: "lbdev man"}
			}
			return showManual(c.App, c.App.Writer.(*os.File))
		},
	}
}

// showManual keeps stdout what it is for everyone else, data: the man page. People at a terminal get it formatted.
func showManual(app *cli.App, stdout *os.File) error {
	look, page := lookOf(stdout), manualOf(app)
	if !look.tty {
		_, err := io.WriteString(stdout, page.roff(buildVersion().Version, buildDate()))
		return err
	}
	if err := readInMan(page, stdout); err == nil {
		return nil
	}
	_, err := io.WriteString(stdout, page.text(look))
	return err
}

// readInMan has man(1) show the page, from a file: unlike "-l -", every man takes a name with a slash in it.
func readInMan(page *manual, stdout *os.File) error {
	program, err := exec.LookPath("man")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "lbdev-man-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "lbdev.1")
	if err := os.WriteFile(file, []byte(page.roff(buildVersion().Version, buildDate())), 0o644); err != nil {
		return err
	}
	// Ctrl-C belongs to the pager while it runs.
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	cmd := exec.Command(program, file)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, stdout, io.Discard
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && !exit.Exited() {
		return nil // whoever has ended the pager does not want the text once more
	}
	return err
}
