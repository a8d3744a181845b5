package logfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/procs"
)

func TestFilesOfWorkers(t *testing.T) {
	b := newBench(t, Config{})
	b.event(cluster.Event{Port: 8001, State: cluster.Starting, PID: 7, Incarnation: 1})
	b.line(8001, "plain")
	b.line(8002, "other")
	b.line(8001, "\x1b[31mred\x1b[0m and \x1b[1;38;5;7mbold\x1b[0m lbdev: not so")
	b.line(8001, "")
	b.event(cluster.Event{Port: 8001, State: cluster.Ready, PID: 7, Incarnation: 1, Took: 373 * time.Millisecond})
	b.line(8001, "last words")
	b.event(cluster.Event{Port: 8001, State: cluster.Backoff, PID: 7, Incarnation: 1, Restarts: 1,
		Exit: &procs.Exit{Code: 3, Ran: 1500 * time.Millisecond}})
	b.event(cluster.Event{Port: 8001, State: cluster.Starting, PID: 8, Incarnation: 2, Restarts: 1})
	b.event(cluster.Event{Port: 8001, Kind: cluster.KindNotice, Text: "two\nlines"})
	b.event(cluster.Event{Port: 8001, State: cluster.Stopped, PID: 8, Incarnation: 2, Killed: 2, Exit: &procs.Exit{Code: 137}})
	b.event(cluster.Event{Port: 8002, State: cluster.Backoff, Reason: "port 8002 is in use", Delay: 500 * time.Millisecond})
	b.event(cluster.Event{Port: 8002, State: cluster.Failed, Reason: "exited before it was ready (3 times)"})
	b.event(cluster.Event{Kind: cluster.KindNotice, Text: "about the cluster"})
	b.close()
	want := []string{
		"lbdev: starting pid 7 (incarnation 1)",
		"| plain",
		"| red and bold lbdev: not so",
		"| ",
		"lbdev: ready pid 7 (incarnation 1) after 373ms",
		"| last words",
		"lbdev: backoff pid 7 (incarnation 1): exited with code 3 after 1.5s, restart 1 now",
		"lbdev: starting pid 8 (incarnation 2), restart 1",
		"lbdev: two lines",
		"lbdev: stopped pid 8 (incarnation 2): exited with code 137 after 0s, 2 killed as they did not end in time",
	}
	if got := b.texts("worker-8001.log"); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	want = []string{"| other", "lbdev: backoff: port 8002 is in use, next look in 500ms", "lbdev: failed: exited before it was ready (3 times)"}
	if got := b.texts("worker-8002.log"); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestEventsStandWhereTheyHappened publishes from two sides at once: each event names the line before it.
func TestEventsStandWhereTheyHappened(t *testing.T) {
	b := newBench(t, Config{})
	for i := range 5000 {
		b.line(8001, "line %d", i)
		if i%7 == 0 {
			b.event(cluster.Event{Kind: cluster.KindNotice, Port: 8001, Text: fmt.Sprintf("after %d", i)})
		}
	}
	b.close()
	last, events := "", 0
	for _, text := range b.texts("worker-8001.log") {
		if after, ok := strings.CutPrefix(text, "lbdev: after "); ok {
			events++
			if last != "| line "+after {
				t.Fatalf("%q stands after %q", text, last)
			}
		}
		last = text
	}
	if events != 715 {
		t.Errorf("%d events were written, want 715", events)
	}
}

func TestCloseWritesWhatWasPublished(t *testing.T) {
	for _, end := range []string{"files first", "feeds first"} {
		b := newBench(t, Config{})
		for i := range 900 {
			b.line(8001, "line %d", i)
		}
		if end == "feeds first" {
			b.events.Close()
			b.logs.Close()
		}
		b.close()
		b.close()
		if got := len(b.texts("worker-8001.log")); got != 900 {
			t.Errorf("%s: %d lines were written, want 900", end, got)
		}
		for range 3000 { // nobody holds the publishers back any more
			b.line(8001, "late")
		}
	}
}

func TestFolderIsMadeForItsOwner(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "logs")
	b := newBench(t, Config{Dir: dir})
	b.line(8001, "x")
	b.close()
	info, err := os.Stat(dir)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
		t.Errorf("the folder is %v (%v), want mode 0700", info.Mode(), err)
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) != 1 {
		t.Errorf("the folder has %v, want the worker's log alone", entries)
	}
	b.texts("worker-8001.log") // checks the mode
}

func TestOpenErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"", file, filepath.Join(file, "below"), "/proc/nothing/here", "/proc/self"} {
		if runtime.GOOS != "linux" && strings.HasPrefix(dir, "/proc") {
			continue
		}
		if f, err := Open(Config{Dir: dir}); err == nil {
			f.Close()
			t.Errorf("logs can be kept in %q", dir)
		} else if !strings.HasPrefix(err.Error(), "cannot keep logs in ") {
			t.Errorf("%q: %v", dir, err)
		}
	}
}

func TestRotation(t *testing.T) {
	for _, compress := range []bool{false, true} {
		b := newBench(t, Config{MaxSize: 20_000, Backups: -1, Compress: compress})
		for i := range 20_000 {
			b.line(8001, "line %d", i)
		}
		b.close()
		texts := b.texts("worker-8001.log")
		if len(texts) != 20_000 {
			t.Errorf("compress %v: %d lines, want 20000", compress, len(texts))
		}
		for i, text := range texts {
			if want := fmt.Sprintf("| line %d", i); text != want {
				t.Fatalf("compress %v: line %d is %q", compress, i, text)
			}
		}
		entries, _ := os.ReadDir(b.files.Dir())
		zipped, size := 0, 0
		for _, text := range texts {
			size += len("2026-11-24T09:30:00.120Z ") + len(text) + len("\n")
		}
		for _, e := range entries {
			if info, err := e.Info(); err != nil || info.Size() > 20_000 {
				t.Errorf("%s is larger than 20000 bytes, or %v", e.Name(), err)
			}
			if strings.HasSuffix(e.Name(), gz) {
				zipped++
			} else if strings.Contains(e.Name(), "tmp") {
				t.Errorf("%s was left", e.Name())
			}
		}
		if (zipped > 0) != compress || len(entries) < size/20_000 || compress && zipped < len(entries)-1 {
			t.Errorf("compress %v: %d of %d files are compressed", compress, zipped, len(entries))
		}
	}
}

func TestBackupsAreBounded(t *testing.T) {
	dir := t.TempDir()
	strange := []string{"notes-2026-01-01T00-00-00.000.log", "worker-8001-yesterday.log", "worker-8002-2020-01-01T00-00-00.000.log",
		"worker-8001-2026-01-01T00-00-00.000.log.gz.tmp"}
	for _, name := range strange {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b := newBench(t, Config{Dir: dir, MaxSize: 2000, Backups: 3, MaxAge: time.Hour})
	for i := range 1000 {
		b.line(8001, "line %d", i)
	}
	b.close()
	entries, _ := os.ReadDir(dir)
	var names []string
	for _, e := range entries {
		if e.Name() > "worker-8001-2026-01" && strings.HasPrefix(e.Name(), "worker-8001-2") {
			continue
		}
		names = append(names, e.Name())
	}
	want := []string{"notes-2026-01-01T00-00-00.000.log", "worker-8001-yesterday.log", "worker-8001.log"}
	if !slices.Equal(names, want) || len(entries) != len(want)+3 {
		t.Errorf("%d files: besides the backups %q, want %q and 3 backups", len(entries), names, want)
	}
	os.Remove(filepath.Join(dir, "worker-8001-yesterday.log"))
	if texts := b.texts("worker-8001.log"); texts[len(texts)-1] != "| line 999" {
		t.Errorf("the last line is %q", texts[len(texts)-1])
	}
}

func TestLineThatWasCutShort(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "worker-8001.log")
	if err := os.WriteFile(path, []byte("2026-11-24T09:30:00.120Z | whole\n2026-11-24T09:30:00.121Z | hal"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, Config{Dir: dir})
	b.line(8001, "next")
	b.close()
	if got := b.texts("worker-8001.log"); !slices.Equal(got, []string{"| whole", "| hal", "| next"}) {
		t.Errorf("got %q", got)
	}
}

func TestFolderIsRemoved(t *testing.T) {
	b := newBench(t, Config{})
	b.line(8001, "before")
	b.await("worker-8001.log", "before")
	if err := os.RemoveAll(b.files.Dir()); err != nil {
		t.Fatal(err)
	}
	b.line(8001, "after")
	b.await("worker-8001.log", "after")
	if w := b.warnings(); len(w) > 0 {
		t.Errorf("warned of %v, though nothing was lost", w)
	}
	b.close()
}

// TestFolderIsReplaced puts a file where the folder was, so that it can't be made again.
func TestFolderIsReplaced(t *testing.T) {
	b := newBench(t, Config{})
	b.line(8001, "before")
	b.line(8002, "before")
	b.await("worker-8001.log", "before")
	b.await("worker-8002.log", "before")
	dir := b.files.Dir()
	for _, err := range []error{os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range 5000 { // more than the feeds keep: nobody may be held back
		b.line(8001+i%2, "lost %d", i)
	}
	b.event(cluster.Event{Kind: cluster.KindNotice, Port: 8001, Text: "lost too"})
	if w := b.warnings(); len(w) != 1 {
		t.Fatalf("warned of %v, want one warning", w)
	} else if we, ok := errors.AsType[*WriteError](w[0]); !ok || !strings.HasPrefix(we.File, dir) {
		t.Errorf("warned of %v", w[0])
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	b.line(8001, "again")
	b.line(8002, "again")
	b.await("worker-8001.log", "again")
	b.await("worker-8002.log", "again")
	b.close()
	for port, published := range map[int]int{8001: 2502, 8002: 2501} { // with the event, and "again"
		texts := b.texts(workerFile(port))
		missing := b.missing(texts)
		written := 0
		for _, text := range texts {
			if !strings.Contains(text, "missing here: ") {
				written++
			}
		}
		// The feed keeps 1,000 lines, and 2,048 are in the writer's hands: the others were lost before there was a folder again.
		if missing < (5000-1000-takeLines)/2-1 || missing+written != published {
			t.Errorf("%d has %d lines and says that %d are missing, want %d together", port, written, missing, published)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
}

func TestCloseTellsWhatIsLostForGood(t *testing.T) {
	b := newBench(t, Config{})
	dir := b.files.Dir()
	for _, err := range []error{os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	b.line(8001, "lost")
	b.line(8001, "lost")
	err := b.files.Close()
	if err == nil || !strings.Contains(err.Error(), "the last 2 lines of") {
		t.Errorf("Close said %v, want that 2 lines are lost", err)
	}
}
