package watch

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// keepNames is how many files a Change names.
	keepNames = 8
	// rootPoll is how often a root that is gone is looked for.
	rootPoll = time.Second
)

// Config says what to watch. The zero value watches everything below the current folder.
type Config struct {
	// Dir is the folder that globs are relative to. Empty means the current one.
	Dir string
	// Globs say which files matter; the package's doc has the syntax. None, or only excludes, means all files below Dir, if Files has none.
	Globs []string
	// Files are names of files that matter, as they are, relative to Dir. They need not be there yet, but their folders must.
	Files []string
	// Ignore holds paths and globs of what never matters, such as the folder of the log files. Here no ! is needed.
	Ignore []string
	// Settle is how long nothing may happen before a change is told. Zero means 200 ms, negative not at all.
	Settle time.Duration
	// Patience is how long after its first event a change is told where the events don't end. Zero means 2 s, negative
	// for ever.
	Patience time.Duration
	// OnChange is called for each change, one at a time, in a goroutine that Run waits for. Its context is that of Run.
	// Nil does nothing.
	OnChange func(context.Context, Change)
	// Warn hears of what cannot be watched while the rest goes on: a *LimitError, a folder that may not be read. It is
	// called by Open and Run. Nil means nobody does.
	Warn func(error)
}

func (c *Config) settle() time.Duration {
	if c.Settle == 0 {
		return 200 * time.Millisecond
	}
	return max(c.Settle, 0)
}

func (c *Config) patience() time.Duration {
	if c.Patience == 0 {
		return 2 * time.Second
	}
	return c.Patience
}

func (c *Config) warn(err error) {
	if c.Warn != nil {
		c.Warn(err)
	}
}

// A Change tells which files came, went or have another content.
type Change struct {
	Files []string // at most 8 of them, sorted; relative to Config.Dir, or absolute if elsewhere
	Count int      // how many there are
}

// A Watcher watches files. Open makes one.
type Watcher struct {
	config Config
	dir    string // absolute and without links
	roots  []string
	system *fsnotify.Watcher
	inbox  *inbox
	reader sync.WaitGroup // of the inbox
	tree   *tree          // Run's, once it runs

	// What follows belongs to Run.
	first    time.Time // when the change that is being gathered began; zero if there is none
	timer    *time.Timer
	settled  bool // nothing has happened for a while since then
	moved    bool // folders came or went
	overflow bool
	busy     chan struct{} // closed when OnChange has returned; nil if it doesn't run
	limited  bool          // that there are no more watches was told
	missing  bool          // a root is gone, and that was told
}

// Open watches the files from now on; what happens before Run is kept for it. Its errors are *GlobError (joined, if there
// are several), *LimitError, or about Dir. The caller owes a Close.
func Open(config Config) (*Watcher, error) {
	dir, err := filepath.Abs(config.Dir)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot watch %q: %w", config.Dir, cause(err))
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("cannot watch %q: it is no folder", config.Dir)
	}
	rules, err := newRules(dir, config.Globs, config.Files, config.Ignore, filepath.Separator)
	if err != nil {
		return nil, err
	}
	system, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, explain(dir, 0, err)
	}
	w := &Watcher{
		config: config, dir: dir, roots: rules.roots(dir), system: system,
		inbox: &inbox{more: make(chan struct{}, 1)},
		tree: &tree{
			rules: rules, system: system, seed: maphash.MakeSeed(), warn: config.warn,
			folders: map[string]*folder{}, dirty: map[string]state{},
		},
	}
	w.reader.Go(func() { w.inbox.run(system) })
	for _, root := range w.roots {
		if err := w.tree.baseline(root); err != nil {
			w.Close()
			if _, ok := errors.AsType[*LimitError](err); !ok {
				err = fmt.Errorf("cannot watch %q: %w", root, cause(err))
			}
			return nil, err
		}
	}
	return w, nil
}

// Folders is how many folders are watched. It must not be called while Run runs.
func (w *Watcher) Folders() int { return len(w.tree.folders) }

// Close lets everything go, and ends Run. It may be called more than once.
func (w *Watcher) Close() error {
	err := w.system.Close()
	w.reader.Wait()
	return err
}

// Run watches until ctx ends or the Watcher is closed, and returns when OnChange has. It can be called once.
func (w *Watcher) Run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer w.finish(cancel)
	w.timer = time.NewTimer(time.Hour)
	w.timer.Stop()
	w.tree.read(ctx.Done())
	if len(w.tree.dirty) > 0 {
		w.poke(time.Now())
	}
	var events []fsnotify.Event
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.inbox.more:
			var closed bool
			if events, closed = w.takeEvents(events); closed {
				return
			}
		case <-w.timer.C:
			var closed bool
			if events, closed = w.settle(events); closed {
				return
			}
		case <-w.busy:
			w.busy = nil
			if !w.first.IsZero() {
				w.first = time.Now() // patience begins anew: what is under way may end yet
			}
		}
		if w.settled && w.busy == nil {
			w.fire(ctx)
		}
	}
}

func (w *Watcher) finish(cancel context.CancelFunc) {
	cancel()
	w.timer.Stop()
	if w.busy != nil {
		<-w.busy
	}
}

func (w *Watcher) takeEvents(buf []fsnotify.Event) (events []fsnotify.Event, closed bool) {
	events, overflow, closed := w.inbox.take(buf)
	now := time.Now()
	if overflow {
		w.overflow = true
		w.poke(now)
	}
	for i := range events {
		if w.take(events[i]) {
			w.poke(now)
		}
	}
	clear(events) // their names
	return events, closed
}

// settle ends a change, unless there are events which only we have not come to look at, and which it is not too late to wait for.
func (w *Watcher) settle(buf []fsnotify.Event) (events []fsnotify.Event, closed bool) {
	patience := w.config.patience()
	late := patience >= 0 && time.Since(w.first) >= patience
	w.settled = true
	events, closed = w.takeEvents(buf)
	w.settled = w.settled || late
	return events, closed
}

// take says whether an event matters.
func (w *Watcher) take(e fsnotify.Event) bool {
	t, name := w.tree, filepath.Clean(e.Name)
	left := t.folders[name] != nil && (e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename))
	if left {
		t.forget(name)
		w.moved = true
	}
	if e.Has(fsnotify.Create) {
		if info, err := os.Lstat(name); err == nil && info.IsDir() {
			if t.folders[filepath.Dir(name)] == nil || !t.rules.folder(name) {
				return left // it does not matter, or what holds it was let go
			}
			w.moved = true
			w.scan(name, false)
			return true
		}
		if filepath.Base(name) == venvMark && !t.rules.wanted(filepath.Dir(name)) {
			w.tree.forget(filepath.Dir(name))
			return true
		}
	}
	if t.rules.file(name) {
		t.mark(name)
		return true
	}
	return left
}

// poke begins a change or waits for more of it.
func (w *Watcher) poke(now time.Time) {
	if w.first.IsZero() {
		w.first = now
	}
	w.settled = false
	wait := w.config.settle()
	if patience := w.config.patience(); patience >= 0 && w.busy == nil {
		wait = min(wait, w.first.Add(patience).Sub(now))
	}
	w.timer.Reset(max(wait, 0))
}

// fire tells the change, if what has happened comes to one.
func (w *Watcher) fire(ctx context.Context) {
	// A folder that was renamed takes the watches of those below it along, under their old names; and one that was found by
	// looking may have been moved there. So each folder is looked at once more when all is quiet.
	missing := false
	if w.moved || w.overflow {
		for _, root := range w.roots {
			missing = !w.scan(root, w.overflow) || missing
		}
	}
	w.settled, w.moved, w.overflow, w.first = false, false, false, time.Time{}
	if missing { // nobody tells when it is there again
		w.moved, w.first = true, time.Now()
		w.timer.Reset(rootPoll)
	}
	w.missing = missing
	changed := w.tree.compare()
	if len(changed) == 0 || w.config.OnChange == nil {
		return
	}
	busy := make(chan struct{})
	w.busy = busy
	go w.call(ctx, w.change(changed), busy)
}

// call is the goroutine that runs OnChange; Run waits for it.
func (w *Watcher) call(ctx context.Context, c Change, done chan<- struct{}) {
	defer close(done)
	w.config.OnChange(ctx, c)
}

func (w *Watcher) change(names []string) Change {
	slices.Sort(names)
	c := Change{Count: len(names)}
	for _, name := range names[:min(len(names), keepNames)] {
		if rel, ok := below(w.dir, name); ok {
			name = filepath.FromSlash(rel)
		}
		c.Files = append(c.Files, name)
	}
	return c
}

// scan looks at a folder and all below it. What cannot be watched is told. It is false if the folder is a root that is not
// there.
func (w *Watcher) scan(dir string, all bool) bool {
	err := w.tree.scan(dir, all)
	if err == nil {
		return true
	}
	if _, ok := errors.AsType[*LimitError](err); ok {
		if !w.limited {
			w.limited = true
			w.warn(err)
		}
		return true
	}
	if !slices.Contains(w.roots, dir) { // it has gone again
		return true
	}
	if !w.missing {
		w.warn(fmt.Errorf("cannot watch %q until it is there again: %w", dir, cause(err)))
	}
	return false
}

func (w *Watcher) warn(err error) { w.config.warn(err) }
