//go:build unix

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lbdev/lbdev/procs/misbehave"
)

// TestUpLosesNoLine sends a million lines from four workers through lbdev to a pipe.
func TestUpLosesNoLine(t *testing.T) {
	const workers, lines = 4, 250_000
	base := freePorts(t, 5)
	args := append([]string{
		"up", "-n", strconv.Itoa(workers), "--restart", "never", "--base-port", strconv.Itoa(base), "-l", strconv.Itoa(base + 4), "--",
	}, misbehave.Argv("lines", strconv.Itoa(lines), "a line of the usual length, as servers write them")...)
	cmd, mark := lbdevCommand(t, args...)
	cmd.Env = append(cmd.Env, "LC_ALL=C.UTF-8")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	next := map[string]int{}
	scanner := bufio.NewScanner(stdout)
	for scanner.Scan() {
		port, text, ok := strings.Cut(scanner.Text(), " │ ")
		if !ok || !strings.HasPrefix(text, "a line") {
			continue
		}
		n, err := strconv.Atoi(text[strings.LastIndexByte(text, ' ')+1:])
		if next[port]++; err != nil || n != next[port] {
			t.Fatalf("%s: got %q, want line %d", port, text, next[port])
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("workers that end by themselves, as wanted: %v", err)
	}
	if len(next) != workers {
		t.Errorf("lines came from %v", next)
	}
	for port, n := range next {
		if n != lines {
			t.Errorf("%s: %d lines, want %d", port, n, lines)
		}
	}
	wantNobody(t, mark, 0)
}

// TestUpWaitsForASlowReader has a reader that begins when everything is over: it gets every line, and the exit after the
// last one.
func TestUpWaitsForASlowReader(t *testing.T) {
	const lines = 30_000
	base := freePorts(t, 5)
	args := append([]string{"up", "-n", "1", "--restart", "never", "--base-port", strconv.Itoa(base), "-l", strconv.Itoa(base + 4), "--"},
		misbehave.Argv("lines", strconv.Itoa(lines))...)
	cmd, mark := lbdevCommand(t, args...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(4 * time.Second) // the reader is busy
	out, err := io.ReadAll(stdout)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	text := string(out)
	if n := strings.Count(text, " line "); n != lines {
		t.Errorf("%d lines arrived, want %d", n, lines)
	}
	last := strings.Index(text, fmt.Sprintf(" line %d\n", lines))
	if exit := strings.Index(text, "restart policy is never"); last < 0 || exit < last {
		t.Errorf("the exit is told at byte %d, the last words at %d", exit, last)
	}
	if !strings.HasSuffix(text, " 0 failed\n") {
		t.Errorf("the output ends with %q", text[max(0, len(text)-80):])
	}
	wantNobody(t, mark, 0)
}

// TestUpLastWords has a worker that fails with a traceback whose last line has no newline.
func TestUpLastWords(t *testing.T) {
	base := freePorts(t, 5)
	args := append([]string{"up", "-n", "2", "--base-port", strconv.Itoa(base), "-l", strconv.Itoa(base + 4), "--"},
		misbehave.Argv("boot", "no module named shop")...)
	cmd, mark := lbdevCommand(t, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Env = append(cmd.Env, "LC_ALL=C.UTF-8")
	cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code != exitFailed {
		t.Errorf("exit code %d, want %d", code, exitFailed)
	}
	out := stdout.String()
	for _, want := range []string{
		"✗ exited with code 1 after", "restart 1 now", "before it was ready (3 times); giving up on this worker",
		"       │ ", "no module named shop", "the same output as the worker before", "lbdev: hint: run it alone to see more:  PORT=",
		"0 requests",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("stdout has no %q:\n%s", want, out)
		}
	}
	for _, want := range []string{"lbdev: all workers failed", "lbdev: hint: run one alone to see more:  PORT=" + strconv.Itoa(base)} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("stderr has no %q:\n%s", want, stderr.String())
		}
	}
	wantNobody(t, mark, 0)
}

// TestPrintOnAFullDisk holds that what only prints fails when it can't.
func TestPrintOnAFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	t.Chdir(t.TempDir())
	for _, args := range []string{
		"presets", "presets django", "presets --json", "presets --path", "snippet", "snippet go", "snippet --json", "export", "export --json", "export nginx -- ./server",
		"init --stdout -- ./server", "schema", "up --print-config -- ./server",
	} {
		stderr, err := os.Create("stderr")
		if err != nil {
			t.Fatal(err)
		}
		code := run(append([]string{"lbdev"}, strings.Fields(args)...), full, stderr)
		stderr.Close()
		said, _ := os.ReadFile("stderr")
		if code != exitFailed || !strings.HasPrefix(string(said), "lbdev: cannot write the output: no space left on device") {
			t.Errorf("%s: exit code %d, %s", args, code, said)
		}
	}
}

// TestUpOnAFullDisk goes on serving and says that output is lost.
func TestUpOnAFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	base := freePorts(t, 5)
	cmd, mark := lbdevCommand(t, "up", "--sample", "-n", "2", "--base-port", strconv.Itoa(base), "-l", strconv.Itoa(base+4))
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = full
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(stderr).ReadString('\n')
	if want := "lbdev: cannot write the output, some of it is lost: "; !strings.HasPrefix(line, want) {
		t.Errorf("stderr says %q, want %q…", line, want)
	}
	u := &upTest{T: t, front: "http://127.0.0.1:" + strconv.Itoa(base+4)}
	u.get("/")
	cmd.Process.Signal(os.Interrupt)
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit code %d, want 130", code)
	}
	wantNobody(t, mark, 0)
}
