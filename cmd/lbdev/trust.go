package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/smallstep/truststore"
	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster/localca"
)

func trustCommand() *cli.Command {
	return &cli.Command{
		Name:  "trust",
		Usage: "have this machine's browsers believe the certificates of  lbdev up --tls",
		UsageText: `lbdev trust [flags]

lbdev trust            puts lbdev's own CA into the system's trust store, and into those of Firefox and Chromium
lbdev trust --remove   takes it out again
lbdev trust --print    only prints the path of its certificate, for  curl --cacert`,
		Description: `The CA is made at the first use of --tls or of this command. Its key stays in your data folder, where only you can read
it, and it vouches for nothing but this machine, local names (localhost, local, test, internal, home.arpa, lan) and private
addresses. The system's store is changed by its own program, with sudo where there is one.`,
		HideHelpCommand: true,
		OnUsageError:    usageError,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "remove", Usage: "take it out of the trust stores"},
			&cli.BoolFlag{Name: "print", Usage: "change nothing and print the path of the CA's certificate"},
			&cli.BoolFlag{Name: "json", Usage: "print JSON"},
		},
		Action: trust,
	}
}

// A trustStore is a place where programs look up whom they believe.
type trustStore struct {
	name    string
	install func(*x509.Certificate) error
	remove  func(*x509.Certificate) error
	missing string // why it is left out; empty if it is not
}

// A trustResult is what was done, as JSON shows it.
type trustResult struct {
	CA     string        `json:"ca"` // the path of its certificate; empty if there is none
	Stores []storeResult `json:"stores"`
}

type storeResult struct {
	Store string `json:"store"`
	Done  bool   `json:"done"`
	Why   string `json:"why,omitempty"` // it is not
}

func trust(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	if c.Bool("remove") && c.Bool("print") {
		return &commandError{code: exitUsage, err: errors.New("cannot print and remove: it is one or the other"), hint: "lbdev trust --remove"}
	}
	dir, err := caDir()
	if err != nil {
		return err
	}
	open := localca.Open
	if c.Bool("remove") {
		open = localca.Find
	}
	ca, err := open(dir)
	result := trustResult{Stores: []storeResult{}}
	switch {
	case c.Bool("remove") && errors.Is(err, fs.ErrNotExist):
		return result.print(c, "there is no CA of lbdev's, and so nothing to remove")
	case err != nil:
		return &commandError{code: exitFailed, err: err, hint: "remove that folder to begin anew"}
	}
	result.CA = ca.File()
	if c.Bool("print") {
		return result.print(c, ca.File())
	}
	return changeTrust(c, ca, trustStores(), &result)
}

// changeTrust goes through the stores. One that fails keeps no other from being changed.
func changeTrust(c *cli.Context, ca *localca.Authority, stores []trustStore, result *trustResult) error {
	talk, doing, done := c.App.ErrWriter, "adding it to", "it is in"
	if c.Bool("remove") {
		doing, done = "removing it from", "it is out of"
	}
	fmt.Fprintf(talk, "lbdev's CA is %s\n", ca.File())
	var failed []error
	for _, s := range stores {
		r := storeResult{Store: s.name, Why: s.missing}
		if s.missing == "" {
			fmt.Fprintf(talk, "%s %s …\n", doing, s.name)
			err := s.change(ca.Certificate(), c.Bool("remove"))
			if err != nil {
				r.Why = err.Error()
				failed = append(failed, fmt.Errorf("cannot change %s: %w", s.name, err))
			}
			r.Done = err == nil
		}
		result.Stores = append(result.Stores, r)
	}
	var lines []string
	for _, r := range result.Stores {
		switch {
		case r.Done:
			lines = append(lines, done+" "+r.Store)
		default:
			lines = append(lines, "left out: "+r.Store+": "+r.Why)
		}
	}
	if !c.Bool("remove") {
		lines = append(lines, "programs that run have to be started again to see it; take it back with  lbdev trust --remove")
	}
	if err := result.print(c, strings.Join(lines, "\n")); err != nil {
		return err
	}
	if len(failed) > 0 {
		return &commandError{code: exitFailed, err: errors.Join(failed...), hint: "add it by hand: " + ca.File()}
	}
	return nil
}

func (s *trustStore) change(cert *x509.Certificate, remove bool) error {
	change := s.install
	if remove {
		change = s.remove
	}
	err := change(cert)
	if command, ok := errors.AsType[*truststore.CmdError](err); ok {
		if said := strings.TrimSpace(string(command.Out())); said != "" {
			return fmt.Errorf("%w: %s", err, said)
		}
	}
	return err
}

func (r *trustResult) print(c *cli.Context, text string) error {
	if c.Bool("json") {
		return printJSON(c, r)
	}
	_, err := io.WriteString(c.App.Writer, text+"\n")
	return err
}

// trustStores are those of this machine.
func trustStores() []trustStore {
	system := trustStore{
		name:    "the system's trust store",
		install: func(cert *x509.Certificate) error { return truststore.Install(cert) },
		remove:  func(cert *x509.Certificate) error { return truststore.Uninstall(cert) },
	}
	browsers := trustStore{name: "the trust store of Firefox and Chromium"}
	nss, err := truststore.NewNSSTrust()
	switch {
	case errors.Is(err, truststore.ErrTrustNotSupported): // they use the system's
		return []trustStore{system}
	case err != nil:
		browsers.missing = "the program certutil is not there (Debian: libnss3-tools, Fedora: nss-tools, Homebrew: nss)"
	case nss.PreCheck() != nil:
		browsers.missing = "no profile of theirs was found"
	}
	only := []truststore.Option{truststore.WithNoSystem(), truststore.WithTrust(nss)}
	browsers.install = func(cert *x509.Certificate) error { return truststore.Install(cert, only...) }
	browsers.remove = func(cert *x509.Certificate) error { return truststore.Uninstall(cert, only...) }
	return []trustStore{system, browsers}
}
