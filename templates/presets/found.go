package presets

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Found is a preset, and what it means for one folder or one command.
type Found struct {
	Preset Preset
	// Why says what the folder was recognised by, as in "manage.py is here"; empty for a command that was typed or a preset that was asked for.
	Why string
	// Said tells people how the port gets in, if the preset has something to say about it.
	Said string
	// Command is what to run. {port} and the like are left in it, {private} too. Where a part of it must be built first, Built has it afterwards.
	Command []string
	// Prepare is what to run once before, in order.
	Prepare []Task
	// Settings are keys of lbdev.yaml, each with one value or several.
	Settings map[string]List
	// Env is what workers get in their environment, Unset what is taken from it.
	Env   map[string]string
	Unset []string
	// Files are made for each worker before it starts.
	Files []File
	// Notes are the traps.
	Notes []string
	// Others are what else the folder could have been.
	Others []Other

	reader *reader
	line   string // the command as it stands in the preset; empty = it was typed, or is a Procfile's
}

// A Task is a step of preparation in one folder.
type Task struct {
	Argv []string
	Why  string
	// Changes is what it changes besides files that can be made again; empty = nothing.
	Changes string
	// Needless says why it need not be run, as in "node_modules is here"; empty = it must.
	Needless string
}

// An Other is a preset that fits, too.
type Other struct {
	Name, Title, Why string
}

// A NotRecognised says that a folder is none of what the presets know.
type NotRecognised struct {
	// Looked is what was looked for: "manage.py", "next in package.json" …
	Looked []string
}

func (e *NotRecognised) Error() string {
	return "cannot tell what to start: nothing in this folder is known"
}

// Recognise finds the first preset that fits the folder. The error is a *NotRecognised, about the one that was found, or *BrokenErrors.
func (s *Set) Recognise(place Place) (Found, error) {
	if err := s.fault(func(*BrokenError) bool { return true }); err != nil {
		return Found{}, err
	}
	var found *Found
	var others []Other
	var looked []string
	for i := range s.presets {
		p := &s.presets[i]
		if len(p.When) == 0 {
			continue
		}
		r := p.reader(place)
		ok, why := r.holds(p.When)
		if !ok {
			looked = append(looked, p.LooksFor())
			continue
		}
		if found == nil {
			f, err := s.completed(r, why)
			if err != nil {
				return Found{}, err
			}
			found = &f
		} else if !slices.Contains(found.Preset.Covers, p.Name) {
			others = append(others, Other{Name: p.Name, Title: p.Title, Why: why})
		}
	}
	if found == nil {
		return Found{}, &NotRecognised{Looked: slices.Compact(looked)}
	}
	found.Others = others
	return *found, nil
}

// LooksFor is a short form of what the preset's folders are recognised by, such as "manage.py" or "next in package.json".
func (p *Preset) LooksFor() string {
	for _, c := range p.When {
		switch {
		case len(c.Depends) > 0:
			return c.Depends[0] + " in package.json"
		case len(c.Script) > 0:
			return "the script " + c.Script[0] + " in package.json"
		case len(c.AnyFile) > 0:
			return c.AnyFile[0]
		case len(c.Files) > 0:
			return c.Files[0]
		case c.Words != nil:
			return c.Words.Any[0] + " in " + c.Words.In[0]
		}
	}
	return ""
}

// Named is the preset of a name, whatever the folder looks like. procfile:NAME is a line of the Procfile.
func (s *Set) Named(name string, place Place) (Found, error) {
	name, entry, _ := strings.Cut(name, ":")
	if err := s.fault(func(b *BrokenError) bool { return b.mayBe(name) }); err != nil {
		return Found{}, err
	}
	p, ok := s.ByName(name)
	if !ok {
		return Found{}, &UnknownPreset{Name: name, Near: nearest(name, s.names())}
	}
	if len(p.Run) == 0 && p.Kind == "" {
		return Found{}, fmt.Errorf("cannot start a folder as %s: lbdev only knows how its command takes a port", p.Title)
	}
	r := p.reader(place)
	r.entry = entry
	_, why := r.holds(p.When)
	return s.completed(r, why)
}

// completed is found, with its port in the command where that is a known one: a Procfile's line or the script start may be.
func (s *Set) completed(r *reader, why string) (Found, error) {
	f, err := r.found(why)
	if err != nil || f.Said != "" {
		return f, err
	}
	known, ok := s.Complete(f.Command, r.place)
	if !ok {
		return f, nil
	}
	f.Command, f.Said, f.line = known.Command, known.Said, ""
	f.Notes = append(f.Notes, known.Notes...)
	f.Unset = append(f.Unset, known.Unset...)
	for name, value := range known.Env {
		if _, has := f.Env[name]; !has {
			f.Env[name] = value
		}
	}
	return f, nil
}

func (s *Set) names() []string {
	var names []string
	for _, p := range s.presets {
		names = append(names, p.Name)
	}
	return names
}

// An UnknownPreset is a name that no preset has.
type UnknownPreset struct {
	Name string
	Near string // what may have been meant; may be empty
}

func (e *UnknownPreset) Error() string { return fmt.Sprintf("cannot find a preset %q", e.Name) }

// found finds out what the preset means for the reader's folder.
func (r *reader) found(why string) (Found, error) {
	f := r.settled()
	f.Why = why
	if r.preset.Kind == kindProcfile {
		return f, r.procfile(&f)
	}
	for _, run := range r.preset.Run {
		if ok, _ := r.holds(run.When); ok {
			argv, err := r.argv(run.Command)
			if err != nil {
				return Found{}, err
			}
			f.Command, f.Said, f.line = argv, run.Said, run.Command
			return f, r.tasks(&f)
		}
	}
	return Found{}, fmt.Errorf("cannot tell what to run: no command of the preset %s fits this folder", r.preset.Name)
}

// settled is all of a preset that does not depend on the command.
func (r *reader) settled() Found {
	p := r.preset
	f := Found{Preset: *p, Settings: map[string]List{}, Env: map[string]string{}, Notes: slices.Clone(p.Notes), reader: r}
	env := maps.Clone(p.Env)
	if env == nil {
		env = map[string]*string{}
	}
	maps.Copy(f.Settings, p.Settings)
	for _, c := range p.Cases {
		if ok, _ := r.holds(c.When); ok {
			maps.Copy(f.Settings, c.Settings)
			maps.Copy(env, c.Env)
			f.Notes = append(f.Notes, c.Notes...)
		}
	}
	for name, values := range f.Settings {
		filled := make(List, len(values))
		for i, value := range values {
			filled[i] = r.fill(value)
		}
		f.Settings[name] = filled
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if env[name] == nil {
			f.Unset = append(f.Unset, name)
		} else if value := r.fill(*env[name]); !unfilled(value) {
			f.Env[name] = value
		}
	}
	for _, file := range p.Files {
		if ok, _ := r.holds(file.When); ok {
			f.Files = append(f.Files, r.file(file))
		}
	}
	return f
}

// unfilled says whether something in braces is left of which only the preset could have known what it is.
func unfilled(text string) bool {
	return slices.ContainsFunc(braces.FindAllString(text, -1), func(word string) bool { return !runtimeWords[word[1:len(word)-1]] })
}

// tasks lists what is to be run before.
func (r *reader) tasks(f *Found) error {
	for _, step := range r.preset.Prepare {
		if ok, _ := r.holds(step.When); !ok {
			continue
		}
		argv, err := r.argv(step.Command)
		if err != nil {
			return err
		}
		f.Prepare = append(f.Prepare, Task{Argv: argv, Why: step.Why, Changes: step.Changes, Needless: r.needless(&step)})
	}
	return nil
}

// needless says why a step need not be run.
func (r *reader) needless(s *Step) string {
	if len(s.Unless) > 0 {
		if ok, why := r.holds(s.Unless); ok {
			return cmp.Or(why, "nothing needs it") // what holds because something is not there has no reason of its own
		}
	}
	made, ok := r.place.oldest(s.Makes)
	if !ok {
		return ""
	}
	if changed, any := r.place.newest(s.From); any && changed > made {
		return ""
	}
	return r.place.glob(s.Makes[0])[0] + " is up to date"
}

// Built is the same after Prepare has been run: with the names of files that were built.
func (f Found) Built() (Found, error) {
	if f.line == "" || len(f.Prepare) == 0 {
		return f, nil
	}
	r := f.Preset.reader(f.reader.place)
	r.built = true
	built, err := r.found(f.Why)
	built.Others = f.Others
	return built, err
}
