package main

import (
	"errors"
	"net/http"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster/control"
)

func reloadCommand() *cli.Command {
	return &cli.Command{
		Name:  "reload",
		Usage: "have a running cluster read lbdev.yaml again",
		UsageText: `lbdev reload [flags]

lbdev reload           applies what has changed, and says what needs a new start
lbdev reload --json    the same for a script`,
		Description: `lbdev up does it by itself when the file changes, unless it was started with --reload=false. No request is lost: how requests
are shared out, how many workers there are, how long requests are held and the badge change while they run; for another
command, environment, readiness, health check or way to stop, the workers are restarted one by one. If the first does not
come back, all goes on as before. Addresses, TLS, names and log files count after lbdev is started again.

Flags and LBDEV_… variables of lbdev up count more than the file, as they did at the start. A broken file changes nothing.
The exit code is 3 if the file is broken.`,
		HideHelpCommand: true,
		OnUsageError:    usageError,
		Flags:           remoteFlags(),
		Action:          reload,
	}
}

func reload(c *cli.Context) error {
	r, err := attachAlone(c)
	if err != nil {
		return err
	}
	defer r.Close()
	done, err := r.Reload(r.ctx)
	if refused, ok := errors.AsType[*control.APIError](err); ok && refused.Status == http.StatusUnprocessableEntity {
		return &commandError{code: exitConfig, err: err, hint: refused.Hint}
	}
	if err != nil {
		return remoteError(err)
	}
	if c.Bool("json") {
		return printJSON(c, done)
	}
	return printText(c, strings.Join(reloadedText(done), "\n")+"\n")
}

// reloadedText says what became of the file.
func reloadedText(done control.Reloaded) []string {
	var lines []string
	if len(done.Applied) > 0 {
		lines = append(lines, isNow(done.Applied, "counts now", "count now"))
	}
	if done.Restarted {
		lines = append(lines, "the workers were restarted one by one")
	}
	if len(done.Needs) > 0 {
		lines = append(lines, needsText(done.Needs))
	}
	switch {
	case done.File == "":
		return []string{"there is no lbdev.yaml"}
	case len(lines) == 0:
		return []string{"nothing in " + done.File + " has changed"}
	}
	return lines
}

func isNow(keys []string, one, several string) string {
	if len(keys) == 1 {
		return keys[0] + " " + one
	}
	return strings.Join(keys, ", ") + " " + several
}

func needsText(keys []string) string {
	return isNow(keys, "changed; it counts after lbdev is started again", "changed; they count after lbdev is started again")
}
