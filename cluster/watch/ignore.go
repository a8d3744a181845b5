package watch

import (
	"path"
	"slices"
	"strings"
)

// ignoredFolders are never looked into, unless a glob names them. A folder with a pyvenv.cfg in it is a venv, whatever its
// name, and ignored too.
var ignoredFolders = []string{
	".git", ".hg", ".svn", ".jj", // version control
	"node_modules", "bower_components", ".venv", "venv", // what others wrote
	"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".tox", ".nox", ".cache", ".gradle", ".parcel-cache",
	".turbo", "target", "dist", "build", ".next", ".nuxt", ".svelte-kit", // what tools make
	".idea", ".vscode", ".fleet", // what editors keep
}

// An ignoredFile is a pattern for names of files that are not looked at, unless a glob has the word in its last part.
type ignoredFile struct{ pattern, word string }

// The databases are on the list because a development server writes its own: each request would restart it.
var ignoredFiles = []ignoredFile{
	{"*.pyc", "pyc"}, {"*.pyo", "pyo"},
	{"*.sw[a-p]", "sw"}, {".*.sw[a-p]", "sw"}, {"*~", "~"}, {".#*", ".#"}, {"#*#", "#"}, // vim, Emacs
	{"4913", "4913"}, // vim tries whether it may create files
	{".goutputstream-*", "goutputstream"}, {"*___jb_tmp___", "jb_tmp"}, {"*___jb_old___", "jb_old"},
	{".DS_Store", "DS_Store"}, {"Thumbs.db", "Thumbs"},
	{"*.db", "db"}, {"*.sqlite", "sqlite"}, {"*.sqlite3", "sqlite3"},
	{"*-wal", "-wal"}, {"*-shm", "-shm"}, {"*-journal", "-journal"},
}

// venvMark is the file that makes a folder a Python venv.
const venvMark = "pyvenv.cfg"

// ignoredBelow says whether a folder on the way to rel, a slash-separated path, is one that is ignored. named are those
// that are not.
func ignoredBelow(rel string, named []string) bool {
	for name := range strings.SplitSeq(rel, "/") {
		if slices.Contains(ignoredFolders, name) && !slices.Contains(named, name) {
			return true
		}
	}
	return false
}

// ignoredName says whether files of this name are ignored by a glob whose last part is last.
func ignoredName(name, last string) bool {
	for _, i := range ignoredFiles {
		if ok, _ := path.Match(i.pattern, name); ok && !strings.Contains(last, i.word) {
			return true
		}
	}
	return false
}
