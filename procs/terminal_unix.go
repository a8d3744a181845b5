//go:build linux || darwin

package procs

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

// terminalWord tells a guardian which terminal is to be given back, and how it was: PATH SETTINGS. The path - means none.
const (
	terminalWord = "terminal"
	noTerminal   = terminalWord + " - -\n"
)

// KeepTerminal has the guardians give a terminal back as it is now if we die before TerminalIsBack, by SIGKILL or a panic:
// a shell that finds it without echo is of no use.
func (g *Guard) KeepTerminal(terminal *os.File) error {
	settings, err := unix.IoctlGetTermios(int(terminal.Fd()), getTermios)
	if err != nil {
		return fmt.Errorf("cannot keep the terminal's settings: %w", err)
	}
	path, err := pathOf(terminal)
	if err != nil {
		return err
	}
	g.setTerminal(terminalWord + " " + path + " " + hex.EncodeToString(bytesOf(settings)) + "\n")
	return nil
}

// KeyByKey is a terminal that gives single keys and does not show them. Signals stay: Ctrl-C is one. A guardian gives a
// terminal back only if it is set so: then nobody has touched it since.
func KeyByKey(t unix.Termios) unix.Termios {
	t.Lflag &^= unix.ICANON | unix.ECHO
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	return t
}

// TerminalIsBack says that we have given it back ourselves.
func (g *Guard) TerminalIsBack() { g.setTerminal(noTerminal) }

func (g *Guard) setTerminal(line string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.terminal = line
	g.tell(line)
}

// pathOf finds the device of a terminal by its number: what a process has open as /dev/tty another session can't open.
func pathOf(terminal *os.File) (string, error) {
	var want, have unix.Stat_t
	if err := unix.Fstat(int(terminal.Fd()), &want); err != nil {
		return "", err
	}
	for _, pattern := range []string{"/dev/pts/*", "/dev/ttys*", "/dev/tty[0-9]*", "/dev/ttyS*", "/dev/console"} {
		paths, _ := filepath.Glob(pattern) // its one error is a bad pattern
		for _, path := range paths {
			if unix.Stat(path, &have) == nil && have.Rdev == want.Rdev {
				return path, nil
			}
		}
	}
	return "", fmt.Errorf("cannot keep the terminal's settings: its device is not in /dev")
}

func bytesOf(t *unix.Termios) []byte { return (*[unsafe.Sizeof(*t)]byte)(unsafe.Pointer(t))[:] }

// giveBack sets a terminal as it was, unless somebody else has set it since: a shell that is at its next prompt, or what runs in
// the foreground while lbdev is suspended. It must not become ours by that, and a line that is hung up must not be waited for.
func giveBack(path string, settings *unix.Termios) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return // it is closed
	}
	defer unix.Close(fd)
	if now, err := unix.IoctlGetTermios(fd, getTermios); err == nil && *now == KeyByKey(*settings) {
		unix.IoctlSetTermios(fd, setTermios, settings)
	}
}

// hearTerminal takes in which terminal is to be given back.
func (g *guardian) hearTerminal(path, settings string) bool {
	g.terminal = ""
	if path == "-" {
		return true
	}
	data, err := hex.DecodeString(settings)
	if err != nil || len(data) != len(bytesOf(&g.settings)) {
		return false
	}
	copy(bytesOf(&g.settings), data)
	g.terminal = path
	return true
}
