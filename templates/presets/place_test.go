package presets

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// TestPython: the project's own environment comes first, then the active one, then what the system has.
func TestPython(t *testing.T) {
	both := fstest.MapFS{".venv/bin/python": {}, "venv/bin/python": {}, ".venv/Scripts/python.exe": {}, "venv/Scripts/python.exe": {}}
	none := fstest.MapFS{}
	active := map[string]string{"VIRTUAL_ENV": "/home/me/env"}
	for _, c := range []struct {
		name     string
		dir      fstest.MapFS
		os       string
		programs []string
		env      map[string]string
		want     string
	}{
		{".venv", both, "linux", usual, active, ".venv/bin/python"},
		{"venv", fstest.MapFS{"venv/bin/python": {}}, "darwin", usual, active, "venv/bin/python"},
		{"Windows", both, "windows", usual, nil, `.venv\Scripts\python.exe`},
		{"a venv made for Linux, on Windows", fstest.MapFS{".venv/bin/python": {}}, "windows", []string{"py"}, nil, "py"},
		{"active", none, "linux", []string{"python3", "/home/me/env/bin/python"}, active, "/home/me/env/bin/python"},
		{"active, on Windows", none, "windows", []string{`C:\env\Scripts\python.exe`}, map[string]string{"VIRTUAL_ENV": `C:\env`}, `C:\env\Scripts\python.exe`},
		{"active but gone", none, "linux", []string{"python"}, active, "python"},
		{"python3", none, "linux", []string{"py", "python", "python3"}, nil, "python3"},
		{"none", none, "linux", nil, nil, "python3"},
	} {
		place := machine(c.dir, c.programs, c.env)
		place.OS = c.os
		if got := place.python(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// On Windows programs have other names.
func TestWindows(t *testing.T) {
	set := load(t)
	for preset, want := range map[string]string{
		"next":   `node_modules\.bin\next.cmd start -p {port} -H 127.0.0.1`,
		"rails":  "ruby bin/rails server -b 127.0.0.1 -p {port} -P tmp/pids/lbdev-{port}.pid",
		"go":     "{private}/app.exe",
		"tomcat": `C:\tomcat\bin\catalina.bat run`,
	} {
		place := machine(fstest.MapFS{"go.mod": {}, "main.go": {Data: []byte("package main\n")}}, []string{`C:\tomcat\bin\catalina.bat`, `C:\tomcat\bin\catalina.sh`}, map[string]string{"CATALINA_HOME": `C:\tomcat`})
		place.OS = "windows"
		found, err := set.Named(preset, place)
		if got := strings.Join(found.Command, " "); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", preset, got, err, want)
		}
	}
}

// TestHere looks at a real folder, in which there are things that must not be opened.
func TestHere(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "index.html"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "package.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	makePipe(t, filepath.Join(dir, "requirements.txt"))
	found, err := load(t).Recognise(Here(dir))
	if err != nil || found.Preset.Name != "static" {
		t.Errorf("%s, %v", found.Preset.Name, err)
	}
	if here := Here(dir); here.OS != runtime.GOOS || here.Path != dir {
		t.Errorf("%+v", here)
	}
}

// A byte order mark is no part of a text.
func TestByteOrderMark(t *testing.T) {
	for name, text := range map[string]string{"package.json": `{"scripts": {"start": "node x.js"}}`, "Procfile": "web: node x.js\r\n"} {
		found, err := load(t).Recognise(machine(fstest.MapFS{name: {Data: []byte("\ufeff" + text)}, "node_modules": {Mode: os.ModeDir}}, usual, nil))
		if err != nil || !strings.Contains(strings.Join(found.Command, " "), "node x.js") && !slices.Contains(found.Command, "start") {
			t.Errorf("%s: %v, %v", name, found.Command, err)
		}
	}
}

// A large file is looked at as far as names stand in it.
func TestLargeFile(t *testing.T) {
	big := strings.Repeat("x", readable) + "\nflask\n"
	place := machine(fstest.MapFS{"requirements.txt": {Data: []byte(big)}}, usual, nil)
	if got := len(place.read("requirements.txt")); got != readable {
		t.Errorf("%d bytes were read", got)
	}
}

// TestProcfileThatIsNone: a Procfile that can't be read says so, instead of having no line; and nobody waits for it.
func TestProcfileThatIsNone(t *testing.T) {
	huge := fstest.MapFS{"Procfile": {Data: []byte("web: ./x\n" + strings.Repeat("#", readable))}}
	places := map[string]Place{
		"it is a folder, and must be a regular file": machine(fstest.MapFS{"Procfile": {Mode: os.ModeDir}}, usual, nil),
		"it is a pipe, and must be a regular file":   machine(fstest.MapFS{"Procfile": {Mode: os.ModeNamedPipe}}, usual, nil),
		"it has more than 1048576 bytes":             machine(huge, usual, nil),
	}
	if dir := t.TempDir(); runtime.GOOS != "windows" {
		makePipe(t, filepath.Join(dir, "Procfile"))
		places["it is a pipe, and must be a regular file"] = Here(dir)
	}
	for want, place := range places {
		_, err := load(t).Recognise(place)
		if _, ok := errors.AsType[*ProcfileError](err); !ok || err.Error() != "cannot read the Procfile: "+want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
