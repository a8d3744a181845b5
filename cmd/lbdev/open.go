package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pkg/browser"
	"github.com/urfave/cli/v2"
)

func openCommand() *cli.Command {
	return &cli.Command{
		Name:            "open",
		Usage:           "open the front or the dashboard in a browser",
		ArgsUsage:       "[PATH]",
		UsageText:       "lbdev open [flags] [PATH]\n\nlbdev open              the front\nlbdev open /admin       a page of it\nlbdev open --worker 2   one worker, past the front\nlbdev open --dashboard  the dashboard\nlbdev open --print      only print the URL",
		HideHelpCommand: true,
		OnUsageError:    usageError,
		Flags: remoteFlags(
			&cli.IntFlag{Name: "worker", Aliases: []string{"w"}, Usage: "open the worker with number or port `N` itself"},
			&cli.BoolFlag{Name: "dashboard", Usage: "open the dashboard; its URL has the token that lets in"},
			&cli.BoolFlag{Name: "print", Usage: "print the URL and open nothing"},
		),
		Action: open,
	}
}

func open(c *cli.Context) error {
	r, err := attach(c)
	if err != nil {
		return err
	}
	defer r.Close()
	url, err := r.target(c)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		if err := printJSON(c, map[string]string{"url": url}); err != nil {
			return err
		}
	} else if _, err := fmt.Fprintln(c.App.Writer, url); err != nil {
		return err
	}
	if c.Bool("print") {
		return nil
	}
	browser.Stdout = c.App.ErrWriter // stdout is data
	if err := browser.OpenURL(url); err != nil {
		return &commandError{code: exitFailed, err: fmt.Errorf("cannot open a browser: %w", err), hint: "copy the address above into one"}
	}
	return nil
}

// target is what is to be opened.
func (r *remote) target(c *cli.Context) (string, error) {
	if !c.Bool("dashboard") {
		url, err := r.url(c.Int("worker"))
		return url + "/" + strings.TrimPrefix(c.Args().First(), "/"), err
	}
	if c.Args().Present() || c.IsSet("worker") {
		return "", &commandError{code: exitUsage, err: errors.New("cannot open a part of the dashboard: it is one page"), hint: "lbdev open --dashboard"}
	}
	if r.Info.Dashboard == "" {
		return "", &commandError{code: exitFailed, err: fmt.Errorf("cannot open the dashboard of %s: it has none", r.Now.Name), hint: "start it without  --dashboard off"}
	}
	return r.Info.Dashboard, nil
}

// url is where the front is, or the worker with this number or port.
func (r *remote) url(worker int) (string, error) {
	if worker == 0 {
		return r.frontURL()
	}
	for _, w := range r.Now.Workers {
		if w.Worker == worker || w.Port == worker {
			return fmt.Sprintf("http://127.0.0.1:%d", w.Port), nil
		}
	}
	return "", &commandError{code: exitFailed, err: fmt.Errorf("cannot open worker %d: there is none", worker), hint: "lbdev ps  lists them"}
}

// frontURL is the first address of the front that a browser can open.
func (r *remote) frontURL() (string, error) {
	for _, url := range append([]string{r.Now.Front}, r.Now.Listen...) {
		if strings.HasPrefix(url, "http") {
			return url, nil
		}
	}
	hint := "give lbdev up an address too:  -l 8080"
	if !strings.HasPrefix(r.Now.Front, "unix:") {
		hint = "it is of  lbdev up --mode tcp , and browsers speak HTTP"
	}
	return "", &commandError{code: exitFailed, err: fmt.Errorf("cannot open %s in a browser", r.Now.Front), hint: hint}
}
