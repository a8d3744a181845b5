package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/config"
	"github.com/lbdev/lbdev/proxy"
)

// origins are the flags that somebody has set: by which words or variable.
type origins map[string]string

// originsOf is to be asked before the config file is applied, which sets flags too.
func originsOf(c *cli.Context) origins {
	from, typed := origins{}, typedFlags(c)
	for _, f := range c.Command.Flags {
		switch name := f.Names()[0]; {
		case slices.ContainsFunc(f.Names(), func(n string) bool { return typed[n] }):
			from[name] = "--" + name
		case c.IsSet(name):
			from[name] = variableOf(f)
		}
	}
	return from
}

// wordsKey is where the app's metadata has the words of the command line.
const wordsKey = "words"

// typedFlags are the flags on the command line, as they were written there. urfave/cli tells that a flag is set, and not by whom: so the
// words are read once more.
func typedFlags(c *cli.Context) map[string]bool {
	words, _ := c.App.Metadata[wordsKey].([]string)
	set := flag.NewFlagSet("", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	for _, f := range c.Command.Flags {
		f.Apply(set) // was no error before
	}
	typed := map[string]bool{}
	if len(words) > 2 {
		set.Parse(words[2:]) // the same
		set.Visit(func(f *flag.Flag) { typed[f.Name] = true })
	}
	return typed
}

func variableOf(f cli.Flag) string {
	if d, ok := f.(cli.DocGenerationFlag); ok && len(d.GetEnvVars()) > 0 {
		return d.GetEnvVars()[0]
	}
	return "environment"
}

// A setting is one key of lbdev.yaml as it counts.
type setting struct {
	Key    string
	Value  any // string, int, bool, list of strings, or []variable; nil = nothing is set
	Source string
}

// A variable is one of env.
type variable struct{ name, value, source string }

// settings are all of them, in the order of the keys.
func (p *plan) settings(c *cli.Context) []setting {
	var all []setting
	for _, k := range config.Keys() {
		s := setting{Key: k.Name, Source: p.source(k.Name)}
		switch {
		case k.Name == "command":
			s.Value, s.Source = p.config.Command, p.commandSource(c)
		case k.Name == "env":
			if env := p.variables(c); len(env) > 0 {
				s.Value, s.Source = env, ""
			}
		case k.Name == "name":
			s.Value = p.config.Name
		case k.Name == "preset" && p.chosen:
			s.Value = p.found.Preset.Name
			if s.Source == "default" {
				s.Source = "recognised: " + p.found.Why
			}
		case k.Name == "ready" && p.config.Ready == "": // it depends on the mode
			s.Value = string(cluster.ReadyTCP)
			if p.config.ReadyPath != "" {
				s.Value = string(cluster.ReadyHTTP)
			}
		default:
			s.Value = valueOf(c, k)
		}
		all = append(all, s)
	}
	return all
}

// valueOf is the value of a flag, nil if it has none.
func valueOf(c *cli.Context, k config.Key) any {
	a := aboutKey(k.Name)
	if !c.IsSet(k.Name) && (a.Default == nil || strings.HasPrefix(k.Name, "health-") && c.String("health-path") == "") {
		return nil
	}
	switch k.Kind {
	case config.Whole:
		return c.Int(k.Name)
	case config.Truth:
		return c.Bool(k.Name)
	case config.Time:
		return shortTime(c.Duration(k.Name))
	case config.Several:
		return c.StringSlice(k.Name)
	}
	text := c.String(k.Name)
	if n, err := strconv.Atoi(text); err == nil && k.Kind == config.Size {
		return n
	}
	if text != "" {
		return text
	}
	return nil
}

// source says where a flag's value came from.
func (p *plan) source(key string) string {
	if from := p.origins[key]; from != "" {
		return from
	}
	if at, ok := p.file.Place(key); ok && p.file.applied[key] {
		return fmt.Sprintf("%s:%d", p.file.FileName(), at.Line)
	}
	if slices.Contains(p.applied, key) {
		return "preset " + p.found.Preset.Name
	}
	return "default"
}

// commandSource says where the command came from, and what was done to it.
func (p *plan) commandSource(c *cli.Context) string {
	source := "command line"
	if at, ok := p.file.Place("command"); ok && len(commandOf(c)) == 0 {
		source = fmt.Sprintf("%s:%d", p.file.FileName(), at.Line)
	}
	switch {
	case c.Bool("sample"):
		return "--sample"
	case p.chosen:
		source = "preset " + p.found.Preset.Name
		if p.found.Why != "" {
			source += ", " + p.found.Why
		}
		return source
	case p.found != nil && p.found.Said != "":
		source += ", " + p.found.Said
	}
	return source
}

// variables are those of env, of which a later one counts more.
func (p *plan) variables(c *cli.Context) []variable {
	var all []variable
	add := func(pair, source string) {
		name, value, _ := strings.Cut(pair, "=")
		all = slices.DeleteFunc(all, func(v variable) bool { return v.name == name })
		all = append(all, variable{name, value, source})
	}
	if p.found != nil {
		for _, name := range slices.Sorted(maps.Keys(p.found.Env)) {
			value := p.found.Env[name]
			_, has := os.LookupEnv(name)
			if _, filed := p.config.EnvFile[name]; !has && !filed || strings.Contains(value, "{") { // see presetEnv
				add(name+"="+value, "preset "+p.found.Preset.Name)
			}
		}
	}
	for _, pair := range p.file.environ() {
		name, _, _ := strings.Cut(pair, "=")
		at, _ := p.file.Place("env." + name)
		add(pair, fmt.Sprintf("%s:%d", p.file.FileName(), at.Line))
	}
	for _, pair := range c.StringSlice("env") {
		add(pair, "--env")
	}
	slices.SortFunc(all, func(a, b variable) int { return strings.Compare(a.name, b.name) })
	return all
}

// presentable are settings as people may see them.
func presentable(all []setting, secrets []string) []setting {
	all = slices.Clone(all)
	for i := range all {
		switch value := all[i].Value.(type) {
		case string:
			if hidden := proxy.Redact(value); hidden != value {
				all[i].Value, all[i].Source = hidden, all[i].Source+", hidden"
			}
		case []string:
			hidden, some := cluster.Mask(value, secrets...)
			if all[i].Value = hidden; some {
				all[i].Source += ", hidden"
			}
		case []variable:
			shown := slices.Clone(value)
			for i, v := range shown {
				if hidden := masked(v.name, v.value); hidden != v.value {
					shown[i] = variable{v.name, hidden, v.source + ", hidden"}
				}
			}
			all[i].Value = shown
		}
	}
	return all
}

// masked is a variable's value without what its name, or a password within a URL, says is a secret: what is printed is shown around.
func masked(name, value string) string {
	if value != "" && proxy.IsSecret(name) && !cluster.HasPort([]string{value}) {
		return "***"
	}
	return proxy.Redact(value)
}

// printConfig shows what counts and where it came from, as a file that lbdev.yaml could be.
func (p *plan) printConfig(c *cli.Context) error {
	all := presentable(p.all, p.config.Secrets)
	text := settingsText(all, fileGroups())
	if c.Bool("json") {
		text = settingsJSON(all)
	}
	return printText(c, text)
}

// fileGroups are the headings of help, by key.
func fileGroups() map[string]string {
	groups := map[string]string{}
	for _, f := range upFlags() {
		if g, ok := f.(cli.CategorizableFlag); ok {
			groups[f.Names()[0]] = g.GetCategory()
		}
	}
	return groups
}

// sourceColumn is where sources begin, if the value leaves room.
const sourceColumn = 40

func settingsText(all []setting, groups map[string]string) string {
	var b strings.Builder
	line := func(text, source string) {
		fmt.Fprintf(&b, "%s%s  # %s\n", text, strings.Repeat(" ", max(sourceColumn-utf8.RuneCountInString(text), 0)), source)
	}
	heading := ""
	for _, s := range all {
		if g := groups[s.Key]; g != heading {
			heading = g
			b.WriteString("\n# " + g + "\n")
		}
		switch value := s.Value.(type) {
		case nil:
			line("# "+s.Key+":", unset(s.Key))
		case []variable:
			b.WriteString("env:\n")
			for _, v := range value {
				line("  "+config.Quote(v.name)+": "+config.Quote(v.value), v.source)
			}
		default:
			line(s.Key+": "+config.Format(value), s.Source)
		}
	}
	return b.String()
}

// unset says what holds where nothing is set.
func unset(key string) string {
	a := aboutKey(key)
	if a.Default != nil {
		return fmt.Sprint("default: ", a.Default)
	}
	help := a.Help
	if _, text, ok := strings.Cut(help, "(default: "); ok {
		text, _, _ = strings.Cut(text, ")")
		return "default: " + text
	}
	if _, text, ok := strings.Cut(help, "; default: "); ok {
		return "default: " + strings.TrimSuffix(text, ")")
	}
	return "default: none"
}

// settingsJSON is {"key":{"value":…,"source":…},…}, in the order of the keys.
func settingsJSON(all []setting) string {
	type of struct {
		Value  any    `json:"value"`
		Source string `json:"source"`
	}
	var b strings.Builder
	for i, s := range all {
		one := of{s.Value, s.Source}
		if env, ok := s.Value.([]variable); ok {
			each := map[string]of{}
			for _, v := range env {
				each[v.name] = of{v.value, v.source}
			}
			one = of{each, "its variables say"}
		}
		text, err := json.Marshal(one)
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(&b, "%s%q:%s", map[bool]string{true: "{", false: ","}[i == 0], s.Key, text)
	}
	return b.String() + "}\n"
}
