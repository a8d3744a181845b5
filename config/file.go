package config

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A File is what lbdev.yaml says. A key that it does not have is the zero value of its type; Has tells whether it is there.
type File struct {
	Command Command `yaml:"command" example:"[python, manage.py, runserver]"`

	Preset  string `yaml:"preset" example:"django"`
	Prepare string `yaml:"prepare" enum:"auto|all|off"`

	Name   string `yaml:"name" example:"shop"`
	JSON   bool   `yaml:"json"`
	Reload bool   `yaml:"reload"`

	Workers      int           `yaml:"workers" min:"1" max:"512"`
	BasePort     int           `yaml:"base-port" min:"1" max:"65535" example:"8000"`
	Upstream     string        `yaml:"upstream" enum:"http1|h2c"`
	Restart      string        `yaml:"restart" enum:"always|on-failure|never"`
	Ready        string        `yaml:"ready" enum:"http|tcp"`
	ReadyPath    string        `yaml:"ready-path" pattern:"^/" like:"/healthz" example:"/healthz"`
	ReadyTimeout time.Duration `yaml:"ready-timeout" above:"0s"`
	StopSignal   string        `yaml:"stop-signal" known:"TERM|INT|QUIT|HUP|USR1|USR2|KILL"`
	StopTimeout  time.Duration `yaml:"stop-timeout"`
	Env          Env           `yaml:"env" example:"{DATABASE: \"db{worker}.sqlite3\"}"`
	EnvFile      string        `yaml:"env-file" example:".env"`
	PTY          string        `yaml:"pty" enum:"auto|on|off"`
	Watch        List          `yaml:"watch" example:"[\"*.py\", \"!tests\"]"`

	Front         string `yaml:"front" enum:"lbdev|nginx|haproxy|apache|caddy"`
	Mode          string `yaml:"mode" enum:"http|tcp"`
	Listen        List   `yaml:"listen" example:"127.0.0.1:8080"`
	Dashboard     string `yaml:"dashboard" known:"off" example:"127.0.0.1:8090"`
	Badge         bool   `yaml:"badge"`
	TLS           bool   `yaml:"tls"`
	TLSCert       string `yaml:"tls-cert" example:"cert.pem"`
	TLSKey        string `yaml:"tls-key" example:"key.pem"`
	Redirect      string `yaml:"redirect" example:"127.0.0.1:8080"`
	ProxyProtocol bool   `yaml:"proxy-protocol"`
	Trusted       List   `yaml:"trusted-proxies" known:"loopback|private" example:"[loopback, 10.0.0.0/8]"`

	Policy    string        `yaml:"policy" enum:"round-robin|least-conn|two-choices|random|fastest|first|ip-hash|uri-hash|header-hash:*|cookie-hash:*"`
	Weight    List          `yaml:"weight" pattern:"^[0-9]+=[0-9]+(, *[0-9]+=[0-9]+)*$" like:"2=3" example:"[1=3, 2=1]"`
	Backup    List          `yaml:"backup" pattern:"^[0-9]+(, *[0-9]+)*$" like:"4" example:"[4]"`
	SlowStart time.Duration `yaml:"slow-start"`
	Sticky    string        `yaml:"sticky" enum:"off|cookie|cookie:*|route:*"`

	Hold           time.Duration `yaml:"hold"`
	RetryUnsafe    bool          `yaml:"retry-unsafe"`
	Concurrency    int           `yaml:"worker-concurrency" min:"0"`
	Eject5xx       int           `yaml:"eject-5xx" min:"0"`
	HealthPath     string        `yaml:"health-path" pattern:"^/" like:"/healthz" example:"/healthz"`
	HealthInterval time.Duration `yaml:"health-interval" above:"0s"`
	HealthTimeout  time.Duration `yaml:"health-timeout" above:"0s"`
	HealthFall     int           `yaml:"health-fall" min:"1"`
	HealthRise     int           `yaml:"health-rise" min:"1"`

	MaxBody  Bytes `yaml:"max-body"`
	MaxConns int   `yaml:"max-conns" min:"1" example:"1000"`

	AccessLog    string `yaml:"access-log" example:"access.log"`
	AccessFormat string `yaml:"access-format" known:"common|combined|text|json" example:"combined"`
	LogDir       string `yaml:"log-dir" example:"logs"`
	Metrics      string `yaml:"metrics" example:"9090"`

	name      string
	lines     []string
	values    map[string]*given
	variables map[string]string
}

// A Command is a program and its arguments. In the file it is a list, or one text that is split as a shell does it.
type Command []string

// An Env is variables of the environment.
type Env map[string]string

// A List is values of which there can be several; one alone may stand without a list around it.
type List []string

// Bytes is a size.
type Bytes int64

// given is a key's value as it is in the file.
type given struct {
	place Place
	texts []string         // as flags take it
	items []Place          // of the texts, where the value is a list
	names map[string]Place // of variables, where it is a map
}

// A Place is a part of a line. Lines and columns begin with 1 and count characters.
type Place struct {
	Line, Column int
	Width        int // in characters; 0 = not known
}

// Has says whether the file has a key.
func (f *File) Has(key string) bool { return f.values[key] != nil }

// Texts are what the flag of a key is to be given: none if the file has no such key. Those of env are NAME=VALUE, in the order of the
// names.
func (f *File) Texts(key string) []string {
	if v := f.values[key]; v != nil {
		return v.texts
	}
	return nil
}

// Variables are those of the environment whose values stand in Command.
func (f *File) Variables() map[string]string { return f.variables }

// FileName is the name that Parse was given.
func (f *File) FileName() string { return f.name }

// Place is where the value of a key is; of env's it is where the variable "env.NAME" is.
func (f *File) Place(key string) (Place, bool) {
	key, name, _ := strings.Cut(key, ".")
	v := f.values[key]
	if v == nil {
		return Place{}, false
	}
	if place, ok := v.names[name]; ok {
		return place, true
	}
	return v.place, true
}

// Fault says where in the file a value is that somebody else cannot use. Of a list it is the item that the error names in quotes.
func (f *File) Fault(key string, err error) error {
	m := &Mistake{File: f.name, Key: key, Wrong: err.Error(), Err: err}
	if v := f.values[key]; v != nil {
		m.Place = v.place
		for i, text := range v.texts {
			if i < len(v.items) && strings.Contains(err.Error(), strconv.Quote(text)) {
				m.Place = v.items[i]
			}
		}
	}
	m.quote(f.lines)
	return Mistakes{m}
}

// A Kind is what a key takes.
type Kind string

// The kinds.
const (
	Whole   Kind = "a whole number"
	Truth   Kind = "true or false"
	Time    Kind = "a time"
	Size    Kind = "a size"
	Text    Kind = "a text"
	Several Kind = "a list"
	Names   Kind = "a map"
	Words   Kind = "a command"
)

// A Key is a key of lbdev.yaml and what it takes; see the package's doc for its fields, which are the tags.
type Key struct {
	Name          string
	Kind          Kind
	Enum, Known   []string
	Min, Max      string
	Above         string
	Pattern, Like string
	Example       string

	field int // of File
}

var keys = keysOf(reflect.TypeFor[File]())

// Keys are all keys, in the order of File.
func Keys() []Key { return keys }

// KeyOf is the key of that name.
func KeyOf(name string) (Key, bool) {
	i := slices.IndexFunc(keys, func(k Key) bool { return k.Name == name })
	if i < 0 {
		return Key{}, false
	}
	return keys[i], true
}

func keysOf(file reflect.Type) []Key {
	var keys []Key
	for i := range file.NumField() {
		field := file.Field(i)
		name := field.Tag.Get("yaml")
		if name == "" {
			continue
		}
		tag := field.Tag.Get
		keys = append(keys, Key{
			Name: name, Kind: kindOf(field.Type), Enum: words(tag("enum")), Known: words(tag("known")), Min: tag("min"), Max: tag("max"),
			Above: tag("above"), Pattern: tag("pattern"), Like: tag("like"), Example: tag("example"), field: i,
		})
	}
	return keys
}

func words(tag string) []string {
	if tag == "" {
		return nil
	}
	return strings.Split(tag, "|")
}

func kindOf(t reflect.Type) Kind {
	switch t {
	case reflect.TypeFor[Command]():
		return Words
	case reflect.TypeFor[Env]():
		return Names
	case reflect.TypeFor[List]():
		return Several
	case reflect.TypeFor[Bytes]():
		return Size
	case reflect.TypeFor[time.Duration]():
		return Time
	case reflect.TypeFor[int]():
		return Whole
	case reflect.TypeFor[bool]():
		return Truth
	case reflect.TypeFor[string]():
		return Text
	}
	panic("config: a key of type " + t.String())
}
