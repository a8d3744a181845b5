package presets

import (
	"encoding/json"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// A Condition holds if all holds that it lists.
type Condition struct {
	// Files are globs, each of which must fit something in the folder; of AnyFile one must.
	Files   List `yaml:"files"`
	AnyFile List `yaml:"any-file"`
	// Words looks for one of several words in files.
	Words *Words `yaml:"words"`
	// Depends: package.json has one of these among its dependencies, or any at all if it is *. Script: it has one of these scripts.
	Depends List `yaml:"depends"`
	Script  List `yaml:"script"`
	// Program: one of these is in PATH.
	Program List `yaml:"program"`
	// OS: this system, as Go names it: windows, darwin, linux.
	OS string `yaml:"os"`
	// Var: this var of the preset has a value.
	Var string `yaml:"var"`
	// Not must not hold.
	Not *Condition `yaml:"not"`
}

// Words are whole words, in any of the files that the globs of In fit. Upper and lower case are the same.
type Words struct {
	In  List `yaml:"in"`
	Any List `yaml:"any"`
}

// holds says whether one of the conditions holds, and why, as people say it. Without any it holds.
func (r *reader) holds(conditions []Condition) (ok bool, why string) {
	for _, c := range conditions {
		if ok, why := r.all(&c); ok {
			return true, why
		}
	}
	return len(conditions) == 0, ""
}

// all says whether a condition holds.
func (r *reader) all(c *Condition) (ok bool, why string) {
	var reasons []string
	for _, pattern := range c.Files {
		found := r.place.glob(pattern)
		if len(found) == 0 {
			return false, ""
		}
		reasons = append(reasons, found[0]+" is here")
	}
	tests := []struct {
		wanted bool
		test   func() string
	}{
		{len(c.AnyFile) > 0, func() string { return r.anyFile(c.AnyFile) }},
		{c.Words != nil, func() string { return r.words(c.Words) }},
		{len(c.Depends) > 0, func() string { return r.depends(c.Depends) }},
		{len(c.Script) > 0, func() string { return r.script(c.Script) }},
		{len(c.Program) > 0, func() string { return r.program(c.Program) }},
		{c.OS != "", func() string { return r.system(c.OS) }},
		{c.Var != "", func() string { return r.hasVar(c.Var) }},
	}
	for _, t := range tests {
		if !t.wanted {
			continue
		}
		reason := t.test()
		if reason == "" {
			return false, ""
		}
		reasons = append(reasons, reason)
	}
	if c.Not != nil {
		if ok, _ := r.all(c.Not); ok {
			return false, ""
		}
	}
	return true, joinReasons(reasons)
}

// joinReasons makes one sentence of them: "app.py is here, requirements.txt names flask". That a file is there need not be said beside what
// is in it.
func joinReasons(reasons []string) string {
	var said []string
	for _, reason := range reasons {
		name, here := strings.CutSuffix(reason, " is here")
		more := func(other string) bool { return other != reason && strings.HasPrefix(other, name+" ") }
		if reason == unsaid || slices.Contains(said, reason) || here && slices.ContainsFunc(reasons, more) {
			continue
		}
		said = append(said, reason)
	}
	return strings.Join(said, ", ")
}

// unsaid is the reason of what holds without being worth a word.
const unsaid = "-"

func (r *reader) anyFile(patterns List) string {
	for _, pattern := range patterns {
		if found := r.place.glob(pattern); len(found) > 0 {
			return found[0] + " is here"
		}
	}
	return ""
}

func (r *reader) words(w *Words) string {
	for _, pattern := range w.In {
		for _, name := range r.place.glob(pattern) {
			text := r.place.read(name)
			for _, word := range w.Any {
				if wholeWord(word).MatchString(text) {
					return name + " names " + word
				}
			}
		}
	}
	return ""
}

// wholeWord fits a word that is not part of a longer one: flask is not in flask-login, nor in myflask.
func wholeWord(word string) *regexp.Regexp {
	return regexp.MustCompile(`(?i)(^|[^\w.-])` + regexp.QuoteMeta(word) + `($|[^\w-])`)
}

// A manifest is what is read of package.json.
type manifest struct {
	Main            string            `json:"main"`
	Scripts         map[string]string `json:"scripts"`
	Dependencies    map[string]string `json:"dependencies"`
	DevDependencies map[string]string `json:"devDependencies"`
}

// manifest reads package.json; empty if there is none that can be read.
func (p Place) manifest() manifest {
	var m manifest
	if json.Unmarshal([]byte(p.read("package.json")), &m) != nil {
		return manifest{}
	}
	return m
}

func (r *reader) depends(names List) string {
	m := r.manifest()
	for _, name := range names {
		if name == "*" && len(m.Dependencies)+len(m.DevDependencies) > 0 {
			return unsaid
		}
		_, is := m.Dependencies[name]
		_, develops := m.DevDependencies[name]
		if is || develops {
			return "package.json depends on " + name
		}
	}
	return ""
}

func (r *reader) script(names List) string {
	for _, name := range names {
		if r.manifest().Scripts[name] != "" {
			return `package.json has the script "` + name + `"`
		}
	}
	return ""
}

func (r *reader) program(names List) string {
	if slices.ContainsFunc(names, r.place.found) {
		return unsaid
	}
	return ""
}

func (r *reader) system(name string) string {
	if r.place.system() == name {
		return unsaid
	}
	return ""
}

func (r *reader) hasVar(name string) string {
	v, ok := r.value(name)
	if !ok {
		return ""
	}
	if v.source == "" {
		return unsaid
	}
	return v.source
}

// newest is when the youngest of the files was changed that the globs fit; zero if there is none.
func (p Place) newest(patterns List) (latest int64, found bool) {
	for _, pattern := range patterns {
		for _, name := range p.deep(pattern) {
			if info, err := fs.Stat(p.Dir, name); err == nil {
				latest, found = max(latest, info.ModTime().UnixNano()), true
			}
		}
	}
	return latest, found
}

// oldest is when the first of what a step makes was changed; each glob must fit something.
func (p Place) oldest(patterns List) (first int64, found bool) {
	for _, pattern := range patterns {
		changed, ok := p.newest(List{pattern})
		if !ok {
			return 0, false
		}
		if !found || changed < first {
			first, found = changed, true
		}
	}
	return first, found
}

// notSources are folders in which nobody keeps what a program is built from.
var notSources = []string{"node_modules", ".git", "target", "build", "dist", ".next", "vendor", "bin", "obj"}

// deep is glob, with patterns that may end with /** for all files below a folder.
func (p Place) deep(pattern string) []string {
	root, all := strings.CutSuffix(pattern, "**")
	if !all {
		return p.glob(pattern)
	}
	var names []string
	fs.WalkDir(p.Dir, path.Clean(root), func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // what can't be read has no say
		case d.IsDir() && slices.Contains(notSources, d.Name()):
			return fs.SkipDir
		case !d.IsDir():
			names = append(names, name)
		}
		return nil
	})
	return names
}
