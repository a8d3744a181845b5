package logfile

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lbdev/lbdev/proxy"
)

// appendPath is the shortest line of a request.
func appendPath(buf []byte, a *proxy.Access) []byte { return append(append(buf, a.Path...), '\n') }

func appendMissingText(buf []byte, missing uint64, reason string) []byte {
	return fmt.Appendf(buf, "# %d missing: %s\n", missing, reason)
}

func openOne(t *testing.T, config Config) *Files {
	t.Helper()
	config.AppendRequest, config.AppendMissing = appendPath, appendMissingText
	f, err := Open(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestOneFile: a name of its own, with or without an ending; it is rotated, and nothing but it and its backups is touched.
func TestOneFile(t *testing.T) {
	for _, name := range []string{"requests", "access.log", "a.b.txt"} {
		dir := filepath.Join(t.TempDir(), "new")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		others := []string{"worker-8001-2020-01-01T00-00-00.000.log", "other-2020-01-01T00-00-00.000.txt", "other-2020-01-01T00-00-00.000"}
		for _, other := range others {
			if err := os.WriteFile(filepath.Join(dir, other), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		f := openOne(t, Config{AccessFile: filepath.Join(dir, name), MaxSize: 1000, Backups: 2, MaxAge: time.Hour})
		for i := range 1000 {
			f.Access(&proxy.Access{Path: fmt.Sprintf("/%d", i)})
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		ours := 0
		for _, e := range entries {
			if slices.Contains(others, e.Name()) {
				continue
			}
			if of, _, ok := backupOf(e.Name()); e.Name() != name && (!ok || of != name) {
				t.Errorf("%s: there is %s", name, e.Name())
			}
			ours++
		}
		if len(entries) != ours+len(others) || ours != 3 {
			t.Errorf("%s: %d files of %d are ours", name, ours, len(entries))
		}
		if text := readFile(t, filepath.Join(dir, name)); !strings.HasSuffix(text, "/998\n/999\n") {
			t.Errorf("%s ends with %q", name, text[max(0, len(text)-20):])
		}
	}
}

func TestOneFileThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, filepath.Join(file, "below")} {
		if f, err := Open(Config{AccessFile: path, AppendRequest: appendPath}); err == nil {
			f.Close()
			t.Errorf("%s can be opened", path)
		} else if !strings.HasPrefix(err.Error(), fmt.Sprintf("cannot write %q: ", path)) {
			t.Error(err)
		}
	}
}

// TestMissingRequestsAreTold in the form of the file.
func TestMissingRequestsAreTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	f := openOne(t, Config{AccessFile: path})
	f.queue.dropped.Add(7)
	f.Access(&proxy.Access{Path: "/next", Status: http.StatusOK})
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if text := readFile(t, path); text != "# 7 missing: they came faster than they could be written\n/next\n" {
		t.Errorf("%q", text)
	}
}
