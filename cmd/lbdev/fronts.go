package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/fronts"
	"github.com/lbdev/lbdev/templates/export"
)

// ownFront is what --front calls lbdev itself.
const ownFront = "lbdev"

const frontHint = "lbdev up --front nginx …  or leave it off; lbdev export  shows what each program would be told"

// planFront finds the program that is to be the front, and refuses what it cannot do.
func (p *plan) planFront(c *cli.Context) error {
	name := c.String("front")
	if name == "" || name == ownFront {
		return nil
	}
	program, err := fronts.Find(name, os.Environ())
	missing, isMissing := errors.AsType[*fronts.MissingError](err)
	switch {
	case isMissing:
		return &commandError{code: exitFailed, err: err, hint: installHint(name, missing), flag: "front"}
	case errors.Is(err, fronts.ErrUnsupported):
		return &commandError{code: exitFailed, err: err, hint: "lbdev export " + name + "  writes a configuration for it, to run it by hand", flag: "front"}
	case err != nil:
		return &commandError{code: exitUsage, err: err, hint: frontHint, flag: "front"}
	}
	if c.Bool("tls") && c.String("tls-cert") == "" {
		return &commandError{
			code: exitUsage, err: fmt.Errorf("cannot use a certificate of lbdev's own CA with %s as the front", name), hint: "bring one in files:  --tls-cert FILE --tls-key FILE", flag: "tls",
		}
	}
	if c.IsSet("hold") && name != "caddy" {
		p.notes = append(p.notes, program.Title+" does not hold requests: --hold does nothing")
	}
	if c.IsSet("health-path") && name == "nginx" {
		p.notes = append(p.notes, "nginx itself checks no workers: --health-path shows who is ill, and nginx asks them all the same")
	}
	p.program = program
	p.config.Front = &cluster.OtherFront{Name: name, Version: program.Version}
	return nil
}

// installHint says how this system gets a program.
func installHint(name string, missing *fronts.MissingError) string {
	packages := map[string]map[string]string{
		"apt-get": {"apache": "apache2"},
		"dnf":     {"apache": "httpd"},
		"pacman":  {"apache": "apache"},
		"zypper":  {"apache": "apache2"},
		"apk":     {"apache": "apache2"},
		"brew":    {"apache": "httpd"},
	}
	commands := [][2]string{
		{"apt-get", "sudo apt-get install "}, {"dnf", "sudo dnf install "}, {"pacman", "sudo pacman -S "}, {"zypper", "sudo zypper install "}, {"apk", "sudo apk add "},
		{"brew", "brew install "},
	}
	if runtime.GOOS == "darwin" {
		slices.Reverse(commands)
	}
	for _, command := range commands {
		if _, err := exec.LookPath(command[0]); err == nil {
			what := name
			if other := packages[command[0]][name]; other != "" {
				what = other
			}
			return "install it:  " + command[1] + what
		}
	}
	return fmt.Sprintf("install %s, and have its folder in PATH", missing.Name)
}

// A otherFront is a program as a cluster's front: it puts the cluster's plans into the words of the exports.
type otherFront struct {
	*fronts.Runner
	name string
	base export.Cluster
}

// prepareFront gives the cluster the means to run the program.
func (s *session) prepareFront() {
	program, other := s.plan.program, s.plan.config.Front
	if other == nil {
		return
	}
	other.Make = func(told cluster.FrontTold) cluster.Front {
		return &otherFront{name: program.Name, base: clusterFor(s.plan.config.Export()), Runner: fronts.New(fronts.Config{
			Program: program, Dir: s.frontDir, Observed: told.Observed, Said: told.Said,
			Is: func(state fronts.State, why string) {
				told.Is(cluster.FrontProgram{
					Name: program.Name, Version: program.Version, PID: state.PID, State: cluster.FrontProgramState(state.Name), Restarts: state.Restarts,
				}, why)
			},
		})}
	}
}

// frontDir is the program's part of the folder of this run.
func (s *session) frontDir() (string, error) {
	folder, err := s.private()
	return filepath.Join(folder, "front"), err
}

func (o *otherFront) cluster(p cluster.FrontPlan) export.Cluster {
	c := o.base
	c.Listen, c.Cookie, c.Workers = p.Listen, p.Cookie, nil
	c.Policy, c.Sticky, c.SlowStart = p.Policy, p.Sticky, p.SlowStart
	for _, w := range p.Workers {
		c.Workers = append(c.Workers, export.Worker{Number: w.Number, Port: w.Port, Socket: w.Socket, Weight: w.Weight, Backup: w.Backup, Down: w.Down})
	}
	return c
}

// Refuse asks the export whether it could be written down. A slow start is only a note there, but what does nothing must not look as if it
// did.
func (o *otherFront) Refuse(b cluster.Balanced) error {
	if b.SlowStart > 0 && o.name != "haproxy" {
		return fmt.Errorf("cannot let the share of a new process grow with %s as the front", o.name)
	}
	c := o.cluster(cluster.FrontPlan{
		Listen: []string{"127.0.0.1:8080"}, Workers: []cluster.FrontWorker{{Number: 1, Port: 8000, Weight: 1}}, Balanced: b, Cookie: "lbdev",
	})
	_, err := export.Fragment(o.name, c, export.Options{})
	return err
}

func (o *otherFront) Follow(ctx context.Context, p cluster.FrontPlan) (<-chan struct{}, error) {
	return o.Runner.Follow(ctx, o.cluster(p))
}

// frontTitle is what the header says of the front's program; empty = it is lbdev.
func (s *session) frontTitle() string {
	if s.plan.program == nil {
		return ""
	}
	return strings.TrimSpace(s.plan.program.Title + " " + s.plan.program.Version)
}
