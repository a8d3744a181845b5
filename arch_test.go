// Package lbdev_test holds what concerns the whole tree: the rules of the house and the sample apps.
package lbdev_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const module = "github.com/lbdev/lbdev"

// mayImport lists, for each room, the rooms of ours that it may import. A room is a folder with its sub-folders, as far
// as they have no line of their own. Packages of one room import each other freely, as Go has no cycles.
var mayImport = map[string][]string{
	"procs":             {},
	"proxy":             {},
	"templates":         {},
	"sample":            {},
	"rundir":            {"procs"},
	"config":            {},
	"fronts":            {"procs", "proxy", "templates"},
	"cluster":           {"procs", "proxy", "rundir"},
	"cluster/control":   {"cluster", "procs", "proxy", "templates"},
	"cluster/dashboard": {"cluster", "cluster/control", "proxy", "templates"},
	"cluster/localca":   {},
	"cluster/logfile":   {"cluster", "procs", "proxy"},
	"cluster/metrics":   {"cluster", "proxy"},
	"cluster/watch":     {},
	"cmd/lbdev":         {"cluster", "cluster/control", "cluster/dashboard", "cluster/localca", "cluster/logfile", "cluster/metrics", "cluster/watch", "config", "fronts", "procs", "proxy", "rundir", "templates", "sample"},
	"bench":             {},
	"clients":           {"cluster"},
	"procs/misbehave":   {},
	".":                 {},
}

// forTests are the rooms that a _test.go file may import besides its own room's list: children that misbehave, and an
// app to put behind whatever is tested.
var forTests = []string{"procs/misbehave", "sample"}

const (
	maxFileLines = 600
	maxFuncLines = 100
)

// TestHouse reads the tree through os.Root, so that `go test` sees which files it depends on. Asking `go list` instead
// would leave a stale pass in the test cache after a wrong import.
func TestHouse(t *testing.T) {
	root, err := os.OpenRoot(".")
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	faults, packages, err := inspect(root.FS())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range faults {
		t.Error(f)
	}
	if packages < 2 {
		t.Errorf("saw only %d packages: is this the module's root?", packages)
	}
}

// TestHouseSeesFaults plants each kind of fault and one clean tree.
func TestHouseSeesFaults(t *testing.T) {
	long := "package procs\n\nfunc long() {\n" + strings.Repeat("\tprintln()\n", maxFuncLines) + "}\n"
	tests := []struct {
		name, file, text string
		want             string // part of the one fault; empty for none
	}{
		{"clean", "procs/a.go", `package procs; import _ "os"`, ""},
		{"own room", "proxy/a_test.go", `package proxy; import _ "` + module + `/proxy/load"`, ""},
		{"allowed", "cluster/a.go", `package cluster; import _ "` + module + `/proxy"`, ""},
		{"procs and proxy never meet", "procs/a.go", `package procs; import _ "` + module + `/proxy"`, "procs/a.go: imports proxy"},
		{"upwards", "cluster/a.go", `package cluster; import _ "` + module + `/cluster/control"`, "imports cluster/control"},
		{"sub-package of a room", "proxy/express/a.go", "// Package express is.\npackage express; import _ \"" + module + `/cluster"`, "imports cluster"},
		{"sample stands alone", "sample/a.go", "// Package sample is.\npackage sample; import _ \"" + module + `/procs"`, "imports procs"},
		{"also in tests", "procs/a_test.go", `package procs_test; import _ "` + module + `/cluster"`, "imports cluster"},
		{"test room from a test", "cluster/a_test.go", `package cluster; import _ "` + module + `/procs/misbehave"`, ""},
		{"test room from code", "cluster/a.go", `package cluster; import _ "` + module + `/procs/misbehave"`, "imports procs/misbehave"},
		{"test room from its neighbour", "procs/a.go", `package procs; import _ "` + module + `/procs/misbehave"`, "imports procs/misbehave"},
		{"other systems' files too", "procs/a_windows.go", "//go:build windows\n\npackage procs; import _ \"" + module + `/proxy"`, "imports proxy"},
		{"unknown room", "util/a.go", "// Package util is.\npackage util", "util: is no room"},
		{"unknown import", "cluster/a.go", `package cluster; import _ "` + module + `/util"`, "imports util"},
		{"no package comment", "sample/a.go", "package sample", "sample: has no package comment"},
		{"two package comments", "procs/a.go", "// Package procs is again.\npackage procs", "procs: has 2 package comments"},
		{"wrong package comment", "sample/a.go", "// Sample is.\npackage sample", `must start with "Package sample "`},
		{"wrong command comment", "cmd/lbdev/a.go", "// Package main is.\npackage main", `must start with "Command lbdev "`},
		{"licence is no package comment", "procs/a.go", "// Licence\n\npackage procs", ""},
		{"long file", "procs/a.go", "package procs\n" + strings.Repeat("//\n", maxFileLines), "has 601 lines"},
		{"long function", "procs/a.go", long, "function long has 102 lines"},
		{"testdata is not ours", "testdata/a.go", "package x", ""},
		{"another module is not ours", "other/go.mod", "module other", ""},
		{"unreadable", "procs/a.go", "package", "procs/a.go"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tree := fstest.MapFS{
				"procs/doc.go":   {Data: []byte("// Package procs is.\npackage procs\n")},
				"cluster/doc.go": {Data: []byte("// Package cluster is.\npackage cluster\n")},
				tt.file:          {Data: []byte(tt.text)},
			}
			faults, _, err := inspect(tree)
			if err != nil {
				faults = append(faults, err.Error())
			}
			switch {
			case tt.want == "" && len(faults) > 0:
				t.Errorf("want no fault, got %q", faults)
			case tt.want != "" && (len(faults) != 1 || !strings.Contains(faults[0], tt.want)):
				t.Errorf("want one fault with %q, got %q", tt.want, faults)
			}
		})
	}
}

// house collects what inspect sees.
type house struct {
	faults []string
	// docs are the package comments by folder, of files that are no tests; folders without such files are absent.
	docs  map[string][]string
	names map[string]string // package name by folder
	rooms []string          // the keys of mayImport
}

func (h *house) fault(format string, args ...any) {
	h.faults = append(h.faults, fmt.Sprintf(format, args...))
}

// inspect checks every Go file below fsys and says how many packages it saw.
func inspect(fsys fs.FS) (faults []string, packages int, err error) {
	h := &house{docs: map[string][]string{}, names: map[string]string{}}
	for room := range mayImport {
		h.rooms = append(h.rooms, room)
	}
	err = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && notOurs(fsys, name):
			return fs.SkipDir
		case !d.IsDir() && path.Ext(name) == ".go":
			return h.file(fsys, name)
		}
		return nil
	})
	h.packageComments()
	return h.faults, len(h.docs), err
}

// notOurs is true for what `go build ./...` leaves out.
func notOurs(fsys fs.FS, dir string) bool {
	base := path.Base(dir)
	if base == "testdata" || base == "vendor" || base[0] == '.' || base[0] == '_' {
		return true
	}
	_, err := fs.Stat(fsys, path.Join(dir, "go.mod"))
	return err == nil
}

func (h *house) file(fsys fs.FS, name string) error {
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return err
	}
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	if n := strings.Count(string(text), "\n"); n > maxFileLines {
		h.fault("%s: has %d lines, more than %d", name, n, maxFileLines)
	}
	h.imports(name, f)
	h.functions(name, set, f)
	if strings.HasSuffix(name, "_test.go") {
		return nil
	}
	dir := path.Dir(name)
	if h.docs[dir] == nil {
		h.docs[dir] = []string{}
	}
	h.names[dir] = f.Name.Name
	if f.Doc != nil {
		h.docs[dir] = append(h.docs[dir], f.Doc.Text())
	}
	return nil
}

func (h *house) imports(name string, f *ast.File) {
	room := h.room(path.Dir(name))
	if room == "" {
		h.fault("%s: is no room of the house; add it to mayImport and say what it may import", path.Dir(name))
		return
	}
	for _, spec := range f.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value) // the parser has checked it
		dir, ours := strings.CutPrefix(imported, module+"/")
		if !ours {
			continue
		}
		target := h.room(dir)
		allowed := target != "" && (target == room || slices.Contains(mayImport[room], target) ||
			strings.HasSuffix(name, "_test.go") && slices.Contains(forTests, target))
		if !allowed {
			h.fault("%s: imports %s, which %s may not", name, dir, room)
		}
	}
}

// room returns the deepest room that holds dir, or "".
func (h *house) room(dir string) string {
	for ; dir != "."; dir = path.Dir(dir) {
		if slices.Contains(h.rooms, dir) {
			return dir
		}
		if path.Dir(dir) == "." {
			return ""
		}
	}
	return "."
}

func (h *house) functions(name string, set *token.FileSet, f *ast.File) {
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		if n := set.Position(fn.End()).Line - set.Position(fn.Pos()).Line + 1; n > maxFuncLines {
			h.fault("%s: function %s has %d lines, more than %d", name, fn.Name.Name, n, maxFuncLines)
		}
	}
}

func (h *house) packageComments() {
	for dir, docs := range h.docs {
		want := "Package " + h.names[dir] + " "
		if h.names[dir] == "main" {
			want = "Command " + path.Base(dir) + " "
		}
		switch {
		case len(docs) == 0:
			h.fault("%s: has no package comment", dir)
		case len(docs) > 1:
			h.fault("%s: has %d package comments", dir, len(docs))
		case !strings.HasPrefix(docs[0], want):
			h.fault("%s: the package comment must start with %q", dir, want)
		}
	}
}
