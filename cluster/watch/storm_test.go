package watch

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/goleak"
)

// TestCheckout changes branches of a real repository: some files change, some come, some go, with their folders.
func TestCheckout(t *testing.T) {
	p := newProject(t)
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", p.dir, "-c", "user.name=x", "-c", "user.email=x@example.com"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
	}
	git("init", "-q", "-b", "main")
	for i := range 300 {
		p.write(fmt.Sprintf("app%d/f%d.py", i%30, i), "main")
	}
	git("add", ".")
	git("commit", "-qm", "main")
	git("checkout", "-qb", "other")
	for i := range 100 {
		p.write(fmt.Sprintf("app%d/f%d.py", i%30, i), "other") // changed
		p.write(fmt.Sprintf("new%d/sub/f%d.py", i%10, i), "other")
	}
	p.must(os.RemoveAll(p.path("app29"))) // 10 files
	git("add", ".")
	git("commit", "-qm", "other")
	p.open(Config{Settle: time.Second, Patience: -1}) // git may be slow
	p.write("fence0", "x")
	p.want("fence0")
	for _, branch := range []string{"main", "other"} {
		git("checkout", "-q", branch)
		// app29 has 3 files of those that were changed before it was removed.
		if c := <-p.changes; c.Count != 97+100+10 {
			t.Fatalf("checkout of %s is a change of %d files, want 207", branch, c.Count)
		}
	}
	p.wantOnly()
}

// TestLargeTree has 5,000 folders of sources, and as many that don't matter.
func TestLargeTree(t *testing.T) {
	p := newProject(t)
	for i := range 5000 {
		p.must(os.MkdirAll(p.path(fmt.Sprintf("node_modules/m%d/lib%d", i/100, i)), 0o755))
		p.must(os.MkdirAll(p.path(fmt.Sprintf("app/a%d/b%d", i/100, i)), 0o755))
		p.must(os.WriteFile(p.path(fmt.Sprintf("app/a%d/b%d/x.py", i/100, i)), []byte("x"), 0o644))
	}
	began := time.Now()
	w, err := Open(Config{Dir: p.dir, Ignore: []string{"app"}})
	p.must(err)
	small, n := time.Since(began), w.Folders()
	p.must(w.Close())
	if n != 1 {
		t.Errorf("%d folders are watched, want the root alone", n)
	}
	p.open(Config{Settle: time.Second / 2, Patience: -1}) // removing the tree may take longer than 2 s, and pause
	t.Logf("opened: root alone in %v, 5,052 folders in %v", small, time.Since(began)-small)
	if n := p.watcher.Folders(); n != 5000+50+2 {
		t.Errorf("%d folders are watched, want 5052", n)
	}
	for i := range 3 {
		name := fmt.Sprintf("app/a7/b7%d%d/x.py", i, i)
		p.write("node_modules/m7/lib700/x.js", fmt.Sprint(i))
		began = time.Now()
		p.write(name, "yy")
		p.want(name)
		t.Logf("told %v after a write", time.Since(began))
	}
	p.must(os.RemoveAll(p.path("app")))
	if c := <-p.changes; c.Count != 5000 {
		t.Errorf("the end of the tree is a change of %d files, want 5000", c.Count)
	}
	p.wantOnly()
}

// TestRenameStorm moves folders about from several sides; when it is over, what is told must add up to what there is, and
// each folder must be watched under the name that it has.
func TestRenameStorm(t *testing.T) {
	p := newProject(t)
	for i := range 20 {
		p.write(fmt.Sprintf("d%d/sub/deep/f%d.py", i, i), "x")
	}
	p.open(Config{Settle: quick})
	var movers sync.WaitGroup
	for range 4 {
		movers.Go(func() {
			for range 300 {
				from := p.path(fmt.Sprintf("d%d", rand.IntN(25)))
				to := p.path(fmt.Sprintf("d%d", rand.IntN(25)))
				if rand.IntN(2) == 0 {
					to = filepath.Join(to, "sub", fmt.Sprintf("in%d", rand.IntN(3)))
				}
				os.Rename(from, to) // many of these can't be: there is none, or another in its place
			}
		})
	}
	movers.Wait()
	p.write("end.py", "x")
	for told := false; !told; {
		select {
		case <-p.changes:
			told = true
		case <-time.After(patience):
			t.Fatal("the storm was not told")
		}
		for len(p.changes) > 0 {
			<-p.changes
		}
	}
	p.eventually("end of the storm", func() bool {
		p.write("calm.py", time.Now().String())
		return (<-p.changes).Count == 1
	})
	var files []string
	p.must(filepath.WalkDir(p.dir, func(name string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() && filepath.Base(name)[0] == 'f' {
			rel, _ := filepath.Rel(p.dir, name)
			files = append(files, filepath.ToSlash(rel))
		}
		return err
	}))
	if len(files) != 20 {
		t.Fatalf("%d files are left of 20", len(files))
	}
	for _, name := range files {
		p.write(name, "written where it is now")
		p.want(name)
	}
}

func (p *project) eventually(what string, done func() bool) {
	p.Helper()
	for deadline := time.Now().Add(patience); !done(); {
		if time.Now().After(deadline) {
			p.Fatalf("never saw the %s", what)
		}
	}
}

// TestOverflow loses events as the kernel does when its queue is full: everything must be looked at again.
func TestOverflow(t *testing.T) {
	p := newProject(t, "a/x.py", "b/y.py").open(Config{Settle: quick})
	p.wantOnly()
	p.watcher.inbox.mu.Lock() // nothing is taken while this is held
	p.write("a/x.py", "new")
	p.write("c/z.py", "new")
	p.must(os.Remove(p.path("b/y.py")))
	p.watcher.inbox.mu.Unlock()
	p.watcher.inbox.fault(fsnotify.ErrEventOverflow)
	seen := map[string]bool{}
	p.eventually("three files", func() bool {
		for _, name := range (<-p.changes).Files {
			seen[filepath.ToSlash(name)] = true
		}
		return seen["a/x.py"] && seen["b/y.py"] && seen["c/z.py"]
	})
	p.wantOnly()
}

// TestInboxIsBounded fills it without anybody who takes.
func TestInboxIsBounded(t *testing.T) {
	b := &inbox{more: make(chan struct{}, 1)}
	for range keepEvents + 1 {
		b.put(fsnotify.Event{Name: "x", Op: fsnotify.Write})
	}
	if events, overflow, _ := b.take(nil); len(events) != keepEvents || !overflow {
		t.Errorf("%d events were kept, overflow is %v; want %d, and true", len(events), overflow, keepEvents)
	}
}

func TestNothingIsLeftOpen(t *testing.T) {
	p := newProject(t, "a/b/c.py")
	before := descriptors()
	for range 100 {
		w, err := Open(Config{Dir: p.dir})
		p.must(err)
		p.must(w.Close())
		p.must(w.Close())
	}
	if after := descriptors(); after > before {
		t.Errorf("%d descriptors are open, %d were", after, before)
	}
	goleak.VerifyNone(t, goleak.IgnoreCurrent())
}

func descriptors() int {
	entries, _ := os.ReadDir("/proc/self/fd")
	return len(entries)
}

// A scarce system allows a number of watches.
type scarce struct {
	notifier
	left int
}

func (s *scarce) Add(name string) error {
	if s.left--; s.left < 0 {
		return syscall.ENOSPC
	}
	return s.notifier.Add(name)
}

func TestLimitIsNamed(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // ENOSPC is inotify's word
	}
	p := newProject(t, "a/x.py", "b/y.py", "c/z.py")
	w, err := Open(Config{Dir: p.dir, Ignore: []string{"?"}})
	p.must(err)
	defer w.Close()
	rules, err := newRules(p.dir, nil, nil, nil, filepath.Separator)
	p.must(err)
	w.tree.rules, w.tree.system = rules, &scarce{w.system, 2}
	err = w.tree.scan(p.dir, false)
	limit, ok := errors.AsType[*LimitError](err)
	if !ok || limit.Watched != 3 || limit.Setting != "fs.inotify.max_user_watches" || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("%v (%+v), want a limit of max_user_watches after 3 folders", err, limit)
	}
	var warned []error
	w.config.Warn = func(err error) { warned = append(warned, err) }
	w.scan(p.dir, false)
	w.scan(p.dir, false)
	if len(warned) != 1 {
		t.Errorf("warned of %v, want one warning", warned)
	}
}
