package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/config"
	"github.com/lbdev/lbdev/templates/presets"
)

// A choice is what is run and how lbdev came to it.
type choice struct {
	argv    []string       // as it was typed, or as the file or the preset has it
	found   *presets.Found // the preset that goes with it; nil = none
	chosen  bool           // the preset's command is run, not a typed one
	applied []string       // the settings that come from it
}

// presetFolder is where users keep presets of their own.
func presetFolder() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("cannot find the folder for presets of your own: %w", err)
	}
	return filepath.Join(dir, "lbdev", "presets"), nil
}

// loadPresets loads lbdev's presets and the user's.
func loadPresets() *presets.Set {
	dir, _ := presetFolder() // without a home there are none
	return presets.Load(dir, settingNames())
}

// warnOfBroken tells of presets of the user's that could not be used, where nothing depends on them.
func warnOfBroken(c *cli.Context, set *presets.Set) {
	for _, b := range set.Broken() {
		fmt.Fprintf(c.App.ErrWriter, "lbdev: warning: left out: %v\n", b)
	}
}

// settingNames are the keys of lbdev.yaml that a preset may set: all but those that say what is run.
func settingNames() []string {
	var names []string
	for _, k := range config.Keys() {
		if !slices.Contains([]string{"command", "env", "preset", "prepare", "name", "json"}, k.Name) {
			names = append(names, k.Name)
		}
	}
	return names
}

const presetsHint = "correct the file, or move it away;  lbdev presets --path  says where they are"

// presetError gives an error about presets its exit code and a hint.
func presetError(err error) error {
	if unknown, ok := errors.AsType[*presets.UnknownPreset](err); ok {
		hint := "lbdev presets  lists them"
		if unknown.Near != "" {
			hint = fmt.Sprintf("did you mean %s? %s", unknown.Near, hint)
		}
		return &commandError{code: exitUsage, err: err, hint: hint, flag: "preset"}
	}
	if missing, ok := errors.AsType[*presets.MissingError](err); ok {
		hint := missing.Hint
		if hint == "" {
			hint = "name the command yourself:  lbdev up -- COMMAND"
		}
		return &commandError{code: exitFailed, err: err, hint: hint}
	}
	if procfile, ok := errors.AsType[*presets.ProcfileError](err); ok {
		hint := "name the command yourself:  lbdev up -- COMMAND"
		if len(procfile.Names) > 0 {
			hint = "choose one:  lbdev up --preset procfile:" + procfile.Names[0]
		}
		return &commandError{code: exitUsage, err: err, hint: hint}
	}
	if none, ok := errors.AsType[*presets.NotRecognised](err); ok {
		return &commandError{
			code: exitUsage, err: fmt.Errorf("cannot start workers: no command was given, and nothing in this folder is known\nlooked for %s", strings.Join(none.Looked, ", ")),
			hint: "name the command yourself:  lbdev up -- python manage.py runserver   or try  lbdev up --sample",
		}
	}
	if _, ok := errors.AsType[*presets.BrokenError](err); ok {
		return &commandError{code: exitConfig, err: err, hint: presetsHint}
	}
	return err
}

// choose finds out what to run: the command that was typed, else that of the config file, else what the preset says that was asked
// for or that fits the folder. A preset that knows a typed command goes with it.
func (p *plan) choose(c *cli.Context, file *configFile) error {
	p.argv = commandOf(c)
	asked := c.String("preset")
	if len(p.argv) == 0 && (asked == "" || file.applied["preset"]) {
		p.argv = file.Command
	}
	if c.Bool("sample") || len(p.argv) == 0 && !knows(c.Command, "preset") {
		return nil
	}
	set, place := loadPresets(), here()
	place.Getenv = variablesOf(c, file)
	if len(p.argv) > 0 && asked == "" {
		warnOfBroken(c, set)
		if cluster.HasSocket(append(file.environ(), c.StringSlice("env")...)) {
			return nil
		}
		if found, ok := set.Complete(p.argv, place); ok {
			p.found = &found
		}
		return nil
	}
	var found presets.Found
	var err error
	if asked != "" {
		found, err = set.Named(asked, place)
	} else {
		found, err = set.Recognise(place)
	}
	if err != nil {
		if err = presetError(err); !isCommandError(err) {
			err = &commandError{code: exitUsage, err: err, hint: "name the command yourself:  lbdev up -- COMMAND", flag: "preset"}
		}
		return file.blame(err)
	}
	warnOfBroken(c, set)
	p.found = &found
	if len(p.argv) > 0 && !slices.Equal(p.argv, found.Command) { // the preset gives the settings, its user the command
		known, ok := set.Complete(p.argv, place)
		found.Command, found.Said = p.argv, ""
		if ok {
			found.Command, found.Said = known.Command, known.Said
		}
		return nil
	}
	p.chosen, p.argv = true, found.Command
	return nil
}

// here is this folder, for presets.
func here() presets.Place {
	place := presets.Here(".")
	place.Secret = func(name, value string) bool { return masked(name, value) != value }
	return place
}

// variablesOf tells what a variable will be for workers: that of --env, else of the file, of the env file, of lbdev's own environment.
func variablesOf(c *cli.Context, file *configFile) func(string) string {
	values := map[string]string{}
	if name := c.String("env-file"); name != "" {
		if read, err := readEnvFile(c, name); err == nil { // else that is told when workers are to get what is in it
			values = read
		}
	}
	for _, pair := range append(file.environ(), c.StringSlice("env")...) {
		name, value, _ := strings.Cut(pair, "=")
		values[name] = value
	}
	return func(name string) string {
		if value, set := values[name]; set {
			return value
		}
		return os.Getenv(name)
	}
}

func isCommandError(err error) bool {
	_, ok := errors.AsType[*commandError](err)
	return ok
}

// applyPreset sets the flags that neither the command line nor the environment nor the file has set.
func (p *plan) applyPreset(c *cli.Context) error {
	if p.found == nil {
		return nil
	}
	for name, values := range p.found.Settings {
		if c.IsSet(name) || !knows(c.Command, name) {
			continue
		}
		for _, value := range values {
			if err := c.Set(name, value); err != nil {
				err = fmt.Errorf("cannot use the setting %s of preset %q: %q is no value for it", name, p.found.Preset.Name, value)
				return &commandError{code: exitConfig, err: err, hint: "lbdev up --help  says what each setting takes"}
			}
		}
		p.applied = append(p.applied, name)
	}
	return nil
}

// blamePreset gives an error about a setting that comes from a preset the exit code of a broken config.
func (p *plan) blamePreset(err error) error {
	e, ok := errors.AsType[*commandError](err)
	if !ok || e.code != exitUsage || !slices.Contains(p.applied, e.flag) {
		return err
	}
	return &commandError{code: exitConfig, err: fmt.Errorf("preset %q: %s: %w", p.found.Preset.Name, e.flag, e.err), hint: e.hint}
}

// presetEnv puts the preset's environment where the file's and the flags' override it. What the user's own environment has stays as it is,
// but for values that each worker has its own of.
func (p *plan) presetEnv() {
	if p.found == nil {
		return
	}
	environ := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return slices.Contains(p.found.Unset, name)
	})
	var own []string
	for _, name := range slices.Sorted(maps.Keys(p.found.Env)) {
		value := p.found.Env[name]
		if strings.Contains(value, "{") {
			own = append(own, name+"="+value)
		} else if _, has := os.LookupEnv(name); !has {
			environ = append(environ, name+"="+value)
		}
	}
	p.config.Environ = environ
	p.config.Env = append(own, p.config.Env...)
}

// remarksOnChoice are what people are told of what was recognised.
func (p *plan) remarksOnChoice() []string {
	if p.found == nil || !p.chosen {
		if p.found != nil {
			return p.found.Notes
		}
		return nil
	}
	f := p.found
	remarks := []string{f.Preset.Title}
	if f.Why != "" {
		remarks[0] += ": " + f.Why
	}
	if p.passing != "" {
		remarks = append(remarks, p.passing)
	}
	for _, o := range f.Others {
		remarks = append(remarks, fmt.Sprintf("also %s: %s; choose it with  --preset %s", o.Title, o.Why, o.Name))
	}
	return append(remarks, f.Notes...)
}
