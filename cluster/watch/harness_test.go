package watch

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	playChild()
	goleak.VerifyTestMain(m)
}

// patience is how long a test waits for something that takes no time when all is well.
const patience = 30 * time.Second

// A project is a folder of real files and a Watcher that runs on it.
type project struct {
	*testing.T
	watcher *Watcher
	outside string // a folder that is not watched
	dir     string
	fences  int
	changes chan Change
	warned  chan error
}

// newProject makes the files, each with its own name as content.
func newProject(t *testing.T, files ...string) *project {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := &project{T: t, outside: filepath.Join(dir, "outside"), dir: filepath.Join(dir, "project"), changes: make(chan Change, 1000), warned: make(chan error, 1000)}
	p.must(os.MkdirAll(p.dir, 0o755))
	for _, name := range files {
		p.write(name, name)
	}
	return p
}

// open watches it, as config says, until the test ends.
func (p *project) open(config Config) *project {
	p.Helper()
	if config.Dir == "" {
		config.Dir = p.dir
	}
	if config.OnChange == nil {
		config.OnChange = func(_ context.Context, c Change) { p.changes <- c }
	}
	config.Warn = func(err error) { p.warned <- err }
	var err error
	if p.watcher, err = Open(config); err != nil {
		p.Fatal(err)
	}
	var run sync.WaitGroup
	run.Go(func() { p.watcher.Run(p.Context()) })
	p.Cleanup(func() {
		p.watcher.Close()
		run.Wait()
	})
	return p
}

func (p *project) path(name string) string { return filepath.Join(p.dir, filepath.FromSlash(name)) }

func (p *project) write(name, text string) {
	p.Helper()
	p.must(os.MkdirAll(filepath.Dir(p.path(name)), 0o755))
	p.must(os.WriteFile(p.path(name), []byte(text), 0o644))
}

// replace writes a file as most editors do: another one, renamed over it.
func (p *project) replace(name, text string) {
	p.Helper()
	p.write(name+".new", text)
	p.must(os.Rename(p.path(name+".new"), p.path(name)))
}

func (p *project) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// want waits for the next change, which must be of these files alone.
func (p *project) want(files ...string) Change {
	p.Helper()
	select {
	case c := <-p.changes:
		for i, name := range c.Files {
			c.Files[i] = filepath.ToSlash(name)
		}
		slices.Sort(files)
		if !slices.Equal(c.Files, files[:min(len(files), keepNames)]) || c.Count != len(files) {
			p.Fatalf("%d files changed: %q, want %q", c.Count, c.Files, files)
		}
		return c
	case err := <-p.warned:
		p.Fatalf("warned: %v", err)
	case <-time.After(patience):
		p.Fatalf("nothing changed, want %q", files)
	}
	return Change{}
}

// wantOnly is want, and proves that there is nothing else: another file is written, which must be the next change, by
// itself.
func (p *project) wantOnly(files ...string) {
	p.Helper()
	if len(files) > 0 {
		p.want(files...)
	}
	p.fences++
	name := fmt.Sprintf("fence%d.py", p.fences)
	p.write(name, "x")
	p.want(name)
}

// atOnce does something, and if that is wanted the watcher hears of nothing until it is done: a machine may take its time between two
// steps, and what is told then is told rightly.
func (p *project) atOnce(wanted bool, do func(p *project)) {
	if wanted {
		p.watcher.inbox.mu.Lock() // nothing is taken while this is held
		defer p.watcher.inbox.mu.Unlock()
	}
	do(p)
}

// quick is the settle time of tests that are not about it.
const quick = 30 * time.Millisecond
