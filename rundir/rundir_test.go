//go:build unix

package rundir

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// What killed lbdevs left is removed, and nothing else.
func TestLeft(t *testing.T) {
	parent := t.TempDir()
	const nobody = 1<<31 - 2 // above any pid
	dead := filepath.Join(parent, fmt.Sprintf("%s%d-1", Prefix, nobody))
	used := filepath.Join(parent, fmt.Sprintf("%s%d-2", Prefix, nobody))
	lives := filepath.Join(parent, fmt.Sprintf("%s%d-3", Prefix, os.Getpid()))
	other := filepath.Join(parent, Prefix+"shop-4")
	for _, dir := range []string{dead, used, lives, other} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	os.WriteFile(filepath.Join(dead, "8000"), nil, 0o600)
	l, err := net.Listen("unix", filepath.Join(used, "8000"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	made, err := Make(parent)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(made); err != nil || info.Mode().Perm() != 0o700 || Owner(made) != os.Getpid() {
		t.Errorf("made %s: %v, %v", made, info, err)
	}
	for dir, want := range map[string]bool{dead: false, used: true, lives: true, other: true} {
		if _, err := os.Stat(dir); (err == nil) != want {
			t.Errorf("%s: %v", dir, err)
		}
	}
}
