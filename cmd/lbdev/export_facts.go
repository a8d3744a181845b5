package main

import (
	"cmp"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/cluster/control"
	"github.com/lbdev/lbdev/templates/export"
)

// factsFor finds out what is to be written down: from the command line if it says anything, else from the running cluster, else from
// the config file.
func factsFor(c *cli.Context) (facts cluster.Export, from string, err error) {
	if len(commandOf(c)) == 0 && !describes(c) {
		r, err := running(c)
		if err != nil {
			return facts, "", err
		}
		if r != nil {
			defer r.Close()
			if facts, err = r.Client.Export(r.ctx); err != nil {
				return facts, "", remoteError(err)
			}
			return facts, fmt.Sprintf("the running cluster %q", facts.Name), nil
		}
	}
	p, err := planUp(c)
	if err != nil {
		return facts, "", forExport(err, c.Args().First())
	}
	from = "the command line"
	if name := cmp.Or(c.String("file"), defaultFile); fileExists(name) {
		from = name
	}
	return p.config.Export(), from, nil
}

// running is the cluster to be written down; nil if none runs. One of another folder is not meant where there is a config file.
func running(c *cli.Context) (*remote, error) {
	r, err := attach(c)
	if c.IsSet("name") {
		return r, err
	}
	if several, ok := errors.AsType[*control.AmbiguousError](err); ok {
		here := func(f control.Found) bool { return startedHere(f.Folder) }
		if fileExists(defaultFile) && !slices.ContainsFunc(several.Clusters, here) {
			return nil, nil
		}
		return nil, err
	}
	if err != nil {
		_, none := errors.AsType[*control.NotFoundError](err)
		_, nowhere := errors.AsType[*control.PlaceError](err) // without a home nothing can be known of running clusters
		if none || nowhere {
			return nil, nil
		}
		return nil, err
	}
	if fileExists(defaultFile) && !startedHere(r.Folder) {
		r.Close()
		return nil, nil
	}
	return r, nil
}

// describes says whether a flag of up was typed that says what a cluster is like. --name alone names one that runs.
func describes(c *cli.Context) bool {
	own := []string{"out", "o", "force", "fragment", "windows", "json", "name"}
	for name := range typedFlags(c) {
		if !slices.Contains(own, name) {
			return true
		}
	}
	return false
}

// forExport makes the hints of an error of up's speak of export.
func forExport(err error, target string) error {
	if e, ok := err.(*commandError); ok {
		e.hint = strings.ReplaceAll(e.hint, "lbdev up", "lbdev export "+target)
		if strings.Contains(e.err.Error(), "no command was given") {
			e.hint = "start the cluster first, or say what it would be:  lbdev export " + target + " -n 4 -- python manage.py runserver"
		}
	}
	return err
}

// clusterFor puts a cluster's facts into the words of package export.
func clusterFor(e cluster.Export) export.Cluster {
	ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
	c := export.Cluster{
		Name: e.Name, Listen: e.Listen, Policy: e.Policy, Sticky: e.Sticky, Cookie: e.Cookie,
		Command: e.Command, Dir: e.Dir, Env: e.Env,
		ReadyPath: e.ReadyPath, HealthPath: e.HealthPath, HealthEvery: ms(e.HealthEvery), HealthWithin: ms(e.HealthWithin),
		HealthFall: e.HealthFall, HealthRise: e.HealthRise, Hold: ms(e.HoldMS), RetryUnsafe: e.RetryUnsafe, MaxBody: e.MaxBody,
		StopSignal: e.StopSignal, StopTimeout: ms(e.StopMS), SlowStart: ms(e.SlowMS),
		TLSCert: e.TLSCert, TLSKey: e.TLSKey, TCP: e.Mode == cluster.ModeTCP, H2C: e.Upstream == cluster.UpstreamH2C,
		Concurrency: e.Concurrency, Redirect: e.Redirect, ProxyHeader: e.ProxyHeader,
		DevServer: devServer(e.Command),
	}
	for _, name := range e.Unsaid {
		c.Unsaid = append(c.Unsaid, "--"+name)
	}
	if e.TLS && c.TLSCert == "" {
		c.TLSCert, c.TLSKey = "cert.pem", "key.pem"
	}
	if len(c.Command) > 0 {
		if path, err := exec.LookPath(c.Command[0]); err == nil && filepath.IsAbs(path) {
			c.Program = path
		}
	}
	for _, w := range e.Workers {
		c.Workers = append(c.Workers, export.Worker{Number: w.Worker, Port: w.Port, Socket: w.Socket, Weight: w.Weight, Backup: w.Backup, Down: w.Down})
	}
	return c
}
