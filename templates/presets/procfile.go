package presets

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/shell"
)

// kindProcfile is the Kind of the preset whose commands are in a Procfile.
const kindProcfile = "procfile"

// A ProcfileError is a Procfile of which it can't be told which line is meant.
type ProcfileError struct {
	Names []string // of its lines
	Err   error
}

func (e *ProcfileError) Error() string { return e.Err.Error() }

// procfile takes the command out of the Procfile: the line web, else the only one.
func (r *reader) procfile(f *Found) error {
	text, err := ReadFile(r.place.Dir, "Procfile")
	if err != nil {
		return &ProcfileError{Err: fmt.Errorf("cannot read the Procfile: %w", err)}
	}
	names, lines := procfileLines(plain(text))
	name := r.entry
	switch {
	case len(names) == 0:
		return &ProcfileError{Err: errors.New("cannot find a command in the Procfile: it has no line such as  web: COMMAND")}
	case name != "" && lines[name] == "":
		return &ProcfileError{Names: names, Err: fmt.Errorf("cannot find %q in the Procfile: it has %s", name, strings.Join(names, ", "))}
	case name == "" && lines["web"] != "":
		name = "web"
	case name == "" && len(names) == 1:
		name = names[0]
	case name == "":
		return &ProcfileError{Names: names, Err: fmt.Errorf("cannot tell which line of the Procfile to run: it has %s, and no web", strings.Join(names, ", "))}
	}
	if f.Why != "" {
		f.Why += ", its line " + name
	}
	f.Command, f.Said = r.procfileCommand(lines[name])
	return nil
}

var procfileLine = regexp.MustCompile(`^([A-Za-z0-9_-]+):\s*(\S.*)$`)

// procfileLines are the lines of a Procfile by name, in their order.
func procfileLines(text string) (names []string, lines map[string]string) {
	lines = map[string]string{}
	for line := range strings.Lines(text) {
		if m := procfileLine.FindStringSubmatch(strings.TrimSpace(line)); m != nil && lines[m[1]] == "" {
			names = append(names, m[1])
			lines[m[1]] = m[2]
		}
	}
	return names, lines
}

var assignment = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*=`)

// procfileCommand makes a command of a line. What needs a shell gets one, and finds its port in the environment.
func (r *reader) procfileCommand(line string) (argv []string, said string) {
	secret := false
	env := func(name string) string {
		if name == "PORT" {
			return "{port}"
		}
		value := r.place.getenv(name)
		asked := strings.Contains(line, name) // IFS and PWD are looked up for any line
		secret = secret || asked && value != "" && r.place.Secret != nil && r.place.Secret(name, value)
		return value
	}
	argv, err := shell.Fields(line, env)
	needsShell := err != nil || secret || len(argv) == 0 || assignment.MatchString(argv[0]) ||
		slices.Contains(shellWords, argv[0]) || strings.ContainsAny(bare(line), "*?[")
	if needsShell {
		return []string{"sh", "-c", line}, "run by a shell, which finds the port as $PORT"
	}
	if !r.place.found(argv[0]) { // a Procfile is written for an environment that is activated
		for _, dir := range []string{".venv/bin", "venv/bin", "node_modules/.bin"} {
			if name := dir + "/" + argv[0]; !strings.Contains(argv[0], "/") && r.place.has(name) {
				argv[0] = r.place.native(name)
				break
			}
		}
	}
	return argv, ""
}

// shellWords are commands that only a shell has.
var shellWords = []string{"cd", "exec", "export", "source", ".", "set", "ulimit", "if", "for", "while", "(", "{"}

// bare is a line without what stands in quotes.
func bare(line string) string { return quoted.ReplaceAllString(line, "") }

var quoted = regexp.MustCompile(`'[^']*'|"[^"]*"`)
