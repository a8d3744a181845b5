package presets

import (
	"cmp"
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

// read returns the text of a file; nothing if it is not a plain file.
func (p Place) read(name string) string {
	info, err := fs.Stat(p.Dir, name)
	if err != nil || !info.Mode().IsRegular() { // opening a pipe would wait
		return ""
	}
	f, err := p.Dir.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	text := make([]byte, min(info.Size(), readable))
	n := 0
	for n < len(text) {
		read, err := f.Read(text[n:])
		n += read
		if err != nil {
			break
		}
	}
	return strings.TrimPrefix(string(text[:n]), "\ufeff") // which editors of Windows begin files with
}

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
