package presets

import (
	"errors"
	"slices"
)

// A Preset is what one YAML file says.
type Preset struct {
	// Order is the place in the row in which presets are tried; the lowest that fits wins.
	Order int `yaml:"order"`
	// Name is what --preset takes, Title what people read.
	Name  string `yaml:"name"`
	Title string `yaml:"title"`
	// Kind is empty, or procfile: then the command is in the Procfile.
	Kind string `yaml:"kind"`
	// When lists what a folder is recognised by: one of them must hold. A preset without any is never recognised; it is there for its
	// known commands.
	When []Condition `yaml:"when"`
	// Covers names presets that fit the same folder as a matter of course, and are not worth a word.
	Covers List `yaml:"covers"`
	// Vars are words in braces that commands and texts of this preset may use: the first of the ways that yields something counts.
	Vars map[string][]Value `yaml:"vars"`
	// Missing says what to do about a var that has no value, by name.
	Missing map[string]string `yaml:"missing"`
	// Run lists what to run: the first whose When holds.
	Run []Run `yaml:"run"`
	// Prepare lists what is run once before, in order.
	Prepare []Step `yaml:"prepare"`
	// Settings are keys of lbdev.yaml.
	Settings map[string]List `yaml:"settings"`
	// Env is for the workers; null takes a variable away from them.
	Env map[string]*string `yaml:"env"`
	// Files are made for each worker before it starts, in {private}/worker{worker}.
	Files []File `yaml:"files"`
	// Writes lists what the app itself writes into the folder, so that whoever watches files leaves that out.
	Writes List `yaml:"writes"`
	// Notes are the traps, in short sentences for people.
	Notes List `yaml:"notes"`
	// Cases add to settings, environment and notes where their When holds.
	Cases []Case `yaml:"cases"`
	// Known lists commands that people type without {port}.
	Known []Known `yaml:"known"`

	// Source is the file of a user's own preset; empty = it is one of lbdev's.
	Source string `yaml:"-"`
	// Text is the YAML.
	Text string `yaml:"-"`
}

// A Run is a command line: words divided by spaces, with what stands in braces replaced afterwards.
type Run struct {
	When    []Condition `yaml:"when"`
	Command string      `yaml:"command"`
	// Said tells people how the port gets in; empty = it can be seen in the command.
	Said string `yaml:"said"`
}

// A Step is a command that is run once before the workers.
type Step struct {
	When    []Condition `yaml:"when"`
	Unless  []Condition `yaml:"unless"` // it is not needed where one of these holds
	Command string      `yaml:"command"`
	// Why says what it is for, as in "builds the app".
	Why string `yaml:"why"`
	// Changes says what it changes besides files that can be made again, such as "the database". Empty = nothing.
	Changes string `yaml:"changes"`
	// Makes is what it makes of From, both globs: when the former is there and not older than all of the latter, it is not needed.
	Makes List `yaml:"makes"`
	From  List `yaml:"from"`
}

// A Case is what holds for some of the folders only.
type Case struct {
	When     []Condition        `yaml:"when"`
	Settings map[string]List    `yaml:"settings"`
	Env      map[string]*string `yaml:"env"`
	Notes    List               `yaml:"notes"`
}

// A File is something in the private folder of a worker: a folder, a text, or copies.
type File struct {
	When   []Condition `yaml:"when"`
	Path   string      `yaml:"path"`
	Folder bool        `yaml:"folder"`
	// Text may have placeholders. In a file that ends with .xml they are written as XML wants it.
	Text string `yaml:"text"`
	// Copy lists globs of files that are copied into the folder Path. Of several with one name the first that can be read counts.
	Copy List `yaml:"copy"`
}

// A Known is a command whose way to take a port is known.
type Known struct {
	// Command is what names it: a program, or what python, npx and their like run, and what must follow, though options may come between. a|b
	// is either.
	Command string `yaml:"command"`
	// Needs lists words that must be there, Unless such that mean something else is done.
	Needs  List `yaml:"needs"`
	Unless List `yaml:"unless"`
	// When is asked of the folder.
	When []Condition `yaml:"when"`
	// Archive is an entry that the first .jar among the arguments must have.
	Archive string `yaml:"archive"`
	// Add lists options. One with {port} replaces what was given, another one is left out if it was: "--port|-p {port}", "--host 127.0.0.1",
	// "{port}" for an argument. The name before the bar is the one that is written.
	Add List `yaml:"add"`
	// Last puts them at the end instead of right behind the command, After behind this word, which is put there if it is missing.
	Last  bool   `yaml:"last"`
	After string `yaml:"after"`
	// Off switches autoreload off, On would switch it on.
	Off string `yaml:"off"`
	On  string `yaml:"on"`
	// Said tells people how the port gets in; empty = told by Add.
	Said string `yaml:"said"`
	// Notes are added to the preset's.
	Notes List `yaml:"notes"`
}

// A List is one text or several.
type List []string

// UnmarshalYAML reads either form.
func (l *List) UnmarshalYAML(unmarshal func(any) error) error {
	var one string
	if unmarshal(&one) == nil {
		*l = List{one}
		return nil
	}
	return unmarshal((*[]string)(l))
}

// A Set is presets in their order.
type Set struct {
	presets []Preset
	broken  []*BrokenError
}

// All are the presets, in the order in which they are tried.
func (s *Set) All() []Preset { return slices.Clone(s.presets) }

// Broken are the files of the user's own that can't be used. A known command is completed without them; Recognise fails if there are any,
// since each might be what the folder is, and Named if it may be the one that was asked for.
func (s *Set) Broken() []*BrokenError { return slices.Clone(s.broken) }

// fault is what is wrong with the files that fit; nil if nothing is.
func (s *Set) fault(fits func(*BrokenError) bool) error {
	var faults []error
	for _, b := range s.broken {
		if fits(b) {
			faults = append(faults, b)
		}
	}
	return errors.Join(faults...)
}

// ByName is the preset of this name.
func (s *Set) ByName(name string) (Preset, bool) {
	i := slices.IndexFunc(s.presets, func(p Preset) bool { return p.Name == name })
	if i < 0 {
		return Preset{}, false
	}
	return s.presets[i], true
}
