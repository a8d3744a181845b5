//go:build unix

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/lbdev/lbdev/cluster/control"
	"github.com/lbdev/lbdev/procs/misbehave"
)

// editor returns an app's file, and what saves it as editors do.
func editor(t *testing.T, dir string) (app string, save func(mode string)) {
	app = filepath.Join(dir, "app.sh")
	return app, func(mode string) {
		text := "#!/bin/sh\nexec " + commandLine(misbehave.Argv(mode)) + "\n"
		if err := os.WriteFile(app+"~", []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(app+"~", app); err != nil {
			t.Fatal(err)
		}
	}
}

// TestWatchTheOnlyWorker: code that does not boot does not end lbdev, though nobody is left who runs; the next change brings the worker back.
func TestWatchTheOnlyWorker(t *testing.T) {
	dir := t.TempDir()
	app, save := editor(t, dir)
	save("serve")
	u := startUpIn(t, dir, "-n", "1", "--watch", "*.sh", "--", app)
	u.awaitReady(1)
	save("boot")
	u.await("what becomes of lbdev", func(e upEvent) bool { return strings.HasPrefix(e.Text, "no worker runs any more") })
	save("serve")
	u.awaitIncarnation(1, 3)
	u.get("/")
	u.cmd.Process.Signal(syscall.SIGTERM)
	if code := u.exitCode(); code != exitSignal+int(syscall.SIGTERM) {
		t.Errorf("exit code %d", code)
	}
}

// TestWatch edits an app: good code restarts the workers in turn, code that does not boot stops at the first of them.
func TestWatch(t *testing.T) {
	dir := t.TempDir()
	app, save := editor(t, dir)
	save("serve")
	if err := os.WriteFile(filepath.Join(dir, "lbdev.yaml"), []byte("watch: ['*.sh', '!tests']\nlog-dir: logs\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	u := startUpIn(t, dir, "-n", "3", "--", app)
	u.awaitReady(3)
	save("serve-v6")
	for worker := 1; worker <= 3; worker++ {
		u.awaitIncarnation(worker, 2)
	}
	done := u.await("the end of the rolling restart", func(e upEvent) bool { return strings.HasPrefix(e.Text, "rolling restart done") })
	save("boot")
	stopped := u.await("the rolling restart to stop", func(e upEvent) bool { return strings.HasPrefix(e.Text, "rolling restart stopped") })
	if stopped.Time.Before(done.Time) || !strings.Contains(stopped.Text, "worker 1") || !strings.HasSuffix(stopped.Text, "the other 2 serve on") {
		t.Errorf("it says %q", stopped.Text)
	}
	for range 4 {
		if port, _ := u.get("/"); port == u.base {
			t.Error("the worker that does not boot has answered")
		}
	}
	save("serve")
	for worker := 1; worker <= 3; worker++ {
		u.awaitIncarnation(worker, 3)
	}
	u.wantTurns(3)
	u.cmd.Process.Signal(syscall.SIGTERM)
	u.exitCode()
	wantLogs(t, u, filepath.Join(dir, "logs"))
}

// wantLogs wants a file for each worker, with what it printed and what became of it, and each request in access.log.
func wantLogs(t *testing.T, u *upTest, dir string) {
	t.Helper()
	for worker := range 3 {
		text, err := os.ReadFile(filepath.Join(dir, "worker-"+strconv.Itoa(u.base+worker)+".log"))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{" | listening on ", " lbdev: ready pid ", " lbdev: stopped pid "} {
			if !strings.Contains(string(text), want) {
				t.Errorf("the log of worker %d has no line with %q:\n%s", worker+1, want, text)
			}
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "access.log"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		var r control.Request
		if err := json.Unmarshal([]byte(line), &r); err != nil || r.Status != 200 || len(r.Attempts) == 0 {
			t.Errorf("access.log has %q (%v)", line, err)
		}
		n++
	}
	if want := len(u.seen(func(e upEvent) bool { return e.Event == "request" })); n != want || n == 0 {
		t.Errorf("access.log has %d requests, there were %d", n, want)
	}
}

// TestWatchAndLogsRefuse what can't be.
func TestWatchAndLogsRefuse(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		flags []string
		code  int
		want  string
	}{
		{[]string{"--watch", "no-such-folder/**"}, exitUsage, "no-such-folder"},
		{[]string{"--watch", "[a"}, exitUsage, "[a"},
		{[]string{"--log-dir", "file"}, exitFailed, "cannot keep logs in"},
	} {
		u := startUpIn(t, dir, append(tt.flags, "--sample")...)
		if code := u.exitCode(); code != tt.code || !strings.Contains(u.stderr.String(), tt.want) || !strings.Contains(u.stderr.String(), "hint:") {
			t.Errorf("%v: exit code %d, want %d\n%s", tt.flags, code, tt.code, u.dump())
		}
		wantNobody(t, u.mark, 0)
	}
}
