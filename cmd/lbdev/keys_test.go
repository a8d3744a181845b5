//go:build linux || darwin

package main

import (
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lbdev/lbdev/procs/misbehave"
)

// onKeys is lbdev on a terminal that takes keys.
type onKeys struct {
	*terminal
	cmd    *upTest
	base   int
	before unix.Termios // how the terminal was before lbdev had it
}

// startKeys runs up on a terminal and waits until its keys work.
func startKeys(t *testing.T, workers int, command ...string) *onKeys {
	t.Helper()
	base := freePorts(t, 11)
	args := append([]string{"up", "-n", strconv.Itoa(workers), "--base-port", strconv.Itoa(base), "-l", strconv.Itoa(base + 10)}, command...)
	cmd, mark := lbdevCommand(t, args...)
	cmd.SysProcAttr = nil
	cmd.Env = append(cmd.Env, "CI=", "TERM=xterm-256color", "LC_ALL=C.UTF-8", "NO_COLOR=1")
	k := &onKeys{terminal: startOnTerminal(t, cmd), base: base}
	k.before = k.settings()
	k.cmd = &upTest{T: t, cmd: cmd, mark: mark}
	k.await(strconv.Itoa(workers) + " of " + strconv.Itoa(workers) + " ready in")
	k.await("h for keys")
	k.awaitEcho(false)
	return k
}

// settings are the terminal's; Linux and macOS show them on this side as well.
func (k *onKeys) settings() unix.Termios {
	t, err := unix.IoctlGetTermios(int(k.file.Fd()), getTermios)
	if err != nil {
		k.Fatal(err)
	}
	return *t
}

// awaitEcho waits until the terminal shows what is typed, or does not.
func (k *onKeys) awaitEcho(want bool) {
	k.Helper()
	for deadline := time.Now().Add(patience); (k.settings().Lflag&unix.ECHO != 0) != want; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			k.Fatalf("the terminal's echo does not become %v\n%s", want, k.seen())
		}
	}
}

// press types keys and waits for what they do.
func (k *onKeys) press(keys, text string) {
	k.Helper()
	had := strings.Count(k.seen(), text)
	k.file.WriteString(keys)
	for deadline := time.Now().Add(patience); strings.Count(k.seen(), text) <= had; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			k.Fatalf("the keys %q do not lead to %q\n%s", keys, text, k.seen())
		}
	}
}

func (k *onKeys) port(worker int) string { return strconv.Itoa(k.base + worker - 1) }

// TestKeys presses each of them.
func TestKeys(t *testing.T) {
	k := startKeys(t, 2, "--sample")
	k.press("h", "freeze")
	k.press("k", "which one? Choose it first")
	k.press("9", "there is no worker 9")
	k.press("2", "worker 2 ("+k.port(2)+") chosen")
	k.press("k", k.port(2)+" ● ready  ") // again
	k.await(k.port(2) + " ✗ killed by SIGKILL")
	k.press("p", k.port(2)+" ‖ paused")
	k.press("p", k.port(2)+" ● ready\r\n")
	k.press("d", k.port(2)+" ◌ drained")
	k.press("d", k.port(2)+" ● ready\r\n")
	k.press("s", k.port(2)+" ○ stopped")
	k.press("p", "cannot pause worker 2")
	k.press("s", k.port(2)+" ● ready  ")
	k.press("r", k.port(2)+" ● ready  ")
	k.press("R", "rolling restart done")
	k.press("+", k.port(3)+" ● ready")
	k.press("++", k.port(5)+" ● ready")
	k.press("--", k.port(4)+" ○ stopped")
	ready := strings.Count(k.seen(), k.port(1)+" ● ready  ")
	k.press("0k", k.port(3)+" ✗ killed by SIGKILL")
	k.await(k.port(1) + " ✗ killed by SIGKILL")
	waitFor(t, "worker 1 to be back", func() bool { return strings.Count(k.seen(), k.port(1)+" ● ready  ") > ready })
	k.press("c", "\x1b[2J")
	k.press("\x1b[15~\x1bOP\x1b[1;5C1", "worker 1 ("+k.port(1)+") chosen") // F5, F1, Ctrl-Right: their digits are no keys
	k.file.WriteString("q")
	k.await("stopping ") // 3 workers, or fewer: the others may not be back
	k.awaitEcho(true)
	k.await("0 failed")
	k.cmd.cmd.Wait()
	if code := k.cmd.cmd.ProcessState.ExitCode(); code != exitDone {
		t.Errorf("q ends lbdev with exit code %d, want %d", code, exitDone)
	}
	wantNobody(t, k.cmd.mark, 0)
}

// TestTerminalIsGivenBack ends lbdev in many ways: the terminal is as it was.
func TestTerminalIsGivenBack(t *testing.T) {
	for name, end := range map[string]func(k *onKeys){
		"Ctrl-C":       func(k *onKeys) { k.file.WriteString("\x03") },
		"SIGTERM":      func(k *onKeys) { k.cmd.cmd.Process.Signal(syscall.SIGTERM) },
		"kill -9":      func(k *onKeys) { k.cmd.cmd.Process.Kill() },
		"panic":        func(k *onKeys) { k.cmd.cmd.Process.Signal(syscall.SIGABRT) }, // Go ends by it as by a panic: no deferred call runs
		"lbdev down":   func(k *onKeys) { k.cmd.do("down") },
		"all crashed":  func(k *onKeys) { k.crash() },
		"a worker's 9": func(k *onKeys) { k.press("1k", "killed by SIGKILL"); k.file.WriteString("q") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := startKeys(t, 1, append([]string{"--restart", restartFor(name), "--"}, misbehave.Argv("serve")...)...)
			end(k)
			k.awaitEcho(true)
			k.cmd.cmd.Wait()
			if after := k.settings(); after != k.before {
				t.Errorf("the terminal's settings are\n%+v, were\n%+v", after, k.before)
			}
			wantNobody(t, k.cmd.mark, 2*time.Second)
		})
	}
}

func restartFor(name string) string {
	if name == "all crashed" {
		return "never"
	}
	return "always"
}

// crash has the only worker end, which ends lbdev.
func (k *onKeys) crash() {
	pids := marked(k.cmd.mark)
	for _, pid := range pids {
		if strings.Contains(describe([]int{pid}), "misbehave serve") {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// TestCtrlZ suspends lbdev from a shell, which has its terminal back meanwhile, and takes it up again.
func TestCtrlZ(t *testing.T) {
	base := freePorts(t, 2)
	cmd, mark := lbdevCommand(t)
	lbdev := cmd.Path
	cmd.Path, cmd.Args = "/bin/bash", []string{"bash", "--norc", "--noprofile", "-i"}
	cmd.SysProcAttr = nil
	cmd.Env = append(cmd.Env, "CI=", "TERM=xterm-256color", "LC_ALL=C.UTF-8", "NO_COLOR=1", "PS1=> ")
	k := &onKeys{terminal: startOnTerminal(t, cmd), base: base, cmd: &upTest{T: t, cmd: cmd, mark: mark}}
	k.await("> ")
	k.file.WriteString(commandLine([]string{lbdev, "up", "--sample", "-n", "1", "--base-port", strconv.Itoa(base), "-l", strconv.Itoa(base + 1)}) + "\n")
	k.await("h for keys")
	k.press("1", "worker 1 ("+k.port(1)+") chosen")
	k.press("\x1a", "Stopped")
	k.press("echo the shell $((40+2))\n", "the shell 42")
	k.press("fg\n", " up --sample")
	k.press("h", "rolling restart: all")
	k.press("q", "0 failed")
	k.press("echo ended with $?\n", "ended with 0")
	k.file.WriteString("exit\n")
	cmd.Wait()
	wantNobody(t, mark, 0)
}

// TestCtrlZWithoutAShell: nobody could wake lbdev, so it goes on.
func TestCtrlZWithoutAShell(t *testing.T) {
	k := startKeys(t, 1, "--sample")
	k.file.WriteString("\x1a")
	k.cmd.cmd.Process.Signal(syscall.SIGTSTP)
	k.press("1", "worker 1 ("+k.port(1)+") chosen")
	k.press("q", "0 failed")
	k.cmd.cmd.Wait()
}

// TestEscapes holds that no byte of an escape sequence is taken for a key.
func TestEscapes(t *testing.T) {
	for sequence, keys := range map[string]string{
		"k":                        "k",
		"\x1b[Ak":                  "k",
		"\x1b[15~k":                "k",
		"\x1b[1;5Ck":               "k",
		"\x1bOPk":                  "k",
		"\x1bkr":                   "r", // Alt and a key
		"\x1b\x1b[1~r":             "r",
		"1\x1b[200~s\x1b[201~2":    "1s2", // pasted text is typed text
		"\x1b[<0;33;2M\x1b[?1;2cq": "q",
	} {
		var e escape
		var got []byte
		for _, b := range []byte(sequence) {
			if !e.next(b) {
				got = append(got, b)
			}
		}
		if !slices.Equal(got, []byte(keys)) {
			t.Errorf("of %q the keys are %q, want %q", sequence, got, keys)
		}
	}
}
