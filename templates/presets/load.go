package presets

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

//go:embed *.yaml
var embedded embed.FS

// Load reads the presets: lbdev's own, and those in the folder userDir, which take the place of lbdev's of the same name. An empty userDir,
// or one that is not there, adds none, and files whose names begin with a dot don't count. Their settings must be among these; nil = any may
// be. What can't be used is left out: see Broken.
func Load(userDir string, settings []string) *Set {
	s := &Set{}
	s.read(embedded, "", settings)
	if _, err := os.Stat(userDir); userDir != "" && !errors.Is(err, fs.ErrNotExist) {
		s.read(os.DirFS(userDir), userDir, settings)
	}
	slices.SortStableFunc(s.presets, func(a, b Preset) int {
		if a.Order != b.Order {
			return a.Order - b.Order
		}
		return len(b.Source) - len(a.Source) // a user's own comes first
	})
	return s
}

// read adds the presets in a folder.
func (s *Set) read(dir fs.FS, source string, settings []string) {
	entries, err := fs.ReadDir(dir, ".")
	if err != nil {
		s.broken = append(s.broken, unreadable(source, "", err))
	}
	for _, entry := range entries {
		name := entry.Name()
		if path.Ext(name) != ".yaml" || strings.HasPrefix(name, ".") { // .#shop.yaml is a lock of Emacs, and leads nowhere
			continue
		}
		p, err := readPreset(dir, source, name, settings)
		if err != nil {
			s.broken = append(s.broken, err)
			continue
		}
		if i := slices.Index(s.names(), p.Name); i >= 0 {
			s.presets[i] = p
			continue
		}
		s.presets = append(s.presets, p)
	}
}

func readPreset(dir fs.FS, source, name string, settings []string) (Preset, *BrokenError) {
	file, stem := filepath.Join(source, name), strings.TrimSuffix(name, path.Ext(name))
	text, err := ReadFile(dir, name)
	if err != nil {
		return Preset{}, unreadable(file, stem, err)
	}
	p, err := Parse(file, text)
	if err == nil && settings != nil {
		err = p.checkSettings(settings)
	}
	if err != nil {
		if m := nameLine.FindSubmatch(text); m != nil {
			stem = string(m[1])
		}
		return Preset{}, &BrokenError{File: file, Name: stem, Err: err}
	}
	if source == "" {
		p.Source = ""
	}
	return p, nil
}

// nameLine is where a preset has its name, also in a text that is no YAML.
var nameLine = regexp.MustCompile(`(?m)^name:[ \t]*["']?([a-z0-9][a-z0-9-]*)`)

// A BrokenError is a file of a user's own that can't be used, or the whole folder.
type BrokenError struct {
	File string
	Name string // what it would be called, as far as that can be told; empty = it is the folder
	Err  error  // a *FileError, or about reading
}

func (e *BrokenError) Error() string { return e.Err.Error() }
func (e *BrokenError) Unwrap() error { return e.Err }

// mayBe says whether it is what people mean by a name.
func (e *BrokenError) mayBe(name string) bool {
	return e.Name == "" || e.Name == name || filepath.Base(e.File) == name+".yaml"
}

func unreadable(file, name string, err error) *BrokenError {
	return &BrokenError{File: file, Name: name, Err: fmt.Errorf("cannot read presets of your own: %q: %w", file, bareCause(err))}
}

// A FileError is what is wrong in a preset's file, and where.
type FileError struct {
	File         string
	Line, Column int
	Problem      string
	Near         string // what may have been meant; may be empty
}

func (e *FileError) Error() string {
	text := fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Problem)
	if e.Near != "" {
		text += fmt.Sprintf("; did you mean %q?", e.Near)
	}
	return text
}

// Parse reads one preset. Its error is a *FileError.
func Parse(file string, text []byte) (p Preset, err error) {
	if err := yaml.UnmarshalWithOptions(text, &p, yaml.Strict()); err != nil {
		return Preset{}, fileError(file, err)
	}
	p.Source, p.Text = file, string(text)
	if fault := p.check(); fault != nil {
		return Preset{}, p.fileFault(fault)
	}
	return p, nil
}

// fileFault says where a fault is.
func (p *Preset) fileFault(f *fault) *FileError {
	line, column := placesOf([]byte(p.Text)).of(f.key)
	return &FileError{File: p.Source, Line: line, Column: column, Problem: f.problem, Near: f.near}
}

// fileError says in our words what the decoder has found.
func fileError(file string, err error) error {
	fault := &FileError{File: file, Line: 1, Column: 1, Problem: err.Error()}
	var of yaml.Error
	if errors.As(err, &of) {
		fault.Problem = of.GetMessage()
		if t := of.GetToken(); t != nil && t.Position != nil {
			fault.Line, fault.Column = t.Position.Line, t.Position.Column
		}
	}
	if _, syntax := errors.AsType[*yaml.SyntaxError](err); syntax && strings.HasSuffix(fault.Problem, "must be specified") { // within brackets
		fault.Problem += ": a text with braces in it needs quotes"
	}
	var unknown *yaml.UnknownFieldError
	if errors.As(err, &unknown) && unknown.Token != nil {
		key := unknown.Token.Value
		fault.Problem, fault.Near = fmt.Sprintf("there is no key %q here", key), nearest(key, keys)
		if slices.Contains(keys, key) {
			fault.Problem, fault.Near = fault.Problem+", but in other places", ""
		}
	}
	return fault
}

// keys are all that a preset may have, at any depth.
var keys = keysOf(reflect.TypeFor[Preset](), nil)

func keysOf(t reflect.Type, found []string) []string {
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Map || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return found
	}
	for f := range t.Fields() {
		key := f.Tag.Get("yaml")
		if key == "" || key == "-" || f.Type == reflect.PointerTo(t) {
			continue
		}
		if !slices.Contains(found, key) {
			found = append(found, key)
		}
		found = keysOf(f.Type, found)
	}
	return found
}

// A fault is what is wrong at a key, whose path is written as $.run[0].command.
type fault struct{ key, problem, near string }

var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)

// check finds what the decoder can't: names, words in braces, patterns and expressions.
func (p *Preset) check() *fault {
	switch {
	case !nameForm.MatchString(p.Name):
		return &fault{key: "$.name", problem: fmt.Sprintf("the name %q must be small letters, digits and hyphens", p.Name)}
	case p.Title == "":
		return &fault{key: "$.name", problem: "a preset needs a title"}
	case p.Kind != "" && p.Kind != kindProcfile:
		return &fault{key: "$.kind", problem: fmt.Sprintf("there is no kind %q", p.Kind), near: kindProcfile}
	case len(p.When) > 0 && len(p.Run) == 0 && p.Kind == "":
		return &fault{key: "$.when" + keyMark, problem: "a folder would be recognised, and there is nothing to run: run is missing"}
	case len(p.When) == 0 && len(p.Run) == 0 && len(p.Known) == 0:
		return &fault{key: "$.name", problem: "there is nothing to run: run and known are missing"}
	}
	return p.walk("$", reflect.ValueOf(*p))
}

// checkSettings says whether all settings have one of these names. Its error is a *FileError.
func (p *Preset) checkSettings(names []string) error {
	at := map[string]string{}
	for name := range p.Settings {
		at[name] = "$.settings." + name
	}
	for i, c := range p.Cases {
		for name := range c.Settings {
			at[name] = fmt.Sprintf("$.cases[%d].settings.%s", i, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(at)) {
		if !slices.Contains(names, name) {
			return p.fileFault(&fault{key: at[name] + keyMark, problem: fmt.Sprintf("there is no setting %q", name), near: nearest(name, names)})
		}
	}
	return nil
}

// walk checks every text that has a form, by its key.
func (p *Preset) walk(at string, v reflect.Value) *fault {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return p.walk(at, v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			if f := p.walk(fmt.Sprintf("%s[%d]", at, i), v.Index(i)); f != nil {
				return f
			}
		}
	case reflect.Map:
		for _, key := range slices.SortedFunc(slices.Values(v.MapKeys()), func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) }) {
			if f := p.walk(at+"."+key.String(), v.MapIndex(key)); f != nil {
				return f
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			key := v.Type().Field(i).Tag.Get("yaml")
			if key == "" || key == "-" {
				continue
			}
			if f := p.walk(at+"."+key, v.Field(i)); f != nil {
				return f
			}
		}
		return p.checkStruct(at, v.Interface())
	case reflect.String:
		return p.checkText(at, v.String())
	}
	return nil
}

// checkStruct checks what a part must have.
func (p *Preset) checkStruct(at string, part any) *fault {
	switch part := part.(type) {
	case Words:
		if len(part.In) == 0 || len(part.Any) == 0 {
			return &fault{key: at, problem: "words need  in  and  any"}
		}
	case Run:
		if len(strings.Fields(part.Command)) == 0 {
			return &fault{key: at, problem: "a command is missing"}
		}
	case Step:
		switch {
		case len(strings.Fields(part.Command)) == 0:
			return &fault{key: at, problem: "a command is missing"}
		case len(part.From) > 0 && len(part.Makes) == 0:
			return &fault{key: at, problem: "from needs makes: what is made of it"}
		}
	case Known:
		if len(strings.Fields(part.Command)) == 0 {
			return &fault{key: at, problem: "a command is missing"}
		}
	case Value:
		if part.Built && len(part.File) == 0 {
			return &fault{key: at, problem: "built needs file: what is looked for"}
		}
		if part.Search != "" && len(part.In) == 0 {
			return &fault{key: at, problem: "search needs in: the files to look in"}
		}
	case File:
		if !filepath.IsLocal(filepath.FromSlash(part.Path)) {
			return &fault{key: at, problem: fmt.Sprintf("the path %q must lead to a place in the worker's folder", part.Path)}
		}
	}
	return nil
}

var indexes = regexp.MustCompile(`\[\d+\]$`)

// checkText checks a text by the key it stands at.
func (p *Preset) checkText(at, text string) *fault {
	if text == "" {
		return nil
	}
	key := indexes.ReplaceAllString(at, "")
	switch key = key[strings.LastIndexByte(key, '.')+1:]; key {
	case "files", "any-file", "file", "makes", "in", "except", "from":
		pattern := text
		if key == "from" {
			pattern = strings.TrimSuffix(text, "/**")
		}
		if _, err := path.Match(pattern, ""); err != nil {
			return &fault{key: at, problem: fmt.Sprintf("the pattern %q is broken", text)}
		}
		if key != "except" && !fs.ValidPath(pattern) {
			return &fault{key: at, problem: fmt.Sprintf("the pattern %q must be a path in the folder, without ./ before it", text)}
		}
	case "search", "match":
		if _, err := regexp.Compile(text); err != nil {
			return &fault{key: at, problem: fmt.Sprintf("the expression is broken: %v", err)}
		}
	case "command", "value", "text", "copy":
		return p.checkBraces(at, key, text)
	case "var":
		if len(p.Vars[text]) == 0 {
			return &fault{key: at, problem: fmt.Sprintf("there is no var %q", text), near: nearest(text, p.words())}
		}
	}
	return nil
}

// checkBraces finds words in braces that nobody knows. Texts of files have braces of their own.
func (p *Preset) checkBraces(at, key, text string) *fault {
	for _, word := range braces.FindAllString(text, -1) {
		name := word[1 : len(word)-1]
		own := key == "value" && (slices.Contains([]string{"file", "dir", "stem", "module"}, name) || len(name) == 1 && name[0] <= '9')
		known := own || len(p.Vars[name]) > 0 || builtins[name] != nil || runtimeWords[name] || binWord.MatchString(name)
		near := nearest(name, p.words())
		if !known && (key != "text" || near != "") {
			return &fault{key: at, problem: fmt.Sprintf("nothing is known as %s", word), near: near}
		}
	}
	return nil
}

// words are the names of all that may stand in braces.
func (p *Preset) words() []string {
	var names []string
	for name := range p.Vars {
		names = append(names, name)
	}
	for name := range builtins {
		names = append(names, name)
	}
	for name := range runtimeWords {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
