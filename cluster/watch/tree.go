package watch

import (
	"errors"
	"hash/maphash"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/fsnotify/fsnotify"
)

// notifier is what a tree needs of an *fsnotify.Watcher. A test has one whose limit is low.
type notifier interface {
	Add(name string) error
	Remove(name string) error
}

// A tree is the folders that are watched and the files in them that matter. One goroutine uses it at a time.
type tree struct {
	rules   *rules
	system  notifier
	seed    maphash.Seed
	folders map[string]*folder
	dirty   map[string]state // files to be looked at again, with what they were before
	warn    func(error)
}

type folder struct {
	info  os.FileInfo // which folder it is, as another may come under its name
	subs  map[string]struct{}
	files map[string]state
}

// baseline watches all folders from root on and takes the files in them as they are.
func (t *tree) baseline(root string) error {
	if err := t.scan(root, false); err != nil {
		return err
	}
	for name := range t.dirty {
		t.folders[filepath.Dir(name)].files[filepath.Base(name)] = stat(name, t.seed)
	}
	clear(t.dirty)
	return nil
}

// scan watches a folder and all below it that matter, and marks the files that came or went; with all, every file. A
// folder is watched first and read then, so that nothing that is put into it is missed. Its errors are about this folder
// or a limit; what is wrong with others is told to warn.
func (t *tree) scan(dir string, all bool) error {
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() || isVenv(dir) && !t.rules.wanted(dir) {
		t.forget(dir)
		return err
	}
	f := t.folders[dir]
	if f != nil && !os.SameFile(f.info, info) {
		t.forget(dir)
		f = nil
	}
	if f == nil {
		if err := t.system.Add(dir); err != nil {
			return explain(dir, len(t.folders), err)
		}
		f = &folder{info: info, subs: map[string]struct{}{}, files: map[string]state{}}
		t.folders[dir] = f
		if parent := t.folders[filepath.Dir(dir)]; parent != nil {
			parent.subs[dir] = struct{}{}
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return explain(dir, len(t.folders), err)
	}
	return t.scanEntries(dir, f, entries, all)
}

func (t *tree) scanEntries(dir string, f *folder, entries []os.DirEntry, all bool) error {
	there := make(map[string]bool, len(entries))
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		there[name] = true
		if e.IsDir() {
			if !t.rules.folder(name) {
				continue
			}
			err := t.scan(name, all)
			if _, isLimit := errors.AsType[*LimitError](err); isLimit {
				return err
			} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.warn(err)
			}
		} else if _, known := f.files[e.Name()]; (all || !known) && t.rules.file(name) {
			t.mark(name)
		}
	}
	for sub := range f.subs {
		if !there[sub] {
			t.forget(sub)
		}
	}
	for file := range f.files {
		if name := filepath.Join(dir, file); !there[name] {
			t.mark(name)
		}
	}
	return nil
}

// forget lets a folder go, with all below it; the files that were in it are marked.
func (t *tree) forget(dir string) {
	f := t.folders[dir]
	if f == nil {
		return
	}
	for sub := range f.subs {
		t.forget(sub)
	}
	for file := range f.files {
		t.mark(filepath.Join(dir, file))
	}
	delete(t.folders, dir)
	if parent := t.folders[filepath.Dir(dir)]; parent != nil {
		delete(parent.subs, dir)
	}
	// Its one expected error is that the system has let it go already, as it does with a folder that is removed.
	if err := t.system.Remove(dir); err != nil && !gone(err) {
		t.warn(explain(dir, len(t.folders), err))
	}
}

// mark notes that a file is to be looked at again.
func (t *tree) mark(name string) {
	if _, ok := t.dirty[name]; ok {
		return
	}
	var before state
	if f := t.folders[filepath.Dir(name)]; f != nil {
		before = f.files[filepath.Base(name)]
	}
	t.dirty[name] = before
}

// compare looks at the marked files and returns those that are not what they were.
func (t *tree) compare() []string {
	var changed []string
	for name, before := range t.dirty {
		f := t.folders[filepath.Dir(name)]
		var now state
		if f != nil { // else it is in a folder that does not matter any more
			now = look(name, t.seed)
		}
		if !now.same(before) {
			changed = append(changed, name)
		}
		switch {
		case f == nil:
		case now.there:
			f.files[filepath.Base(name)] = now
		default:
			delete(f.files, filepath.Base(name))
		}
	}
	clear(t.dirty)
	return changed
}

// read takes the content of the files as they were in the beginning. It marks those that have changed since.
func (t *tree) read(stop <-chan struct{}) {
	left := int64(hashAll)
	for dir, f := range t.folders {
		for file, before := range f.files {
			select {
			case <-stop:
				return
			default:
			}
			if before.size > hashFile {
				continue
			}
			if left -= before.size; left < 0 {
				return
			}
			name := filepath.Join(dir, file)
			if now := look(name, t.seed); now.same(before) && now.time.Equal(before.time) {
				f.files[file] = now
			} else {
				t.mark(name)
			}
		}
	}
}

// gone says whether an error of taking a watch away means that there was none: the system has dropped it with its folder,
// and fsnotify has not heard of that yet. A folder that is about to go is a permission error on Windows.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, fsnotify.ErrNonExistentWatch) ||
		errors.Is(err, fsnotify.ErrClosed) || errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.EBADF)
}

func isVenv(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, venvMark))
	return err == nil
}
