package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/urfave/cli/v2"
)

// defaultFile is read when it is there and no other was named.
const defaultFile = "lbdev.yaml"

// A configFile is what lbdev.yaml may hold: the command, and a key for each flag of up. The values of flags are kept as
// text, because the flags check them.
type configFile struct {
	Command      []string          `yaml:"command"`
	Env          map[string]string `yaml:"env"`
	Workers      string            `yaml:"workers"`
	BasePort     string            `yaml:"base-port"`
	Mode         string            `yaml:"mode"`
	Listen       list              `yaml:"listen"`
	TLS          string            `yaml:"tls"`
	TLSCert      string            `yaml:"tls-cert"`
	TLSKey       string            `yaml:"tls-key"`
	Redirect     string            `yaml:"redirect"`
	ProxyProto   string            `yaml:"proxy-protocol"`
	Trusted      list              `yaml:"trusted-proxies"`
	MaxBody      string            `yaml:"max-body"`
	MaxConns     string            `yaml:"max-conns"`
	Policy       string            `yaml:"policy"`
	Weight       list              `yaml:"weight"`
	Backup       list              `yaml:"backup"`
	SlowStart    string            `yaml:"slow-start"`
	Sticky       string            `yaml:"sticky"`
	Name         string            `yaml:"name"`
	Upstream     string            `yaml:"upstream"`
	Restart      string            `yaml:"restart"`
	Ready        string            `yaml:"ready"`
	ReadyPath    string            `yaml:"ready-path"`
	ReadyTimeout string            `yaml:"ready-timeout"`
	StopSignal   string            `yaml:"stop-signal"`
	StopTimeout  string            `yaml:"stop-timeout"`
	Hold         string            `yaml:"hold"`
	RetryUnsafe  string            `yaml:"retry-unsafe"`
	Concurrency  string            `yaml:"worker-concurrency"`
	Eject5xx     string            `yaml:"eject-5xx"`
	HealthPath   string            `yaml:"health-path"`
	HealthEvery  string            `yaml:"health-interval"`
	HealthWithin string            `yaml:"health-timeout"`
	HealthFall   string            `yaml:"health-fall"`
	HealthRise   string            `yaml:"health-rise"`
	EnvFile      string            `yaml:"env-file"`
	PTY          string            `yaml:"pty"`
	Watch        list              `yaml:"watch"`
	LogDir       string            `yaml:"log-dir"`
	AccessLog    string            `yaml:"access-log"`
	AccessFormat string            `yaml:"access-format"`
	Metrics      string            `yaml:"metrics"`
	Dashboard    string            `yaml:"dashboard"`
	Badge        string            `yaml:"badge"`
	JSON         string            `yaml:"json"`

	name    string
	places  map[string]string // where the value of a key is, such as [3:9]
	applied map[string]bool   // the flags whose value came from here
}

// environ is the file's env as NAME=VALUE pairs.
func (f *configFile) environ() []string {
	var env []string
	for _, name := range slices.Sorted(maps.Keys(f.Env)) {
		env = append(env, name+"="+f.Env[name])
	}
	return env
}

// apply sets the flags that neither the command line nor the environment has set.
func (f *configFile) apply(c *cli.Context) error {
	f.applied = map[string]bool{}
	v := reflect.ValueOf(*f)
	for i := range v.NumField() {
		name, field := v.Type().Field(i).Tag.Get("yaml"), v.Field(i)
		if name == "" || c.IsSet(name) || !knows(c.Command, name) {
			continue
		}
		for _, value := range valuesOf(field) {
			if err := c.Set(name, value); err != nil {
				return &commandError{
					code: exitConfig, err: f.fault(name, fmt.Errorf("cannot use %q: it must be %s", value, kindOf(c.Command, name))),
					hint: "lbdev up --help  says what each setting takes",
				}
			}
			f.applied[name] = true
		}
	}
	return nil
}

// fault says where in the file an error is.
func (f *configFile) fault(key string, err error) error {
	return fmt.Errorf("%s: %s %s: %w", f.name, f.places[key], key, err)
}

// kindOf says what a flag of a command takes, if that is not any text.
func kindOf(command *cli.Command, name string) string {
	for _, flag := range command.Flags {
		if !slices.Contains(flag.Names(), name) {
			continue
		}
		switch flag.(type) {
		case *cli.IntFlag:
			return "a number"
		case *cli.BoolFlag:
			return "true or false"
		case *cli.DurationFlag:
			return "a time, such as 500ms, 10s or 1m"
		}
	}
	return "something else"
}

// knows says whether a command has a flag: lbdev demo has fewer than up, and no use for the rest of a file that is made for up.
func knows(command *cli.Command, flag string) bool {
	return slices.ContainsFunc(command.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), flag) })
}

// valuesOf are what a key of the file gives its flag.
func valuesOf(field reflect.Value) []string {
	switch value := field.Interface().(type) {
	case string:
		if value != "" {
			return []string{value}
		}
	case list:
		return value
	}
	return nil
}

// A list is a setting of which there can be several: one of them may stand without a list around it.
type list []string

// UnmarshalYAML reads either form.
func (l *list) UnmarshalYAML(unmarshal func(any) error) error {
	var one string
	if unmarshal(&one) == nil {
		*l = list{one}
		return nil
	}
	return unmarshal((*[]string)(l))
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
	return &commandError{code: exitConfig, err: f.fault(e.flag, e.err), hint: hint}
}

// readFile reads the config file that --file names, or lbdev.yaml if there is one; without any it is empty. A key
// that does not exist is an error with its line and column: a misspelt one must not be ignored.
func readFile(c *cli.Context) (*configFile, error) {
	name := c.String("file")
	if name == "" {
		name = defaultFile
	}
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) && !c.IsSet("file") {
		return &configFile{}, nil
	}
	if err != nil {
		return nil, &commandError{code: exitConfig, err: fmt.Errorf("cannot read config file %q: %w", name, errors.Unwrap(err)), hint: "name another with  lbdev up --file FILE …"}
	}
	file := &configFile{name: name, places: placesOf(data)}
	if err := yaml.UnmarshalWithOptions(data, file, yaml.Strict()); err != nil {
		return nil, &commandError{code: exitConfig, err: fmt.Errorf("cannot understand %s: %s", name, yaml.FormatError(err, false, true)), hint: "its keys are the long flags of  lbdev up --help  , and command"}
	}
	return file, nil
}

// placesOf finds out in which line and column the value of each key is.
func placesOf(data []byte) map[string]string {
	places := map[string]string{}
	parsed, err := parser.ParseBytes(data, 0)
	if err != nil || len(parsed.Docs) == 0 {
		return places // there are no values then
	}
	var pairs []*ast.MappingValueNode
	switch body := parsed.Docs[0].Body.(type) {
	case *ast.MappingNode:
		pairs = body.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{body}
	}
	for _, pair := range pairs {
		at := pair.Value.GetToken().Position
		places[pair.Key.GetToken().Value] = fmt.Sprintf("[%d:%d]", at.Line, at.Column)
	}
	return places
}
