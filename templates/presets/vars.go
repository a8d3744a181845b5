package presets

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// A Value is one way to find what a word in braces stands for. What is found must fit Match, and becomes Value if that is set: {0} is what
// was found, {1} a part of it in brackets of the expression, {file} the file that it was found in, {stem} that without its ending,
// {module} that with dots in place of slashes, as Python names it.
type Value struct {
	When []Condition `yaml:"when"`
	// File is the first file that one of these globs fits; with Newest the youngest. Except leaves names out.
	File   List `yaml:"file"`
	Except List `yaml:"except"`
	Newest bool `yaml:"newest"`
	// Search is a regular expression, looked for in the files of In.
	Search string `yaml:"search"`
	In     List   `yaml:"in"`
	// Script is a script of package.json, Main its main.
	Script string `yaml:"script"`
	Main   bool   `yaml:"main"`
	// Env is a variable of the environment.
	Env string `yaml:"env"`
	// Program is the first of these that is in PATH, or at this path of the machine; $NAME in it is a variable of the environment.
	Program List   `yaml:"program"`
	Match   string `yaml:"match"`
	Value   string `yaml:"value"`
	// Words divides it at spaces where it stands alone in a command.
	Words bool `yaml:"words"`
	// Built says that it is there only after the steps of Prepare.
	Built bool `yaml:"built"`
}

// A MissingError is a word of a command that has no value in this folder.
type MissingError struct {
	Word, Command, Title string
	Hint                 string // what to do about it; may be empty
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("cannot start %s: nothing was found for %s in %q", e.Title, e.Word, e.Command)
}

// A valued is a Value that was found.
type valued struct {
	text   string
	words  bool
	source string // why, as people say it; empty = not worth a word
}

// A reader reads one folder for one preset, and keeps what it has found.
type reader struct {
	place  Place
	preset *Preset
	built  bool   // the steps of Prepare have been run
	entry  string // the line of the Procfile that was asked for
	cached *manifest
	values map[string]*valued // nil = there is none
}

func (p *Preset) reader(place Place) *reader {
	return &reader{place: place, preset: p, values: map[string]*valued{}}
}

func (r *reader) manifest() manifest {
	if r.cached == nil {
		r.cached = new(r.place.manifest())
	}
	return *r.cached
}

// value finds what a word in braces stands for.
func (r *reader) value(name string) (valued, bool) {
	if v, known := r.values[name]; known {
		if v == nil {
			return valued{}, false
		}
		return *v, true
	}
	if m := binWord.FindStringSubmatch(name); m != nil {
		return valued{text: r.place.bin(m[1]), words: true}, true
	}
	r.values[name] = nil // a var that asks for itself has no value
	for i := range r.preset.Vars[name] {
		if v, ok := r.find(&r.preset.Vars[name][i]); ok {
			r.values[name] = &v
			return v, true
		}
	}
	if builtin := builtins[name]; builtin != nil && len(r.preset.Vars[name]) == 0 {
		v := valued{text: builtin(r.place)}
		r.values[name] = &v
		return v, true
	}
	return valued{}, false
}

func (r *reader) find(v *Value) (valued, bool) {
	if ok, _ := r.holds(v.When); !ok {
		return valued{}, false
	}
	switch {
	case v.Built && !r.built:
		if found, ok := r.findFile(v); ok { // of an earlier time
			return found, true
		}
		return valued{text: v.File[0]}, true // shown as it is written; see Found.Built
	case len(v.File) > 0:
		return r.findFile(v)
	case v.Search != "":
		return r.search(v)
	case v.Script != "":
		return r.finish(v, r.manifest().Scripts[v.Script], "package.json", `package.json has the script "`+v.Script+`"`)
	case v.Main:
		main := path.Clean(r.manifest().Main)
		if main == "." || !r.place.has(main) {
			return valued{}, false
		}
		return r.finish(v, main, main, "package.json names "+main)
	case v.Env != "":
		return r.finish(v, r.place.getenv(v.Env), "", "")
	case len(v.Program) > 0:
		return r.findProgram(v)
	}
	return r.finish(v, v.Value, "", "")
}

// findFile looks for a file, in the order of the globs.
func (r *reader) findFile(v *Value) (valued, bool) {
	best, latest := "", int64(0)
	for _, pattern := range v.File {
		for _, name := range r.place.glob(pattern) {
			if excepted(v, name) {
				continue
			}
			if !v.Newest {
				if found, ok := r.finish(v, name, name, name+" is here"); ok {
					return found, true
				}
				continue
			}
			if changed, _ := r.place.newest(List{name}); best == "" || changed > latest {
				best, latest = name, changed
			}
		}
	}
	return r.finish(v, best, best, best+" is here")
}

// excepted says whether a file is left out by its name.
func excepted(v *Value, name string) bool {
	return slices.ContainsFunc(v.Except, func(pattern string) bool { ok, _ := path.Match(pattern, path.Base(name)); return ok })
}

// search looks for a regular expression in files.
func (r *reader) search(v *Value) (valued, bool) {
	expression := regexp.MustCompile(v.Search)
	for _, pattern := range v.In {
		for _, name := range r.place.glob(pattern) {
			if excepted(v, name) {
				continue
			}
			groups := expression.FindStringSubmatch(r.place.read(name))
			if groups == nil {
				continue
			}
			if text, ok := r.shape(v, groups, name); ok {
				first, _, _ := strings.Cut(strings.TrimSpace(groups[0]), "\n")
				return valued{text: text, words: v.Words, source: name + " has " + first}, true
			}
		}
	}
	return valued{}, false
}

func (r *reader) findProgram(v *Value) (valued, bool) {
	for _, name := range v.Program {
		missing := false
		name = variable.ReplaceAllStringFunc(name, func(word string) string {
			value := r.place.getenv(word[1:])
			missing = missing || value == ""
			return value
		})
		if !missing && r.place.found(r.place.native(name)) {
			return r.finish(v, r.place.native(name), "", "")
		}
	}
	return valued{}, false
}

var variable = regexp.MustCompile(`\$[A-Z_]+`)

// finish checks what was found against Match, and gives it its shape.
func (r *reader) finish(v *Value, found, file, source string) (valued, bool) {
	if found == "" {
		return valued{}, false
	}
	groups := []string{found}
	if v.Match != "" {
		if groups = regexp.MustCompile(v.Match).FindStringSubmatch(found); groups == nil {
			return valued{}, false
		}
	}
	text, ok := r.shape(v, groups, file)
	return valued{text: text, words: v.Words, source: source}, ok
}

// shape fills in Value; it fails if that has a word in it that has no value.
func (r *reader) shape(v *Value, groups []string, file string) (string, bool) {
	if v.Value == "" {
		return groups[len(groups)-1], true
	}
	stem := strings.TrimSuffix(file, path.Ext(file))
	module := strings.TrimSuffix(stem, "/__init__")
	ok := true
	text := braces.ReplaceAllStringFunc(v.Value, func(word string) string {
		name := word[1 : len(word)-1]
		switch name {
		case "file":
			return file
		case "dir":
			return path.Dir(file)
		case "stem":
			return stem
		case "module":
			return strings.ReplaceAll(module, "/", ".")
		}
		if len(name) == 1 && name[0] >= '0' && name[0] <= '9' {
			if i := int(name[0] - '0'); i < len(groups) {
				return groups[i]
			}
			return ""
		}
		if runtimeWords[name] {
			return word
		}
		other, has := r.value(name)
		ok = ok && has
		return other.text
	})
	return text, ok
}

// braces fits a word in braces.
var braces = regexp.MustCompile(`\{[a-z0-9][\w:.-]*\}`)

// fill replaces the words in braces that have a value.
func (r *reader) fill(text string) string {
	return braces.ReplaceAllStringFunc(text, func(word string) string {
		if v, ok := r.value(word[1 : len(word)-1]); ok {
			return v.text
		}
		return word
	})
}

// argv makes words of a command line. A word without a value is an error, as half a command must not run.
func (r *reader) argv(command string) ([]string, error) {
	var argv []string
	for word := range strings.FieldsSeq(command) {
		if name, alone := inBraces(word); alone {
			if v, ok := r.value(name); ok && v.words {
				argv = append(argv, strings.Fields(v.text)...)
				continue
			}
		}
		for _, part := range braces.FindAllString(word, -1) {
			name := part[1 : len(part)-1]
			if _, ok := r.value(name); !ok && !runtimeWords[name] {
				return nil, &MissingError{Word: part, Command: command, Title: r.preset.Title, Hint: r.preset.Missing[name]}
			}
		}
		argv = append(argv, r.fill(word))
	}
	return argv, nil
}

// inBraces is the name of a word that is nothing but a word in braces.
func inBraces(word string) (string, bool) {
	if braces.FindString(word) != word || word == "" {
		return "", false
	}
	return word[1 : len(word)-1], true
}
