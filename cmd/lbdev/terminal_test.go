//go:build unix

package main

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// A terminal is what a person would see of a command: everything it wrote so far.
type terminal struct {
	*testing.T
	file *os.File
	done chan struct{}
	mu   sync.Mutex
	text strings.Builder
}

// startOnTerminal starts a command as the leader of a session on a terminal of 80 columns.
func startOnTerminal(t *testing.T, cmd *exec.Cmd) *terminal {
	t.Helper()
	file, err := pty.StartWithAttrs(cmd, &pty.Winsize{Rows: 24, Cols: 80}, &syscall.SysProcAttr{Setsid: true, Setctty: true})
	if err != nil {
		t.Fatal(err)
	}
	// creack/pty leaves the file in blocking mode, in which Close does not end a Read (go.dev/issue/24842).
	fd, err := syscall.Dup(int(file.Fd()))
	if err == nil {
		file.Close()
		err = syscall.SetNonblock(fd, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	s := &terminal{T: t, file: os.NewFile(uintptr(fd), "terminal"), done: make(chan struct{})}
	go s.read()
	t.Cleanup(s.close)
	return s
}

func (s *terminal) read() {
	defer close(s.done)
	buf := make([]byte, 4096)
	for {
		n, err := s.file.Read(buf)
		s.mu.Lock()
		s.text.Write(buf[:n])
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// close hangs up.
func (s *terminal) close() {
	s.file.Close()
	<-s.done
}

func (s *terminal) seen() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// await waits until the text was shown.
func (s *terminal) await(text string) {
	s.Helper()
	for deadline := time.Now().Add(patience); !strings.Contains(s.seen(), text); {
		if time.Now().After(deadline) {
			s.Fatalf("waited in vain for %q on the terminal, which shows\n%s", text, s.seen())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestUpOnATerminal looks at what a person sees from the start to Ctrl-C.
func TestUpOnATerminal(t *testing.T) {
	base := freePorts(t, 5)
	port := strconv.Itoa(base)
	cmd, mark := lbdevCommand(t, "up", "--sample", "-n", "2", "--base-port", port, "-l", strconv.Itoa(base+4), "--name", "shop")
	cmd.SysProcAttr = nil
	cmd.Env = append(cmd.Env, "CI=", "NO_COLOR=", "TERM=xterm-256color", "LC_ALL=C.UTF-8")
	screen := startOnTerminal(t, cmd)
	screen.await("2 of 2 ready in")
	for _, text := range []string{"lbdev shop", "front", "http://127.0.0.1:" + strconv.Itoa(base+4), "round-robin", port + " " + strconv.Itoa(base+1), "●"} {
		screen.await(text)
	}
	u := &upTest{T: t, front: "http://127.0.0.1:" + strconv.Itoa(base+4)}
	u.get("/count")
	screen.await("GET  /count")
	screen.await("→ \x1b[38;5;31m" + port)
	screen.await("\x1b[38;5;31m" + port + " │")
	screen.file.Write([]byte{3}) // Ctrl-C
	screen.await("stopping 2 workers · Ctrl-C again to kill")
	screen.await("1 request · 0 failed")
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 130 {
		t.Errorf("lbdev ended with %v, want exit code 130", err)
	}
	wantNobody(t, mark, 0)
}
