package watch

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestChanges(t *testing.T) {
	tests := []struct {
		name string
		do   func(p *project)
		want []string
	}{
		{"written", func(p *project) { p.write("a.py", "new") }, []string{"a.py"}},
		{"same length", func(p *project) { p.write("a.py", "A.PY") }, []string{"a.py"}},
		{"appended", func(p *project) {
			f, err := os.OpenFile(p.path("a.py"), os.O_APPEND|os.O_WRONLY, 0)
			p.must(err)
			_, err = f.WriteString("more")
			p.must(err)
			p.must(f.Close())
		}, []string{"a.py"}},
		{"replaced", func(p *project) { p.replace("app/b.py", "new") }, []string{"app/b.py"}},
		{"saved by vim", func(p *project) {
			p.write("app/4913", "")
			p.must(os.Remove(p.path("app/4913")))
			p.write("app/.b.py.swp", "swap")
			p.must(os.Rename(p.path("app/b.py"), p.path("app/b.py~")))
			p.write("app/b.py", "new")
			p.must(os.Remove(p.path("app/b.py~")))
		}, []string{"app/b.py"}},
		{"created", func(p *project) { p.write("app/c.py", "c") }, []string{"app/c.py"}},
		{"removed", func(p *project) { p.must(os.Remove(p.path("app/b.py"))) }, []string{"app/b.py"}},
		{"renamed", func(p *project) { p.must(os.Rename(p.path("a.py"), p.path("z.py"))) }, []string{"a.py", "z.py"}},
		{"renamed folder", func(p *project) { p.must(os.Rename(p.path("app"), p.path("lib"))) }, []string{"app/b.py", "app/deep/c.py", "lib/b.py", "lib/deep/c.py"}},
		{"removed folder", func(p *project) { p.must(os.RemoveAll(p.path("app"))) }, []string{"app/b.py", "app/deep/c.py"}},
		{"folder moved in", func(p *project) {
			p.must(os.MkdirAll(filepath.Join(p.outside, "x"), 0o755))
			p.must(os.WriteFile(filepath.Join(p.outside, "x", "y.py"), []byte("x"), 0o644))
			p.must(os.Rename(p.outside, p.path("new")))
		}, []string{"new/x/y.py"}},
		{"deep new folders", func(p *project) { p.write("one/two/three/four.py", "4") }, []string{"one/two/three/four.py"}},
		{"many", func(p *project) {
			for i := range 500 {
				p.write(fmt.Sprintf("many/d%d/f%d.py", i%50, i), "x")
			}
		}, manyNames()},
		// What is no change.
		{"chmod", func(p *project) { p.must(os.Chmod(p.path("a.py"), 0o600)) }, nil},
		{"touch", func(p *project) { p.must(os.Chtimes(p.path("a.py"), time.Now(), time.Now())) }, nil},
		{"same content", func(p *project) { p.write("a.py", "a.py"); p.replace("app/b.py", "app/b.py") }, nil},
		{"there and back", func(p *project) { p.write("a.py", "x"); p.write("a.py", "a.py") }, nil},
		{"created and removed", func(p *project) { p.write("t.py", "x"); p.must(os.Remove(p.path("t.py"))) }, nil},
		{"moved and moved back", func(p *project) {
			p.must(os.Rename(p.path("app"), p.path("lib")))
			p.must(os.Rename(p.path("lib"), p.path("app")))
		}, nil},
		{"other names", func(p *project) { p.write("a.html", "x"); p.write("app/x.css", "x") }, nil},
		{"ignored", func(p *project) {
			p.write("app/.git/x.py", "x")
			p.write("app/node_modules/x/y.py", "x")
			p.write("app/__pycache__/b.py", "x")
		}, nil},
		{"a new venv", func(p *project) {
			p.write("myenv/pyvenv.cfg", "home = /usr")
			p.write("myenv/lib/site-packages/x.py", "x")
		}, nil},
		{"empty folder", func(p *project) { p.must(os.Mkdir(p.path("empty"), 0o755)) }, nil},
	}
	steps := []string{"saved by vim", "same content", "there and back", "created and removed", "moved and moved back"} // what is between them is a change
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, "a.py", "app/b.py", "app/deep/c.py", "app/x.html")
			p.open(Config{Globs: []string{"*.py"}, Settle: 200 * time.Millisecond, Patience: -1})
			p.wantOnly() // it knows the files' contents by then
			p.atOnce(slices.Contains(steps, tt.name), tt.do)
			p.wantOnly(tt.want...)
		})
	}
}

func manyNames() (names []string) {
	for i := range 500 {
		names = append(names, fmt.Sprintf("many/d%d/f%d.py", i%50, i))
	}
	return names
}

func TestFoldersAreFollowed(t *testing.T) {
	p := newProject(t, "a.py", "app/deep/b.py").open(Config{Globs: []string{"*.py"}, Settle: quick})
	p.must(os.Rename(p.path("app"), p.path("lib")))
	p.want("app/deep/b.py", "lib/deep/b.py")
	p.write("lib/deep/b.py", "new") // under its new name, though the system watches it since it had the old one
	p.want("lib/deep/b.py")
	p.must(os.RemoveAll(p.path("lib")))
	p.want("lib/deep/b.py")
	p.write("app/deep/b.py", "again")
	p.want("app/deep/b.py")
	p.write("app/deep/b.py", "and again")
	p.wantOnly("app/deep/b.py")
}

func TestOneBaseThatGoesAndComes(t *testing.T) {
	p := newProject(t, "src/deep/b.py", "fence.py").open(Config{Globs: []string{"src/deep/*.py", "fence*.py"}, Settle: quick})
	p.must(os.RemoveAll(p.path("src")))
	p.want("src/deep/b.py")
	p.write("src/deep/b.py", "new")
	p.want("src/deep/b.py")
	p.write("src/deep/b.py", "newer")
	p.wantOnly("src/deep/b.py")
}

func TestDirThatGoesAndComes(t *testing.T) {
	p := newProject(t, "shop/a.py")
	p.dir = p.path("shop")
	p.open(Config{Settle: quick})
	p.must(os.RemoveAll(p.dir))
	p.must(os.MkdirAll(p.dir, 0o755))
	p.write("b.py", "new")
	seen := map[string]bool{}
	for deadline := time.Now().Add(patience); !seen["a.py"] || !seen["b.py"]; {
		select {
		case c := <-p.changes:
			for _, name := range c.Files {
				seen[name] = true
			}
		case <-p.warned:
		case <-time.After(time.Until(deadline)):
			t.Fatalf("changed are %v, want a.py and b.py", seen)
		}
	}
}

func TestLinks(t *testing.T) {
	p := newProject(t, "a.py", "app/b.py", "real/c.py", "other/x.py")
	p.must(os.Symlink("..", p.path("app/loop")))
	p.must(os.Symlink("real", p.path("link")))
	p.must(os.Symlink("other/x.py", p.path("linked.py")))
	p.open(Config{Globs: []string{"link", "app", "linked.py", "fence*.py"}, Settle: quick})
	p.write("real/c.py", "new") // link leads there
	p.want("real/c.py")
	p.write("app/b.py", "new")
	p.want("app/b.py")
	p.write("other/x.py", "new")
	p.wantOnly("other/x.py")
	if n := p.watcher.Folders(); n > 5 {
		t.Errorf("%d folders are watched", n)
	}
}

// TestFiles that are named need not be there, and mean what they are called; nothing else matters for them.
func TestFiles(t *testing.T) {
	p := newProject(t, "a.py", "odd[1].yaml", "real/linked.yaml")
	p.must(os.Symlink(filepath.Join("real", "linked.yaml"), p.path("link.yaml")))
	p.open(Config{Globs: []string{"fence*.py"}, Files: []string{"later.yaml", "odd[1].yaml", p.path("link.yaml"), "../outside.yaml"}, Settle: quick})
	p.write("later.yaml", "new")
	p.want("later.yaml")
	p.replace("later.yaml", "newer")
	p.want("later.yaml")
	p.must(os.Remove(p.path("later.yaml")))
	p.want("later.yaml")
	p.write("odd[1].yaml", "new")
	p.want("odd[1].yaml")
	p.write("real/linked.yaml", "new")
	p.want("real/linked.yaml")
	p.must(os.WriteFile(p.path("../outside.yaml"), nil, 0o644))
	if c := <-p.changes; c.Count != 1 || c.Files[0] != p.path("../outside.yaml") {
		t.Errorf("changed are %v", c.Files)
	}
	p.write("a.py", "new")
	p.write("odd1.yaml", "new")
	p.write("real/later.yaml", "new")
	p.wantOnly()
}

// TestEndlessWrites writes without end for a while: there is no silence, and the change must be told all the same.
func TestEndlessWrites(t *testing.T) {
	p := newProject(t, "a.py").open(Config{Settle: patience, Patience: time.Second}) // a machine may be silent for a while that writes
	began := time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		p.write("a.py", fmt.Sprint("text ", i))
		select {
		case <-p.changes:
			if took := time.Since(began); took < 900*time.Millisecond || took > 5*time.Second {
				t.Errorf("told after %v, want 1 s", took)
			}
			return
		case <-tick.C:
			if time.Since(began) > patience {
				t.Fatal("never told")
			}
		}
	}
}

func TestChangesWhileOnChangeRuns(t *testing.T) {
	p := newProject(t, "a.py")
	release, calls := make(chan struct{}), make(chan Change, 100)
	p.open(Config{Settle: quick, OnChange: func(ctx context.Context, c Change) {
		calls <- c
		<-release
	}})
	next := func() Change {
		select {
		case c := <-calls:
			return c
		case <-time.After(patience):
			t.Fatal("not called")
		}
		return Change{}
	}
	p.write("a.py", "1")
	next()
	for i := range 20 { // several changes, each with its silence
		p.write(fmt.Sprintf("f%d.py", i), "x")
		time.Sleep(quick / 2 * 3)
	}
	if len(calls) > 0 {
		t.Fatalf("called again while it ran: %v", <-calls)
	}
	told, more := 0, 0
	for ; told < 20; more++ {
		release <- struct{}{}
		told += next().Count
	}
	if told != 20 || more > 2 { // the system may tell of the last one late
		t.Errorf("%d more calls tell of %d files, want one of all 20", more, told)
	}
	release <- struct{}{}
	p.write("a.py", "2")
	if c := next(); c.Count != 1 {
		t.Errorf("the last call tells of %q, want one file", c.Files)
	}
	close(release)
}

func TestRunWaitsForOnChange(t *testing.T) {
	p := newProject(t, "a.py")
	called, returned := make(chan struct{}), false
	w, err := Open(Config{Dir: p.dir, Settle: quick, OnChange: func(ctx context.Context, _ Change) {
		close(called)
		<-ctx.Done()
		returned = true
	}})
	p.must(err)
	defer w.Close()
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		p.write("a.py", "new")
		<-called
		cancel()
	}()
	w.Run(ctx)
	if !returned {
		t.Error("Run returned before OnChange had")
	}
}

func TestChangeBeforeRun(t *testing.T) {
	p := newProject(t, "a.py", "b.py")
	w, err := Open(Config{Dir: p.dir, Settle: quick, OnChange: func(_ context.Context, c Change) { p.changes <- c }})
	p.must(err)
	p.write("b.py", "B.PY")
	done := make(chan struct{})
	go func() { defer close(done); w.Run(context.Background()) }()
	p.want("b.py")
	p.must(w.Close())
	<-done
}
