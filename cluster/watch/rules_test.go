package watch

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

func TestGlobs(t *testing.T) {
	p := newProject(t, "shop/app/models.py", "shop/src/a/b.c", "shop/Makefile", "shop/packages/one/dist/x.js", "shop/[odd]/x.py",
		"shared/t.html", "shop/node_modules/mine/index.js", "shop/target/app.jar", "shop/venv/lib/x.py")
	dir := p.path("shop")
	tests := []struct {
		globs, ignore string // separated by blanks
		yes, no       string
	}{
		{"", "", "a.py app/models.py x/y/z.html .env", ".git/config node_modules/a/b.js app/__pycache__/m.pyc m.pyc .venv/x.py " +
			"db.sqlite3 data/app.db db.sqlite3-wal db.sqlite3-journal .models.py.swp models.py~ .#models.py 4913 .DS_Store dist/a.js " +
			"build/a.js target/x .next/x .idea/w.xml a/.vscode/s.json ../other/a.py venv/lib/x.py"},
		{"*.py", "", "a.py app/a.py app/b/c/d.py", "a.pyc a.html py venv/lib/x.py"},
		{"./*.py", "", "a.py", "app/a.py"},
		{"app/*.py", "", "app/a.py", "a.py app/b/c.py x/app/a.py"},
		{"app/**/*.py", "", "app/a.py app/b/c/d.py", "a.py x/app/a.py app/a.html app/node_modules/a.py"},
		{"src", "", "src/a src/b/c.d", "a x/src/a src/node_modules/x srca/x"},
		{"src/", "", "src/a src/b/c.d", "a"},
		{"./src", "", "src/a", "a x/src/a"},
		{"Makefile", "", "Makefile", "src/Makefile a"},
		{"**/.env", "", ".env a/.env a/b/.env .env/local", "env a.env"},
		{"*.{py,html}", "", "a.py x/a.html", "a.css"},
		{"*.py !migrations", "", "a.py x/a.py", "migrations/a.py x/migrations/a.py x/migrations/y/a.py"},
		{"!*.css", "", "a.py x/a.html", "a.css x/y.css"},
		{"!src/a", "", "src/b.c a/x x/src/a", "src/a/b.c src/a"},
		{"", "logs", "a.py", "logs/access.log x/logs/y"},
		{"", "./logs", "a.py x/logs/y", "logs/access.log"},
		{"*.py", "[odd]", "a.py", "[odd]/x.py o/x.py"},
		{"../shared", "", "../shared/t.html ../shared/a/b", "a.py ../other"},
		{"../shared/*.html", "", "../shared/t.html", "../shared/a/b.html t.html"},
		{"*.py ../shared/**/*.html", "", "a.py ../shared/x/t.html", "x.html ../shared/a.py"},
		// What is mostly ignored, but was named.
		{"target/*.jar", "", "target/a.jar", "target/x/a.jar a.jar"},
		{"packages/*/dist/*.js", "", "packages/one/dist/x.js", "dist/x.js packages/one/build/x.js"},
		{"packages/*/dist", "", "packages/one/dist/x.js packages/one/dist/y/z", "packages/one/x.js"},
		{"node_modules/mine/**/*.js", "", "node_modules/mine/index.js", "node_modules/other/x.js node_modules/mine/node_modules/x.js"},
		{"*.sqlite3", "", "db.sqlite3", "db.sqlite3-wal a.py"},
		{"*.{sqlite3,db}", "", "db.sqlite3 a.db", "a.sqlite"},
		{"*", "", "a.py x/y", "db.sqlite3"},
	}
	for _, tt := range tests {
		r, err := newRules(dir, strings.Fields(tt.globs), nil, strings.Fields(tt.ignore), '/')
		if err != nil {
			t.Errorf("globs %q: %v", tt.globs, err)
			continue
		}
		for name := range strings.FieldsSeq(tt.yes) {
			if full := filepath.Join(dir, filepath.FromSlash(name)); !r.file(full) {
				t.Errorf("globs %q, ignore %q: %q does not matter", tt.globs, tt.ignore, name)
			} else if !r.folder(filepath.Dir(full)) {
				t.Errorf("globs %q, ignore %q: the folder of %q is not watched", tt.globs, tt.ignore, name)
			}
		}
		for name := range strings.FieldsSeq(tt.no) {
			if r.file(filepath.Join(dir, filepath.FromSlash(name))) {
				t.Errorf("globs %q, ignore %q: %q matters", tt.globs, tt.ignore, name)
			}
		}
	}
}

func TestGlobsWithBackslashes(t *testing.T) {
	p := newProject(t, "app/a.py")
	r, err := newRules(p.dir, []string{`app\**\*.py`, `!app\tests`}, nil, []string{`app\logs`}, '\\')
	p.must(err)
	for name, want := range map[string]bool{"app/a.py": true, "app/x/y.py": true, "a.py": false, "app/tests/a.py": false, "app/logs/a.py": false} {
		if got := r.file(p.path(name)); got != want {
			t.Errorf("%s matters: %v, want %v", name, got, want)
		}
	}
}

func TestFoldersThatCannotMatterAreNotWatched(t *testing.T) {
	p := newProject(t, "app/x/y/a.py", "src/a.c", "docs/a.txt")
	if r, err := newRules(p.dir, nil, []string{"later.yaml"}, nil, '/'); err != nil || r.folder(p.path("app")) || !r.folder(p.dir) {
		t.Errorf("for a file in it only the folder itself is watched: %v", err)
	}
	r, err := newRules(p.dir, []string{"app/*.py", "src", "!src/gen"}, nil, nil, '/')
	p.must(err)
	for name, want := range map[string]bool{
		".": true, "app": true, "app/x": false, "src": true, "src/x/y": true, "docs": false, "src/node_modules": false, "src/gen": false,
	} {
		if got := r.folder(p.path(name)); got != want {
			t.Errorf("folder %s is watched: %v, want %v", name, got, want)
		}
	}
}

func TestGlobsThatCannotBeUsed(t *testing.T) {
	p := newProject(t, "a.py")
	_, err := Open(Config{Dir: p.dir, Globs: []string{"[a", "{a,b", "!", "scr", "nowhere/*.py", "a.py/*.py", "*.py"}})
	var globs []string
	for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
		g, ok := errors.AsType[*GlobError](e)
		if !ok {
			t.Fatalf("%v is no *GlobError", e)
		}
		globs = append(globs, g.Glob)
	}
	if got := strings.Join(globs, " "); got != "[a {a,b ! scr nowhere/*.py a.py/*.py" {
		t.Errorf("faulty are %q\n%v", got, err)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v does not say that a file is missing", err)
	}
	if _, err := Open(Config{Dir: p.dir, Files: []string{"nowhere/a.py"}}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file in a folder that is not there: %v", err)
	}
	if _, err := Open(Config{Dir: p.path("nowhere")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
	if _, err := Open(Config{Dir: p.path("a.py")}); err == nil {
		t.Error("a file was watched as a folder")
	}
}
