package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"
)

// newApp is the command line. Four settings of urfave/cli are not its defaults, because lbdev wraps other commands: no
// help command below up (else "up -- help" prints help), no splitting of -e A=1,B=2 at commas, usage errors as errors
// with exit code 2, and a word for a command that does not exist.
func newApp(stdout, stderr *os.File) *cli.App {
	return &cli.App{
		Name:  "lbdev",
		Usage: "run several copies of your app behind one address and watch who answers",
		UsageText: `lbdev up [flags] [--] COMMAND [ARG…]

Try it:   lbdev up                                   (in a project's folder: it starts what is there)
no app:   lbdev up --sample
Django:   lbdev up -n 4 -- python manage.py runserver
Node:     lbdev up -n 4 -- node server.js            (the port comes as $PORT)
any:      lbdev up -n 4 -- ./server --port {port}`,
		Version:                   version,
		DisableSliceFlagSeparator: true,
		Suggest:                   true,
		Writer:                    stdout,
		ErrWriter:                 stderr,
		OnUsageError:              usageError,
		ExitErrHandler:            func(*cli.Context, error) {}, // run says it and main exits
		Action:                    noCommand,
		Commands:                  withHelp(lookOf(stdout), commands()),
	}
}

// commands are all, in the order in which help shows them.
func commands() []*cli.Command {
	return []*cli.Command{
		upCommand(), demoCommand(), sampleCommand(),
		psCommand(), requestsCommand(), logsCommand(), eventsCommand(), metricsCommand(), waitCommand(), openCommand(),
		killCommand(), stopCommand(), startCommand(), restartCommand(), pauseCommand(), resumeCommand(), drainCommand(), undrainCommand(),
		faultCommand(), scaleCommand(), policyCommand(), weightCommand(), reloadCommand(), downCommand(),
		initCommand(), presetsCommand(), schemaCommand(), exportCommand(), snippetCommand(),
		doctorCommand(), pruneCommand(), trustCommand(), versionCommand(), completionCommand(), completeCommand(), manCommand(),
	}
}

// noCommand is what runs when the first word is no command of ours.
func noCommand(c *cli.Context) error {
	name := c.Args().First()
	if name == "" {
		return cli.ShowAppHelp(c)
	}
	hint := "lbdev --help lists the commands"
	if guess := cli.SuggestCommand(c.App.VisibleCommands(), name); guess != "" {
		hint = guess + " " + hint // "Did you mean …?"
	}
	return &commandError{code: exitUsage, err: fmt.Errorf("cannot find command %q", name), hint: hint}
}

// usageError gives a flag that is not understood its exit code and a way out.
func usageError(c *cli.Context, err error, _ bool) error {
	help := "lbdev --help"
	if c.Command != nil && c.Command.Name != "" && c.Command.Name != "lbdev" {
		help = "lbdev " + c.Command.Name + " --help"
	}
	text := strings.TrimPrefix(err.Error(), "flag provided but not defined: ")
	if text != err.Error() {
		text = "there is no flag " + text
	}
	return &commandError{
		code: exitUsage, err: fmt.Errorf("cannot understand the flags: %s", text),
		hint: help + " lists them; flags of your own command come after --",
	}
}
