package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster/control"
	"github.com/lbdev/lbdev/proxy/balance"
)

func policyCommand() *cli.Command {
	return &cli.Command{
		Name:      "policy",
		Usage:     "show or change the rule that chooses a worker",
		ArgsUsage: "[POLICY]",
		UsageText: `lbdev policy [flags] [POLICY]

lbdev policy                                shows it
lbdev policy least-conn                     changes it; no request and no connection is lost
lbdev policy cookie-hash:session            by the value of a cookie
lbdev policy --sticky cookie                clients stay at the worker that served them first
lbdev policy round-robin --slow-start 10s   a new process gets its share bit by bit`,
		Description:     policyHelp(),
		HideHelpCommand: true,
		OnUsageError:    usageError,
		Flags: remoteFlags(
			&cli.StringFlag{Name: "sticky", Usage: "keep clients at a worker by `KIND`: off, cookie, cookie:NAME, route:NAME"},
			&cli.DurationFlag{Name: "slow-start", Usage: "let the share of a new process grow for `TIME`; 0 for not"},
		),
		Action: policy,
	}
}

// policyHelp lists the policies.
func policyHelp() string {
	var b strings.Builder
	for _, r := range balance.Rules() {
		fmt.Fprintf(&b, "%-18s %s\n", r.Name, r.What)
	}
	b.WriteString("\nlbdev requests --why  says for each request why it went to its worker.")
	return b.String()
}

func policy(c *cli.Context) error {
	change := control.Policy{Policy: c.Args().First(), Sticky: c.String("sticky")}
	if c.IsSet("slow-start") {
		change.SlowStart = c.Duration("slow-start").String()
	}
	if err := checkPolicy(c, change); err != nil {
		return err
	}
	r, err := attach(c)
	if err != nil {
		return err
	}
	defer r.Close()
	if change != (control.Policy{}) {
		if _, err := r.Policy(r.ctx, change); err != nil {
			return remoteError(err)
		}
	}
	now, err := r.Client.Cluster(r.ctx)
	if err != nil {
		return remoteError(err)
	}
	if c.Bool("json") {
		return printJSON(c, control.NewPolicy(now.Balanced()))
	}
	_, err = fmt.Fprintln(c.App.Writer, now.Balanced())
	return err
}

// checkPolicy finds what is wrong before anybody is asked.
func checkPolicy(c *cli.Context, change control.Policy) error {
	usage := func(err error, hint string) error { return &commandError{code: exitUsage, err: err, hint: hint} }
	if c.NArg() > 1 {
		return usage(fmt.Errorf("cannot use policy %q: it must be one word", strings.Join(c.Args().Slice(), " ")), "lbdev policy least-conn")
	}
	if change.Policy != "" || c.NArg() > 0 {
		if _, err := balance.New(change.Policy); err != nil {
			return usage(err, "lbdev policy --help  says what each does")
		}
	}
	if _, err := balance.NewSticky(change.Sticky, ""); err != nil {
		return usage(err, "lbdev policy --sticky cookie")
	}
	if d := c.Duration("slow-start"); d < 0 {
		return usage(fmt.Errorf("cannot start slowly for %v: the time must be 0 or more", d), "lbdev policy --slow-start 10s")
	}
	return nil
}

// policyCandidates are the policies, those that need a name with one.
func policyCandidates() []candidate {
	var found []candidate
	for _, r := range balance.Rules() {
		found = append(found, candidate{strings.NewReplacer("header-hash:NAME", "header-hash:X-User", "cookie-hash:NAME", "cookie-hash:session").Replace(r.Name), r.What})
	}
	return found
}
