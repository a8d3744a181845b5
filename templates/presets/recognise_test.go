package presets

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

// long ago is when the files of a fixture were changed.
var longAgo = time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)

// folder makes a folder of a txtar archive. The time of each file is an hour after the one before it.
func folder(archive *txtar.Archive) fstest.MapFS {
	dir := fstest.MapFS{}
	for i, file := range archive.Files {
		dir[file.Name] = &fstest.MapFile{Data: file.Data, Mode: 0o644, ModTime: longAgo.Add(time.Duration(i) * time.Hour)}
	}
	return dir
}

// A machine is a place with these programs and variables.
func machine(dir fs.FS, programs []string, env map[string]string) Place {
	return Place{
		Dir: dir, Path: "/srv/app", OS: "linux",
		Getenv: func(name string) string { return env[name] },
		LookPath: func(name string) (string, error) {
			if slices.Contains(programs, name) {
				return "/usr/bin/" + name, nil
			}
			return "", errors.New("not found")
		},
	}
}

var usual = []string{"python3", "node", "npm", "php", "ruby", "rackup", "java", "/opt/tomcat/bin/catalina.sh", "go", "gunicorn", "sh"}

func load(t testing.TB) *Set {
	t.Helper()
	s := Load("", nil)
	if len(s.Broken()) > 0 {
		t.Fatal(s.fault(func(*BrokenError) bool { return true }))
	}
	return s
}

// shown is a found preset in a few lines.
func shown(f Found) string {
	var b strings.Builder
	line := func(name, text string) {
		if text != "" {
			b.WriteString(name + " " + text + "\n")
		}
	}
	line("preset", f.Preset.Name)
	line("why", f.Why)
	line("command", strings.Join(f.Command, " "))
	line("said", f.Said)
	for _, task := range f.Prepare {
		text := strings.Join(task.Argv, " ")
		if task.Changes != "" {
			text += " [changes " + task.Changes + "]"
		}
		if task.Needless != "" {
			text += " [not needed: " + task.Needless + "]"
		}
		line("prepare", text)
	}
	for _, name := range slices.Sorted(keysOfMap(f.Settings)) {
		line("setting", name+"="+strings.Join(f.Settings[name], ","))
	}
	for _, name := range slices.Sorted(keysOfMap(f.Env)) {
		line("env", name+"="+f.Env[name])
	}
	for _, name := range f.Unset {
		line("unset", name)
	}
	for _, other := range f.Others {
		line("other", other.Name+": "+other.Why)
	}
	return b.String()
}

func keysOfMap[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for name := range m {
			if !yield(name) {
				return
			}
		}
	}
}

var update = flag.Bool("update", false, "write what is found into testdata/folders")

// TestRecognise has a folder for every row of the table of frameworks, ambiguous ones included; the comment of each archive is what is said of
// it. Notes are left out: they are prose. -update writes the comments anew.
func TestRecognise(t *testing.T) {
	set := load(t)
	names, err := filepath.Glob("testdata/folders/*.txtar")
	if err != nil || len(names) < 40 {
		t.Fatalf("found %d folders, %v", len(names), err)
	}
	seen := map[string]bool{}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			found, err := set.Recognise(machine(folder(archive), usual, map[string]string{"CATALINA_HOME": "/opt/tomcat"}))
			seen[found.Preset.Name] = true
			got := shown(found)
			if err != nil {
				got = "error " + err.Error() + "\n"
			}
			if *update {
				archive.Comment = []byte(got)
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got != string(archive.Comment) {
				t.Errorf("found\n%swant\n%s", got, archive.Comment)
			}
		})
	}
	for _, p := range set.All() {
		if len(p.When) > 0 && !seen[p.Name] {
			t.Errorf("no folder is a %s", p.Name)
		}
	}
}
