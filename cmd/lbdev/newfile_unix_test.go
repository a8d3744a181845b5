//go:build unix

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// A link to a file stays one.
func TestPlaceFileBehindLink(t *testing.T) {
	dir := t.TempDir()
	real, link := filepath.Join(dir, "real"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(real, []byte("old"), 0o600), os.Symlink("real", link), placeFile(link, "new", true)); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(real); string(text) != "new" {
		t.Errorf("it has %q", text)
	}
	if to, err := os.Readlink(link); to != "real" {
		t.Errorf("the link leads to %q, %v", to, err)
	}
}

// What can't be written leaves what was there before, and no part of a file that was not there. A limit does what a full disk does.
func TestPlaceFileNoRoom(t *testing.T) {
	if name := os.Getenv("LBDEV_TEST_PLACE"); name != "" {
		limit := syscall.Rlimit{Cur: 10, Max: 10}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Fatal(err)
		}
		if err := placeFile(name, "longer than ten letters", true); !errors.Is(err, syscall.EFBIG) {
			os.Exit(3)
		}
		os.Exit(0)
	}
	dir := t.TempDir()
	old := filepath.Join(dir, "old")
	if err := os.WriteFile(old, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{old, filepath.Join(dir, "new")} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestPlaceFileNoRoom$")
		cmd.Env = append(os.Environ(), "LBDEV_TEST_PLACE="+name)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	if text, err := os.ReadFile(old); err != nil || string(text) != "kept" {
		t.Errorf("it has %q, %v", text, err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
}
