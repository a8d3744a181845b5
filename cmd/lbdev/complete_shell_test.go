//go:build unix

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/cluster/control"
	"github.com/lbdev/lbdev/procs/misbehave"
)

// A completionTest is a folder with a cluster of two workers that runs, named "my shop", and another whose lbdev does not
// answer, named "frozen"; lbdev is in PATH.
type completionTest struct {
	*testing.T
	base int
	dir  string   // where the shell is
	bin  string   // where lbdev is
	env  []string // of the shell
}

// newCompletionTest runs the cluster in this process, which takes less time than lbdev up.
func newCompletionTest(t *testing.T) *completionTest {
	t.Helper()
	c := &completionTest{T: t, base: freePorts(t, 3), dir: t.TempDir(), bin: t.TempDir()}
	runtimeDir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(c.bin, "lbdev")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"settings.yaml", "run-me", "folder/inside"} {
		path := filepath.Join(c.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c.env = []string{
		"PATH=" + c.bin + ":/usr/local/bin:/usr/bin:/bin", "HOME=" + c.dir, "XDG_RUNTIME_DIR=" + runtimeDir, asLbdev + "=1",
		"LC_ALL=C.UTF-8", "TERM=xterm", "PS1=ready> ",
		"GORACE=atexit_sleep_ms=0", // a program with the race detector would take a second to end, at each key
	}
	c.run(control.Dir(filepath.Join(runtimeDir, "lbdev")))
	return c
}

func (c *completionTest) run(dir control.Dir) {
	running, err := cluster.New(cluster.Config{
		Name: "my shop", Command: misbehave.Argv("serve"), Workers: 2, BasePort: c.base, Listen: net.JoinHostPort("127.0.0.1", strconv.Itoa(c.base+2)),
	})
	if err != nil {
		c.Fatal(err)
	}
	if err := running.Open(); err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() { running.Shutdown(context.Background()) })
	claim, err := dir.Claim(control.Info{Name: "my shop", Folder: c.dir})
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() { claim.Close() })
	server := &control.Server{Cluster: running, Token: claim.Token()}
	server.Open(claim.Listener())
	c.Cleanup(func() { server.Close(context.Background()) })
	frozen, err := dir.Claim(control.Info{Name: "frozen", Folder: "/elsewhere"}) // connects, and is never answered
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() { frozen.Close() })
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if ws := running.Snapshot().Workers; ws[0].State == cluster.Ready && ws[1].State == cluster.Ready {
			return
		}
		if time.Now().After(deadline) {
			c.Fatalf("the workers did not become ready: %+v", running.Snapshot().Workers)
		}
	}
}

// command is a program with the environment of the test and nothing else.
func (c *completionTest) command(name string, args ...string) *exec.Cmd {
	c.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = c.dir, slices.Clone(c.env)
	return cmd
}

// output runs a program, which must be silent on stderr.
func (c *completionTest) output(name string, args ...string) string {
	c.Helper()
	cmd := c.command(name, args...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil || errs.Len() > 0 {
		c.Fatalf("%s: %v\n%s%s", name, err, out, errs.String())
	}
	return string(out)
}

// port is worker n's.
func (c *completionTest) port(n int) string { return strconv.Itoa(c.base + n - 1) }

// wantLines compares what was offered, one candidate a line.
func (c *completionTest) wantLines(line, got string, want ...string) {
	c.Helper()
	if lines := strings.Split(strings.TrimSpace(got), "\n"); !slices.Equal(lines, want) {
		c.Errorf("after %q\n got %q\nwant %q", line, lines, want)
	}
}

// wantSorted is wantLines where the shell has its own order.
func (c *completionTest) wantSorted(line, got string, want ...string) {
	c.Helper()
	lines := strings.Split(strings.TrimSpace(got), "\n")
	slices.Sort(lines)
	slices.Sort(want)
	c.wantLines(line, strings.Join(lines, "\n"), want...)
}

func TestCompleteAsksTheRunningCluster(t *testing.T) {
	t.Parallel()
	c := newCompletionTest(t)
	ask := func(words ...string) (string, time.Duration) {
		t.Helper()
		start := time.Now()
		out := c.output(c.bin+"/lbdev", append([]string{completeName, "--"}, words...)...)
		return out, time.Since(start)
	}
	workers := []string{"1\t" + c.port(1) + " ready", "2\t" + c.port(2) + " ready", c.port(1) + "\tworker 1 ready", c.port(2) + "\tworker 2 ready", "all\t2 workers"}
	out, took := ask("kill", "")
	c.wantLines("kill ", out, workers...)
	t.Logf("%v with a cluster that answers", took)
	out, _ = ask("kill", "--name", "my shop", "")
	c.wantLines("kill --name 'my shop' ", out, workers...)
	out, _ = ask("kill", "--name", "gone", "")
	c.wantLines("kill --name gone ", out, "")
	out, _ = ask("ps", "--name", "")
	c.wantLines("ps --name ", out, "frozen\tnot answering", "my shop\t2 workers in "+c.dir)
	out, took = ask("kill", "--name", "frozen", "")
	c.wantLines("kill --name frozen ", out, "")
	t.Logf("%v with a cluster that does not answer", took)

	c.env = append(c.env, "LBDEV_NAME=gone")
	out, _ = ask("kill", "")
	c.wantLines("kill , with LBDEV_NAME of none", out, "")
	c.env = append(c.env, "LBDEV_NAME=my shop")
	c.dir = t.TempDir()
	out, _ = ask("kill", "")
	c.wantLines("kill , with LBDEV_NAME, in another folder", out, workers...)
	out = c.output(c.bin+"/lbdev", completeName, "--new", "--", "kill")
	c.wantLines("kill , with --new", out, workers...)
	for _, broken := range []string{"XDG_RUNTIME_DIR=" + os.Args[0], "XDG_RUNTIME_DIR=/proc/1", "LBDEV_WORKERS=many"} {
		c.env = append(c.env, broken)
		ask("kill", "") // which must be silent and succeed
	}
}

// TestCompleteInTime holds that a cluster that does not answer costs no more than the bound: measured inside, since the
// test binary with the race detector takes a multiple of lbdev's own time to start.
func TestCompleteInTime(t *testing.T) {
	runtimeDir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", runtimeDir)
	dir := control.Dir(filepath.Join(runtimeDir, "lbdev"))
	for i := range 20 {
		claim, err := dir.Claim(control.Info{Name: fmt.Sprintf("frozen %d", i), Folder: "/elsewhere"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { claim.Close() })
	}
	const unbounded = 900 * time.Millisecond // without the bound it takes a second or two
	for name, ask := range map[string]func() int{
		"workers": func() int { return len(askRunning{}.workers("frozen 3")) },
		"nobody":  func() int { return len(askRunning{}.workers("gone")) },
		"folder":  func() int { return len(askRunning{}.workers("")) },
		"names":   func() int { return len(askRunning{}.clusters()) - 20 },
	} {
		best := patience
		for range 5 { // the machine may be busy
			start := time.Now()
			if n := ask(); n != 0 {
				t.Errorf("%s: %d too many", name, n)
			}
			if best = min(best, time.Since(start)); best < unbounded {
				break
			}
		}
		if best >= unbounded {
			t.Errorf("%s took %v, want %v", name, best, completePatience)
		}
	}
}

// TestCompletionPrintsTheScript wants each script on stdout as it lies in templates. PowerShell's is not run anywhere in the
// tests: that it is ASCII at least keeps it whole in any code page.
func TestCompletionPrintsTheScript(t *testing.T) {
	t.Parallel()
	for _, i := range installs {
		want, err := os.ReadFile("../../templates/completion/lbdev." + i.shell)
		if err != nil {
			t.Fatal(err)
		}
		cmd, _ := lbdevCommand(t, "completion", i.shell)
		got, err := cmd.CombinedOutput()
		if err != nil || string(got) != string(want) {
			t.Errorf("lbdev completion %s: %v; it prints\n%s", i.shell, err, got)
		}
		if n := strings.IndexFunc(string(got), func(r rune) bool { return r > 126 }); i.shell == "powershell" && n >= 0 {
			t.Errorf("the script for %s is not ASCII at byte %d", i.shell, n)
		}
		cmd, _ = lbdevCommand(t, "completion", "--help")
		if help, _ := cmd.Output(); !strings.Contains(string(help), i.how) {
			t.Errorf("lbdev completion --help does not tell how to install it for %s:\n%s", i.shell, help)
		}
	}
}

func TestCompletionUsage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		want []string
	}{
		{[]string{"completion"}, []string{"no shell was given", "hint: your shell is fish:  lbdev completion fish >"}},
		{[]string{"completion", "tcsh"}, []string{`"tcsh"`, "hint: your shell is fish"}},
		{[]string{"completion", "bash", "zsh"}, []string{"more than one", "hint: "}},
		{[]string{"man", "up"}, []string{`manual of "up"`, "hint: lbdev man"}},
	} {
		cmd, _ := lbdevCommand(t, tt.args...)
		cmd.Env = append(cmd.Env, "SHELL=/usr/bin/fish")
		var stdout, stderr strings.Builder
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		cmd.Run()
		if code := cmd.ProcessState.ExitCode(); code != exitUsage || stdout.Len() > 0 {
			t.Errorf("lbdev %v: exit code %d, want %d; stdout %q", tt.args, code, exitUsage, stdout.String())
		}
		for _, want := range tt.want {
			if !strings.Contains(stderr.String(), want) {
				t.Errorf("lbdev %v does not say %q:\n%s", tt.args, want, stderr.String())
			}
		}
	}
}
