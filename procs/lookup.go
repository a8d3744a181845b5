package procs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// A notStarted is why a program could not be started: in words, with the class that callers choose an exit code by.
type notStarted struct {
	text  string
	class error // exec.ErrNotFound or fs.ErrPermission
	cause error // may be nil
}

func (e *notStarted) Error() string { return e.text }

func (e *notStarted) Unwrap() []error {
	if e.cause == nil {
		return []error{e.class}
	}
	return []error{e.class, e.cause}
}

// startError says what the system had against starting name.
func startError(name string, err error) error {
	switch {
	case errors.Is(err, syscall.ENOEXEC):
		text := fmt.Sprintf("cannot start %q: it is not a program for this system (a script needs #! in its first line)", name)
		return &notStarted{text, fs.ErrPermission, err}
	case errors.Is(err, fs.ErrNotExist): // the program was there a moment ago
		return &notStarted{fmt.Sprintf("cannot start %q: the interpreter that it names is missing", name), exec.ErrNotFound, err}
	}
	return fmt.Errorf("cannot start %q: %w", name, err)
}

func checkDir(dir string) error {
	if dir == "" {
		return nil
	}
	if info, err := os.Stat(dir); err != nil {
		return fmt.Errorf("cannot run in %q: %w", dir, err)
	} else if !info.IsDir() {
		return fmt.Errorf("cannot run in %q: %w", dir, syscall.ENOTDIR)
	}
	return nil
}

// Lookup finds the program that name means for a process with this dir and env. It is exec.LookPath but for whose PATH it
// asks: the one that the process will have may not be ours (a virtual environment, an .env file).
func Lookup(name, dir string, env []string) (string, error) {
	if strings.ContainsAny(name, slashes) {
		path := name
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		abs, err := filepath.Abs(path)
		if err != nil {
			return "", fmt.Errorf("cannot start %q: %w", name, err)
		}
		found, err := executable(abs, env)
		return found, missing(name, err)
	}
	why := fs.ErrNotExist
	for _, folder := range filepath.SplitList(value(env, "PATH")) {
		if folder == "" {
			folder = "." // a Unix tradition
		}
		if !filepath.IsAbs(folder) {
			folder = filepath.Join(dir, folder)
		}
		abs, err := filepath.Abs(filepath.Join(folder, name))
		if err != nil {
			continue
		}
		found, err := executable(abs, env)
		if err == nil {
			return found, nil
		}
		if errors.Is(err, fs.ErrPermission) { // as a shell does: 126 if there was one that may not be executed
			why = err
		}
	}
	if errors.Is(why, fs.ErrPermission) {
		return "", missing(name, why)
	}
	return "", &notStarted{fmt.Sprintf("cannot start %q: no such program in PATH", name), exec.ErrNotFound, nil}
}

// missing puts the reason why a path is no program into words.
func missing(name string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EISDIR):
		return &notStarted{fmt.Sprintf("cannot start %q: it is a folder", name), fs.ErrPermission, err}
	case errors.Is(err, fs.ErrPermission):
		return &notStarted{fmt.Sprintf("cannot start %q: it is not executable", name), fs.ErrPermission, err}
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return &notStarted{fmt.Sprintf("cannot start %q: no such file", name), exec.ErrNotFound, err}
	}
	return fmt.Errorf("cannot start %q: %w", name, err)
}

// value is the last of the values that env has for name.
func value(env []string, name string) string {
	for i := len(env) - 1; i >= 0; i-- {
		if k, v, ok := strings.Cut(env[i], "="); ok && sameName(k, name) {
			return v
		}
	}
	return ""
}
