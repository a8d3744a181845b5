package procs

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

const slashes = `\/:`

// executable returns path, or path with one of the extensions that mean a program.
func executable(path string, env []string) (string, error) {
	exts := extensions(env)
	why := fs.ErrNotExist
	if slices.Contains(exts, strings.ToLower(filepath.Ext(path))) {
		exts = []string{""}
	} else if info, err := os.Stat(path); err == nil {
		if why = fs.ErrPermission; info.IsDir() {
			why = syscall.EISDIR
		}
	}
	for _, ext := range exts {
		if info, err := os.Stat(path + ext); err == nil && !info.IsDir() {
			return path + ext, nil
		}
	}
	return "", why
}

// extensions are those that PATHEXT names, in lower case.
func extensions(env []string) []string {
	list := value(env, "PATHEXT")
	if list == "" {
		list = ".com;.exe;.bat;.cmd"
	}
	var exts []string
	for _, ext := range strings.Split(strings.ToLower(list), ";") {
		if ext != "" {
			exts = append(exts, "."+strings.TrimPrefix(ext, "."))
		}
	}
	return exts
}

// sameName compares names of variables: Path is PATH.
func sameName(a, b string) bool { return strings.EqualFold(a, b) }

// command is cmd with everything but its streams. CreateProcess runs batch files by itself, but with rules for quotes that
// let an argument run other programs (CVE-2024-24576); so they go through cmd, with what it takes special quoted.
func command(path string, config Config) *exec.Cmd {
	cmd := &exec.Cmd{Path: path, Args: config.Argv, Dir: config.Dir, Env: config.Env}
	switch strings.ToLower(filepath.Ext(path)) {
	case ".bat", ".cmd":
		line, err := batchLine(path, config.Argv[1:])
		cmd.Err = err
		cmd.Path = value(config.Env, "ComSpec")
		if cmd.Path == "" {
			cmd.Path = filepath.Join(os.Getenv("SystemRoot"), "System32", "cmd.exe")
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{CmdLine: line}
	}
	return cmd
}

// batchLine is the command line that has cmd run a batch file: /d without AutoRun, /s with exactly the outer quotes taken
// off. Within quotes cmd still expands %…%, so each % is followed by an expansion to nothing, %cd:~,%.
func batchLine(path string, args []string) (string, error) {
	var b strings.Builder
	b.WriteString(`cmd.exe /d /s /c "`)
	for i, arg := range append([]string{path}, args...) {
		if strings.ContainsAny(arg, "\x00\r\n") {
			return "", fmt.Errorf("argument %q cannot be given to a batch file", arg)
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteByte('"')
		slashes := 0
		for j := range len(arg) {
			switch c := arg[j]; c {
			case '\\':
				slashes++
				b.WriteByte(c)
				continue
			case '"': // the backslashes before it count double for the program that gets them at last
				b.WriteString(strings.Repeat(`\`, slashes) + `""`)
			case '%':
				b.WriteString(`%%cd:~,%`)
			default:
				b.WriteByte(c)
			}
			slashes = 0
		}
		b.WriteString(strings.Repeat(`\`, slashes) + `"`)
	}
	b.WriteByte('"')
	return b.String(), nil
}
