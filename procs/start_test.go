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
	"syscall"
	"testing"

	"github.com/lbdev/lbdev/procs/misbehave"
)

func TestReport(t *testing.T) {
	dir := tempDir(t)
	both(t, func(t *testing.T, pty bool) {
		c := startConfig(t, Config{
			Argv: misbehave.Argv("report", "a b", "", `"`, "$HOME", "%PATH%"), Dir: dir, PTY: pty, Rows: 7, Cols: 33,
			Env: append(os.Environ(), "TWICE=1", "TWICE=2", "EMPTY="),
		})
		c.await("the end of output", c.Drained())
		said := c.said()
		if want := `args ["a b" "" "\"" "$HOME" "%PATH%"]`; said[0] != want {
			t.Errorf("got %s, want %s", said[0], want)
		}
		if real, _ := filepath.EvalSymlinks(dir); said[1] != "dir "+dir+" <nil>" && said[1] != "dir "+real+" <nil>" {
			t.Errorf("got %s", said[1])
		}
		terminal, controlled := "no terminal", "controlled false"
		if pty {
			terminal, controlled = "terminal 7×33", "controlled true"
		}
		if said[2] != terminal || said[3] != controlled {
			t.Errorf("got %q, %q", said[2], said[3])
		}
		for _, want := range []string{"env TWICE=2", "env EMPTY="} {
			if !slices.Contains(said, want) {
				t.Errorf("no %q in %q", want, said)
			}
		}
		if slices.Contains(said, "env TWICE=1") {
			t.Error("both values of a variable arrived")
		}
	})
}

func TestCannotStart(t *testing.T) {
	dir := tempDir(t)
	plain := filepath.Join(dir, "plain.txt")
	if err := os.WriteFile(plain, []byte("text\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		config Config
		class  error
		text   string
	}{
		{"nothing", Config{}, nil, "no command"},
		{"not in PATH", Config{Argv: []string{"no-such-program"}}, exec.ErrNotFound, `cannot start "no-such-program"`},
		{"no such file", Config{Argv: []string{filepath.Join(dir, "none")}}, exec.ErrNotFound, "no such file"},
		{"not executable", Config{Argv: []string{plain}}, fs.ErrPermission, "not executable"},
		{"folder", Config{Argv: []string{dir}}, fs.ErrPermission, "folder"},
		{"no such Dir", Config{Argv: misbehave.Argv("exit"), Dir: filepath.Join(dir, "none")}, fs.ErrNotExist, "cannot run in"},
		{"Dir is a file", Config{Argv: misbehave.Argv("exit"), Dir: plain}, syscall.ENOTDIR, "cannot run in"},
		{"PATH is empty", Config{Argv: []string{"sh"}, Env: []string{"PATH="}}, exec.ErrNotFound, "PATH"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Start(tt.config)
			if err == nil {
				p.End(context.Background(), os.Kill, 0)
				t.Fatal("it started")
			}
			if tt.class != nil && !errors.Is(err, tt.class) || !strings.Contains(err.Error(), tt.text) ||
				!strings.HasPrefix(err.Error(), "cannot ") {
				t.Errorf("got %q (%T)", err, err)
			}
			if tt.class != exec.ErrNotFound && errors.Is(err, exec.ErrNotFound) {
				t.Errorf("%q counts as not found", err)
			}
		})
	}
}

func TestSignalByName(t *testing.T) {
	for name, want := range map[string]os.Signal{
		"TERM": syscall.SIGTERM, "SIGTERM": syscall.SIGTERM, "int": os.Interrupt, "sigKill": os.Kill, "9": os.Kill, "15": syscall.SIGTERM,
	} {
		if got, err := SignalByName(name); err != nil || got != want {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
	for _, name := range []string{"", "SIG", "nonsense", "0", "-9", "999", "SIGSIGTERM"} {
		if got, err := SignalByName(name); err == nil || !strings.HasPrefix(err.Error(), "cannot ") {
			t.Errorf("%q: got %v, %v", name, got, err)
		}
	}
}
