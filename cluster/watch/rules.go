package watch

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// A GlobError says that one of the globs cannot be used.
type GlobError struct {
	Glob string
	Err  error // fs.ErrNotExist where the file or folder that it names is not there
}

func (e *GlobError) Error() string { return fmt.Sprintf("cannot watch %q: %v", e.Glob, e.Err) }
func (e *GlobError) Unwrap() error { return e.Err }

// rules say which files matter and which folders may hold some. They never change.
type rules struct {
	includes []include
	excludes []exclude
}

// An include is a glob. Its base is a folder (or the one file), as an absolute path without links; rest is a pattern for
// what is below it.
type include struct {
	base   string
	rest   string   // slash-separated; "" where base is the file itself
	last   string   // the last part of rest
	below  bool     // rest may name a folder, and then means all that is in it
	depth  int      // folders below base that may matter; -1 = any
	named  []string // folders that are mostly ignored, but not here
	isFile bool
}

// An exclude hides what it matches and all below it. literal is its text as a path, base and rest are it as a glob.
type exclude struct{ literal, base, rest string }

// newRules reads globs, names of files and ignores, all relative to dir. separator is the system's; globs are written with / on
// all of them, and on Windows also with \.
func newRules(dir string, globs, files, ignore []string, separator rune) (*rules, error) {
	r := &rules{}
	var faults []error
	for _, glob := range globs {
		text, isExclude := strings.CutPrefix(glob, "!")
		var err error
		if isExclude {
			err = r.exclude(dir, slashed(text, separator))
		} else {
			err = r.include(dir, slashed(text, separator))
		}
		if err != nil {
			faults = append(faults, &GlobError{glob, err})
		}
	}
	for _, name := range files {
		if err := r.includeFile(dir, name); err != nil {
			faults = append(faults, &GlobError{name, err})
		}
	}
	for _, glob := range ignore {
		if err := r.exclude(dir, slashed(glob, separator)); err != nil {
			faults = append(faults, &GlobError{glob, err})
		}
	}
	if len(r.includes) == 0 && len(faults) == 0 {
		r.includes = []include{{base: dir, rest: "**", last: "**", depth: -1}}
	}
	return r, errors.Join(faults...)
}

func slashed(glob string, separator rune) string {
	return strings.ReplaceAll(glob, string(separator), "/")
}

var errPattern = errors.New("the pattern is malformed")

func check(glob string) error {
	switch {
	case glob == "":
		return errors.New("the pattern is empty")
	case !doublestar.ValidatePattern(glob):
		return errPattern
	}
	return nil
}

func (r *rules) include(dir, glob string) error {
	if err := check(glob); err != nil {
		return err
	}
	base, rest := split(dir, glob)
	info, err := os.Stat(base)
	if err != nil {
		return cause(err)
	}
	if base, err = filepath.EvalSymlinks(base); err != nil {
		return cause(err)
	}
	i := include{base: base, rest: rest, depth: -1}
	switch {
	case rest == "" && info.IsDir():
		i.rest = "**"
	case rest == "":
		i.isFile, i.depth = true, 0
	case !info.IsDir():
		return fmt.Errorf("%q is not a folder", base)
	}
	i.last = path.Base(i.rest)
	if i.isFile {
		i.last = filepath.Base(base)
	}
	parts := strings.Split(i.rest, "/")
	i.below = !strings.ContainsAny(i.last, `*?[{\`)
	if !i.below && !i.isFile && !slices.Contains(parts, "**") && !strings.Contains(i.rest, "{") {
		i.depth = len(parts) - 1
	}
	for _, name := range ignoredFolders {
		if slices.Contains(parts, name) {
			i.named = append(i.named, name)
		}
	}
	r.includes = append(r.includes, i)
	return nil
}

// includeFile is for a file that need not be there. Its folder must.
func (r *rules) includeFile(dir, name string) error {
	if !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	base, err := filepath.EvalSymlinks(name)
	if err != nil {
		folder, err := filepath.EvalSymlinks(filepath.Dir(name))
		if err != nil {
			return cause(err)
		}
		base = filepath.Join(folder, filepath.Base(name))
	}
	r.includes = append(r.includes, include{base: base, last: filepath.Base(base), isFile: true})
	return nil
}

func (r *rules) exclude(dir, glob string) error {
	if err := check(glob); err != nil {
		return err
	}
	base, rest := split(dir, glob)
	if rest == "" { // a plain name: as a path, and where it has no slash, at any depth
		literal := base
		if real, err := filepath.EvalSymlinks(base); err == nil {
			literal = real
		}
		r.excludes = append(r.excludes, exclude{literal: literal})
		if strings.Contains(strings.TrimSuffix(glob, "/"), "/") {
			return nil
		}
		base, rest = dir, "**/"+strings.TrimSuffix(glob, "/")
	}
	if real, err := filepath.EvalSymlinks(base); err == nil {
		base = real
	}
	// The text may also be the path of something that is there, with brackets in its name.
	r.excludes = append(r.excludes, exclude{literal: absolute(dir, glob), base: base, rest: rest})
	return nil
}

// split makes a glob into a folder without wildcards and a pattern below it. The pattern is "" where there are none.
func split(dir, glob string) (base, rest string) {
	anchored := strings.Contains(glob, "/")
	prefix, rest := doublestar.SplitPattern(glob)
	if !strings.ContainsAny(rest, `*?[{\`) { // SplitPattern leaves the last part of a plain path in rest
		return absolute(dir, glob), ""
	}
	if !anchored && rest != "**" {
		rest = "**/" + rest
	}
	return absolute(dir, prefix), path.Clean(rest)
}

func absolute(dir, slashPath string) string {
	p := filepath.FromSlash(slashPath)
	if filepath.IsAbs(p) {
		return filepath.Clean(p)
	}
	return filepath.Join(dir, p)
}

// cause is a path error without its path, which the reader has just seen.
func cause(err error) error {
	if pathError, ok := errors.AsType[*os.PathError](err); ok {
		return pathError.Err
	}
	return err
}

// below returns the slash-separated path from base to name, "" for base itself.
func below(base, name string) (rel string, ok bool) {
	rest, ok := strings.CutPrefix(name, base)
	if !ok {
		return "", false
	}
	if rest == "" {
		return "", true
	}
	if os.IsPathSeparator(base[len(base)-1]) { // the root of the file system
		return filepath.ToSlash(rest), true
	}
	if !os.IsPathSeparator(rest[0]) {
		return "", false
	}
	return filepath.ToSlash(rest[1:]), true
}

// matchUp says whether the pattern matches rel or a folder on the way to it.
func matchUp(pattern, rel string) bool {
	for ; rel != "." && rel != ""; rel = path.Dir(rel) {
		if doublestar.MatchUnvalidated(pattern, rel) {
			return true
		}
	}
	return false
}

// file says whether the file of this name matters.
func (r *rules) file(name string) bool {
	for i := range r.includes {
		if r.includes[i].file(name) {
			return !r.excluded(name)
		}
	}
	return false
}

func (i *include) file(name string) bool {
	rel, ok := below(i.base, name)
	switch {
	case !ok:
		return false
	case rel == "" || i.isFile:
		return i.isFile && rel == ""
	case ignoredName(path.Base(rel), i.last):
		return false
	}
	if dir := path.Dir(rel); dir != "." && ignoredBelow(dir, i.named) {
		return false
	}
	return doublestar.MatchUnvalidated(i.rest, rel) || i.below && matchUp(i.rest, rel)
}

// folder says whether files that matter may be in the folder or below it. Those on the way to a base are among these: it
// may go and come again.
func (r *rules) folder(name string) bool {
	for i := range r.includes {
		if r.includes[i].folder(name) {
			return !r.excluded(name)
		}
	}
	return false
}

// wanted says whether the folder is one that a glob names, or on the way to one.
func (r *rules) wanted(name string) bool {
	for i := range r.includes {
		if _, ok := below(name, r.includes[i].base); ok {
			return true
		}
	}
	return false
}

func (i *include) folder(name string) bool {
	if _, ok := below(name, i.base); ok {
		return true
	}
	rel, ok := below(i.base, name)
	if !ok || i.depth >= 0 && strings.Count(rel, "/")+1 > i.depth {
		return false
	}
	return !ignoredBelow(rel, i.named)
}

func (r *rules) excluded(name string) bool {
	for _, e := range r.excludes {
		if _, ok := below(e.literal, name); ok {
			return true
		}
		if e.rest == "" {
			continue
		}
		if rel, ok := below(e.base, name); ok && matchUp(e.rest, rel) {
			return true
		}
	}
	return false
}

// roots are the folders at which to begin: dir, if something below it matters, and for each base elsewhere the folder
// that it is in.
func (r *rules) roots(dir string) []string {
	var all []string
	for _, i := range r.includes {
		root := filepath.Dir(i.base)
		if _, ok := below(dir, i.base); ok {
			root = dir
		}
		all = append(all, root)
	}
	slices.Sort(all)
	var roots []string
	for _, root := range all {
		inside := func(other string) bool { _, ok := below(other, root); return ok }
		if !slices.ContainsFunc(roots, inside) {
			roots = append(roots, root)
		}
	}
	return roots
}
