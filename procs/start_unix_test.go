//go:build linux || darwin

package procs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestCannotStartUnix(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	tests := []struct {
		name, path string
		class      error
		text       string
	}{
		{"interpreter is missing", write("a", "#!/no/such/interpreter\n"), exec.ErrNotFound, "interpreter"},
		{"no program", write("b", "echo hello\n"), fs.ErrPermission, "#!"},
		{"below a file", filepath.Join(write("c", ""), "d"), exec.ErrNotFound, "no such file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Start(Config{Argv: []string{tt.path}})
			if err == nil {
				p.End(context.Background(), os.Kill, 0)
				t.Fatal("it started")
			}
			if !errors.Is(err, tt.class) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %q", err)
			}
		})
	}
}

// TestLookup: the PATH that counts is the child's, and a path is relative to where it runs.
func TestLookup(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\necho \"$0\" in \"$PWD\"\n"
	for name, mode := range map[string]os.FileMode{"bin/tool": 0o755, "first/tool": 0o644} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(script), mode)); err != nil {
			t.Fatal(err)
		}
	}
	tool := filepath.Join(dir, "bin", "tool")
	for _, tt := range []struct{ arg, path string }{
		{"tool", dir + "/first:" + dir + "/bin"}, {"tool", "first:bin"}, {"bin/tool", ""}, {"./bin/tool", ""}, {tool, ""},
	} {
		c := startConfig(t, Config{Argv: []string{tt.arg}, Dir: dir, Env: []string{"PATH=/nowhere", "PATH=" + tt.path}})
		c.await("the end of output", c.Drained())
		if got, want := c.said(), []string{tool + " in " + dir}; !slices.Equal(got, want) {
			t.Errorf("%+v: it said %q, want %q", tt, got, want)
		}
	}
	_, err := Start(Config{Argv: []string{"tool"}, Env: []string{"PATH=" + dir + "/first"}})
	if !errors.Is(err, fs.ErrPermission) {
		t.Errorf("not executable in PATH: got %v", err)
	}
}
