//go:build unix

package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/lbdev/lbdev/procs/misbehave"
)

// runUp runs "lbdev up" to its end and returns its exit code and what it said.
func runUp(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd, mark := lbdevCommand(t, append([]string{"up"}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Run()
	wantNobody(t, mark, 0)
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

func wantText(t *testing.T, where, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("%s has no %q:\n%s", where, want, text)
		}
	}
}

func TestUpNamesWhoHoldsAPort(t *testing.T) {
	base := freePorts(t, 5)
	stranger, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", base+1))
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	holder := fmt.Sprintf("%q (pid %d)", filepath.Base(program), os.Getpid())
	port := strconv.Itoa(base + 1)

	code, _, stderr := runUp(t, "--sample", "--base-port", strconv.Itoa(base))
	if code != exitPortTaken {
		t.Errorf("a worker's port: exit code %d, want %d", code, exitPortTaken)
	}
	wantText(t, "stderr", stderr, "lbdev: cannot start worker 2: port "+port+" is in use by "+holder,
		"lbdev: hint: stop it with  kill "+strconv.Itoa(os.Getpid())+" , or choose other ports:  lbdev up --base-port")

	code, _, stderr = runUp(t, "--sample", "--base-port", strconv.Itoa(base+2), "-n", "2", "--listen", port)
	if code != exitPortTaken {
		t.Errorf("the front's port: exit code %d, want %d", code, exitPortTaken)
	}
	wantText(t, "stderr", stderr, "lbdev: cannot open the front: port "+port+" is in use by", "lbdev up --listen")

	code, _, stderr = runUp(t, "--sample", "--base-port", strconv.Itoa(base+2), "-n", "2", "--listen", strconv.Itoa(base+3))
	if code != exitUsage {
		t.Errorf("the front on a worker's port: exit code %d, want %d", code, exitUsage)
	}
	wantText(t, "stderr", stderr, "it is worker 2's")
}

func TestUpWhenTheAppListensElsewhere(t *testing.T) {
	base := freePorts(t, 5)
	args := append([]string{"-n", "1", "--restart", "never", "--base-port", strconv.Itoa(base), "-l", strconv.Itoa(base + 4), "--ready-timeout", "7s", "--"},
		misbehave.Argv("serve-other")...)
	code, stdout, stderr := runUp(t, args...)
	if code != exitNeverReady {
		t.Errorf("exit code %d, want %d", code, exitNeverReady)
	}
	wantText(t, "stdout", stdout, fmt.Sprintf("not on %d that it was given", base), "write {port} where the command takes it", "not ready within 7s")
	wantText(t, "stderr", stderr, "no worker became ready in time", "does the app listen on the port it is given")
}

func TestUpWhenTheAppNeverListens(t *testing.T) {
	base := freePorts(t, 5)
	args := append([]string{"-n", "2", "--base-port", strconv.Itoa(base), "-l", strconv.Itoa(base + 4), "--ready-timeout", "300ms", "--"},
		misbehave.Argv("serve-never")...)
	code, stdout, stderr := runUp(t, args...)
	if code != exitNeverReady {
		t.Errorf("exit code %d, want %d", code, exitNeverReady)
	}
	wantText(t, "stdout", stdout, "not ready within 300ms (3 times); giving up on this worker")
	wantText(t, "stderr", stderr, "lbdev: no worker became ready in time", "lbdev: hint: ")
}

// TestUpOnAPrivilegedPort runs lbdev as a user who may not have one.
func TestUpOnAPrivilegedPort(t *testing.T) {
	if os.Getuid() == 0 {
		if limit, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start"); err != nil || strings.TrimSpace(string(limit)) == "0" {
			t.Fatalf("this machine has no privileged ports: %s %v", limit, err)
		}
	}
	dir, err := os.MkdirTemp("", "lbdev-nobody-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	program := filepath.Join(dir, "lbdev")
	copyProgram(t, program, dir)
	base := freePorts(t, 2)
	cmd, mark := lbdevCommand(t, "up", "--sample", "-n", "2", "--base-port", strconv.Itoa(base), "--listen", "81")
	cmd.Path, cmd.Dir = program, dir
	if os.Getuid() == 0 {
		const nobody = 65534
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code != exitFailed {
		t.Errorf("exit code %d, want %d", code, exitFailed)
	}
	wantText(t, "stderr", stderr.String(), "lbdev: cannot open the front on \"127.0.0.1:81\": only a privileged user may listen on this port",
		"lbdev: hint: take a port from 1024 up")
	wantNobody(t, mark, 0)
}

// copyProgram puts the test binary where another user may run it.
func copyProgram(t *testing.T, to, dir string) {
	t.Helper()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	from, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	file, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := io.Copy(file, from); err != nil {
		t.Fatal(err)
	}
}
