//go:build unix

package main

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/procs/misbehave"
)

func TestUpEndsBySignal(t *testing.T) {
	for _, tc := range []struct {
		signal syscall.Signal
		pty    string
		code   int
	}{
		{syscall.SIGINT, "off", 130}, {syscall.SIGTERM, "off", 143}, {syscall.SIGHUP, "off", 129},
		{syscall.SIGINT, "on", 130}, {syscall.SIGTERM, "on", 143}, {syscall.SIGHUP, "on", 129},
	} {
		t.Run(tc.signal.String()+" pty "+tc.pty, func(t *testing.T) {
			t.Parallel()
			u := startUp(t, "--sample", "-n", "3", "--pty", tc.pty)
			u.awaitReady(3)
			u.get("/")
			u.cmd.Process.Signal(tc.signal)
			if code := u.exitCode(); code != tc.code {
				t.Errorf("exit code %d, want %d\n%s", code, tc.code, u.dump())
			}
			wantNobody(t, u.mark, 0)
			u.await("the report", func(e upEvent) bool { return e.Event == "done" && e.Cluster.Requests.Total == 1 })
		})
	}
}

// TestUpFinishesRequestsInFlight stops lbdev while a request is under way: it is answered.
func TestUpFinishesRequestsInFlight(t *testing.T) {
	u := startUp(t, "-n", "2", "--", self(t), "serve-wait", "{port}")
	u.awaitReady(2)
	answered := u.ask("/wait")
	u.awaitSnapshot("the request's arrival", func(now cluster.Snapshot) bool { return now.Requests.InFlight == 1 })
	u.cmd.Process.Signal(syscall.SIGINT)
	u.await("the announcement", func(e upEvent) bool { return e.Event == "stopping" && e.Text != "" })
	if err := os.WriteFile(filepath.Join(u.cmd.Dir, goesFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := <-answered; got != "200 OK" {
		t.Errorf("the request in flight got %q", got)
	}
	u.exitCode()
	wantNobody(t, u.mark, 0)
}

// TestUpKillsTheStubbornInOneTimeout has eight workers that ignore SIGTERM: all are asked before the first is killed.
func TestUpKillsTheStubbornInOneTimeout(t *testing.T) {
	const workers, timeout = 8, 2 * time.Second
	u := startUp(t, append([]string{"-n", strconv.Itoa(workers), "--stop-timeout", timeout.String(), "--"}, misbehave.Argv("serve-deaf")...)...)
	u.awaitReady(workers)
	began := time.Now()
	u.cmd.Process.Signal(syscall.SIGTERM)
	if code := u.exitCode(); code != 143 {
		t.Errorf("exit code %d, want 143", code)
	}
	if took := time.Since(began); took < timeout || took >= workers*timeout {
		t.Errorf("eight stubborn workers took %v, want one timeout of %v", took, timeout)
	}
	asked := 0
	for _, e := range u.seen(func(e upEvent) bool { return e.Worker > 0 }) {
		switch cluster.State(e.Event) {
		case cluster.Stopping:
			asked++
		case cluster.Stopped:
			if asked < workers {
				t.Fatalf("worker %d has ended when %d of %d were asked to\n%s", e.Worker, asked, workers, u.dump())
			}
		}
	}
	wantNobody(t, u.mark, 0)
}

// TestUpSecondSignalKillsNow does not wait for a timeout of an hour.
func TestUpSecondSignalKillsNow(t *testing.T) {
	u := startUp(t, append([]string{"-n", "4", "--stop-timeout", "1h", "--"}, misbehave.Argv("serve-deaf")...)...)
	u.awaitReady(4)
	u.cmd.Process.Signal(syscall.SIGINT)
	u.await("the announcement", func(e upEvent) bool { return e.Event == "stopping" && e.Text != "" })
	time.Sleep(2 * sameSignal) // two at once would be one
	u.cmd.Process.Signal(syscall.SIGINT)
	if code := u.exitCode(); code != 130 {
		t.Errorf("exit code %d, want 130", code)
	}
	wantNobody(t, u.mark, 0)
}

// TestUpEndsWithItsReader is "lbdev up … | head -1": nobody reads on, so lbdev ends and leaves nothing.
func TestUpEndsWithItsReader(t *testing.T) {
	base := freePorts(t, 5)
	cmd, mark := lbdevCommand(t, "up", "--sample", "-n", "2", "--base-port", strconv.Itoa(base), "-l", strconv.Itoa(base+4))
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "lbdev ") {
		t.Errorf("the first line is %q, %v", line, err)
	}
	r.Close()
	// What lbdev says next finds nobody. If it has said all that it had to say already, that is this request; else it may be gone by now.
	(&upTest{T: t, front: "http://127.0.0.1:" + strconv.Itoa(base+4)}).ask("/")
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("lbdev runs on although nobody reads its output")
	}
	if code := cmd.ProcessState.ExitCode(); code != 141 {
		t.Errorf("exit code %d, want 141, as for any program in a pipe that was closed", code)
	}
	wantNobody(t, mark, 0)
}

// TestUpEndsWithItsTerminal runs lbdev on a terminal of its own and closes that.
func TestUpEndsWithItsTerminal(t *testing.T) {
	base := freePorts(t, 5)
	cmd, mark := lbdevCommand(t, "up", "--sample", "-n", "2", "--base-port", strconv.Itoa(base), "-l", strconv.Itoa(base+4))
	cmd.SysProcAttr = nil
	cmd.Env = append(cmd.Env, "CI=", "TERM=xterm-256color")
	screen := startOnTerminal(t, cmd)
	screen.await("2 of 2 ready")
	screen.close()
	done := make(chan struct{})
	go func() { cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("lbdev runs on although its terminal is closed")
	}
	if code := cmd.ProcessState.ExitCode(); code != 129 {
		t.Errorf("exit code %d, want 129", code)
	}
	wantNobody(t, mark, 0)
}
