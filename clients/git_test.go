//go:build linux

package clients

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestGit clones and pushes over HTTP: compressed requests in chunks, answers of megabytes.
func TestGit(t *testing.T) {
	f := up(t, []string{"-n", "2"}, app("git"))
	random := rand.NewChaCha8([32]byte{2})
	commit := func(dir, name string, size int) {
		data := make([]byte, size)
		random.Read(data)
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
		run(t, dir, "git", "add", name)
		run(t, dir, "git", "commit", "-q", "-m", name)
	}
	head := func(dir string) string { return strings.TrimSpace(run(t, dir, "git", "rev-parse", "HEAD")) }

	first := filepath.Join(f.dir, "first")
	run(t, f.dir, "git", "init", "-q", "-b", "main", first)
	run(t, first, "git", "config", "core.compression", "0") // it is noise, which takes long to compress
	for _, name := range []string{"a", "b", "c", "d"} {
		commit(first, name, 5<<20)
	}
	bare := filepath.Join(f.dir, "repo.git")
	run(t, f.dir, "git", "clone", "-q", "--bare", first, bare)
	run(t, bare, "git", "config", "http.receivepack", "true")

	clone := filepath.Join(f.dir, "clone")
	run(t, f.dir, "git", "clone", "-q", f.url+"/repo.git", clone)
	if got, want := head(clone), head(first); got != want {
		t.Errorf("the clone is at %s, want %s", got, want)
	}
	commit(clone, "pushed", 8<<20) // more than http.postBuffer, so that it is sent in chunks
	run(t, clone, "git", "push", "-q", "origin", "main")
	if got, want := head(bare), head(clone); got != want {
		t.Errorf("after the push it is at %s, want %s", got, want)
	}
	run(t, clone, "git", "-c", "protocol.version=2", "fetch", "-q")
	run(t, clone, "git", "fsck", "--no-progress")
	f.wantNoFailure()
}
