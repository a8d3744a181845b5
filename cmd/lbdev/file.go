package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/config"
)

// defaultFile is read when it is there and no other was named.
const defaultFile = "lbdev.yaml"

// A configFile is what lbdev.yaml says; without one it is empty.
type configFile struct {
	*config.File
	applied map[string]bool // the flags whose value came from here
}

// environ is the file's env as NAME=VALUE pairs.
func (f *configFile) environ() []string { return f.Texts("env") }

// apply sets the flags that neither the command line nor the environment has set.
func (f *configFile) apply(c *cli.Context) error {
	f.applied = map[string]bool{}
	for _, k := range config.Keys() {
		if k.Kind == config.Words || k.Kind == config.Names || c.IsSet(k.Name) || !knows(c.Command, k.Name) {
			continue // the command is no flag, and variables are added to those of the flag
		}
		for _, text := range f.Texts(k.Name) {
			if err := c.Set(k.Name, text); err != nil { // of a key whose type is not that of its flag, which a test would see
				return &commandError{code: exitConfig, err: f.Fault(k.Name, err), hint: fileHint}
			}
			f.applied[k.Name] = true
		}
	}
	return nil
}

// knows says whether a command has a flag: lbdev demo has fewer than up, and no use for the rest of a file that is made for up.
func knows(command *cli.Command, flag string) bool {
	return slices.ContainsFunc(command.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), flag) })
}

// blame gives an error about a flag the exit code of a broken config, if the flag's value came from the file.
func (f *configFile) blame(err error) error {
	e, ok := errors.AsType[*commandError](err)
	if !ok || e.code != exitUsage || !f.applied[e.flag] {
		return err
	}
	hint := e.hint
	if strings.HasPrefix(hint, "lbdev up ") {
		hint = "change it in the file, or override it: " + hint
	}
	return &commandError{code: exitConfig, err: f.Fault(e.flag, e.err), hint: hint}
}

const fileHint = "its keys are the long flags of  lbdev up --help  , and command"

// readFile reads the config file that --file names, or lbdev.yaml if there is one; without any it is empty.
func readFile(c *cli.Context) (*configFile, error) {
	name := c.String("file")
	if name == "" {
		name = defaultFile
	}
	data, err := readText(name)
	if errors.Is(err, fs.ErrNotExist) && !c.IsSet("file") {
		return &configFile{File: &config.File{}}, nil
	}
	if err != nil {
		return nil, &commandError{code: exitConfig, err: fmt.Errorf("cannot read config file %q: %w", name, err), hint: "name another with  lbdev up --file FILE …"}
	}
	file, err := config.Parse(name, data)
	if err != nil {
		return nil, &commandError{code: exitConfig, err: err, hint: fileHint}
	}
	return &configFile{File: file}, nil
}
