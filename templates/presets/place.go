package presets

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

// A Place is where a project is: its folder, and what there is to know of the machine.
type Place struct {
	Dir      fs.FS                        // the folder
	Path     string                       // its absolute path; what {folder} stands for
	Getenv   func(string) string          // nil = nothing is set
	LookPath func(string) (string, error) // finds a program by its name or absolute path; nil = none is found
	OS       string                       // as runtime.GOOS has it; empty = that
	// Secret says whether a variable's value must not stand in a command, which is shown around and which everybody on the machine can see.
	// Nil: none must not.
	Secret func(name, value string) bool
}

// Here is the place of a folder on this machine.
func Here(dir string) Place {
	full, err := filepath.Abs(dir)
	if err != nil {
		full = dir
	}
	return Place{Dir: os.DirFS(full), Path: full, Getenv: os.Getenv, LookPath: exec.LookPath, OS: runtime.GOOS}
}

func (p Place) getenv(name string) string {
	if p.Getenv == nil {
		return ""
	}
	return p.Getenv(name)
}

func (p Place) found(program string) bool {
	if p.LookPath == nil {
		return false
	}
	_, err := p.LookPath(program)
	return err == nil
}

func (p Place) system() string { return cmp.Or(p.OS, runtime.GOOS) }

func (p Place) windows() bool { return p.system() == "windows" }

// has says whether there is something at a path of the folder.
func (p Place) has(name string) bool {
	_, err := fs.Stat(p.Dir, name)
	return err == nil
}

// glob returns what a pattern of the folder fits, in the alphabet's order.
func (p Place) glob(pattern string) []string {
	found, _ := fs.Glob(p.Dir, pattern) // Load has checked the pattern
	return found
}

// readable is how much of a file is looked at: what names a framework stands in small files, near their beginning.
const readable = 1 << 20

// ReadFile reads a file that people have written. What is no regular file, links followed, and what is larger than 1 MiB is an error, and
// so is never waited for. Errors don't name the file.
func ReadFile(dir fs.FS, name string) ([]byte, error) {
	f, err := open(dir, name)
	if err != nil {
		return nil, bareCause(err)
	}
	defer f.Close()
	return Read(f)
}

// Read reads a text that people have written to its end. More than 1 MiB is an error. Errors don't name the file.
func Read(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, readable+1))
	if err == nil && len(text) > readable {
		err = fmt.Errorf("it has more than %d bytes", readable)
	}
	if err != nil {
		return nil, bareCause(err)
	}
	return text, nil
}

// open opens a regular file.
func open(dir fs.FS, name string) (fs.File, error) {
	info, err := fs.Stat(dir, name)
	if err != nil {
		return nil, err
	}
	if mode := info.Mode(); !mode.IsRegular() { // opening a pipe would wait, and devices do things
		return nil, fmt.Errorf("it is %s, and must be a regular file", kindOf(mode))
	}
	return dir.Open(name)
}

func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}

// bareCause is an error without the path, which whoever tells of it has.
func bareCause(err error) error {
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		return of.Err
	}
	return err
}

// read returns the beginning of a file's text; nothing if it is not a plain file.
func (p Place) read(name string) string {
	f, err := open(p.Dir, name)
	if err != nil {
		return ""
	}
	defer f.Close()
	text, _ := io.ReadAll(io.LimitReader(f, readable)) // as far as it can be read
	return plain(text)
}

// plain is a text without the mark that editors of Windows begin files with.
func plain(text []byte) string { return strings.TrimPrefix(string(text), "\ufeff") }

// native writes a path of the folder as the system's programs are named.
func (p Place) native(name string) string {
	if p.windows() {
		return strings.ReplaceAll(name, "/", `\`)
	}
	return name
}

// builtins are words in braces that all presets know.
var builtins = map[string]func(Place) string{
	"python": Place.python,
	"npm":    Place.npm,
	"folder": func(p Place) string { return p.Path },
}

// binWord is a program that npm installs into the folder: {bin:next}.
var binWord = regexp.MustCompile(`^bin:([\w.-]+)$`)

// runtimeWords are in braces, too, and are left for those who know them.
var runtimeWords = map[string]bool{"port": true, "socket": true, "worker": true, "host": true, "front": true, "private": true}

// python is the project's Python: that of its virtual environment, of the one that is active, or the system's.
func (p Place) python() string {
	program := "bin/python"
	if p.windows() {
		program = "Scripts/python.exe"
	}
	for _, dir := range []string{".venv", "venv"} {
		if name := path.Join(dir, program); p.has(name) {
			return p.native(name)
		}
	}
	if env := p.getenv("VIRTUAL_ENV"); env != "" {
		if name := env + p.native("/"+program); p.found(name) {
			return name
		}
	}
	for _, name := range []string{"python3", "python", "py"} {
		if p.found(name) {
			return name
		}
	}
	return "python3"
}

// npm is the package manager whose lock file is there.
func (p Place) npm() string {
	for _, m := range []struct{ lock, program string }{
		{"pnpm-lock.yaml", "pnpm"}, {"yarn.lock", "yarn"}, {"bun.lock", "bun"}, {"bun.lockb", "bun"},
	} {
		if p.has(m.lock) {
			return m.program
		}
	}
	return "npm"
}

// bin is a program that npm installs into the folder. npx would be a process more, and one that passes no signals on; it is asked
// where the program is not where it should be, as in a part of a workspace.
func (p Place) bin(name string) string {
	program := "node_modules/.bin/" + name
	if p.windows() {
		program += ".cmd"
	}
	if p.has("node_modules") && !p.has(program) {
		return "npx " + name
	}
	return p.native(program)
}
