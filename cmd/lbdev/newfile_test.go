package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestPlaceFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "lbdev.yaml")
	holds := func(name, want string) {
		t.Helper()
		if text, err := os.ReadFile(name); err != nil || string(text) != want {
			t.Errorf("%s has %q, %v; want %q", filepath.Base(name), text, err, want)
		}
	}
	if err := placeFile(name, "one", false); err != nil {
		t.Fatal(err)
	}
	if err := placeFile(name, "two", false); !errors.Is(err, fs.ErrExist) {
		t.Errorf("unasked: %v", err)
	}
	holds(name, "one")
	if err := os.Chmod(name, 0o600); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := placeFile(name, "two", true); err != nil {
		t.Error(err)
	}
	holds(name, "two")
	if after, err := os.Stat(name); err != nil || after.Mode() != before.Mode() {
		t.Errorf("its mode is %v, %v; want %v", after.Mode(), err, before.Mode())
	}
	if err := placeFile(filepath.Join(dir, "new"), "three", true); err != nil {
		t.Error(err)
	}
	holds(filepath.Join(dir, "new"), "three")
	if left, _ := os.ReadDir(dir); len(left) != 2 {
		t.Errorf("left: %v", left)
	}
}
