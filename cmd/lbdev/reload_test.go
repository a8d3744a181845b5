//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/cluster/control"
	"github.com/lbdev/lbdev/config"
	"github.com/lbdev/lbdev/procs/misbehave"
)

// saying is a lbdev.yaml whose workers print a variable when they begin.
func saying(t *testing.T, says string, rest ...string) string {
	t.Helper()
	script := `echo "it says $SAYS"; exec ` + commandLine(misbehave.Argv("serve"))
	return fmt.Sprintf("command: %s\nenv:\n  SAYS: %s\n%s\n", config.Format([]string{"sh", "-c", script}), config.Quote(says), strings.Join(rest, "\n"))
}

// save writes a file as editors do: at once under another name, or in place.
func save(t *testing.T, path, text string, inPlace bool) {
	t.Helper()
	to := path
	if !inPlace {
		to += "~"
	}
	if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if !inPlace {
		if err := os.Rename(to, path); err != nil {
			t.Fatal(err)
		}
	}
}

func says(word string, worker int) func(upEvent) bool {
	return func(e upEvent) bool { return e.Event == "log" && e.Worker == worker && e.Line == "it says "+word }
}

func announced(text string) func(upEvent) bool {
	return func(e upEvent) bool { return strings.Contains(e.Text, text) }
}

// TestReload changes lbdev.yaml while clients send requests: all of it takes effect, and no request fails.
func TestReload(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "lbdev.yaml")
	save(t, path, saying(t, "one", "workers: 2"), false)
	u := startUpIn(t, dir)
	u.awaitReady(2)
	c := gather(8, getter(u.front), patience)

	save(t, path, saying(t, "one", "workers: 4", "policy: random", "weight: 4=3"), false)
	u.awaitSnapshot("4 workers", func(s cluster.Snapshot) bool {
		return len(s.Workers) == 4 && s.Policy == "random" && s.Workers[3].Weight == 3 && s.Workers[3].State == cluster.Ready
	})
	u.await("what has changed", announced("lbdev.yaml changed: workers 2 → 4, policy round-robin → random, weight"))

	save(t, path, saying(t, "two", "workers: 3", "policy: least-conn", "max-body: 10MB"), true)
	u.awaitSnapshot("3 workers", func(s cluster.Snapshot) bool { return len(s.Workers) == 3 && s.Policy == "least-conn" })
	for worker := 1; worker <= 3; worker++ {
		u.await("the new variable", says("two", worker))
	}
	u.await("what needs a new start", announced("lbdev.yaml: max-body changed; it counts after lbdev is started again"))
	u.await("the end of the rolling restart", announced("rolling restart done"))

	sent, failed, first := c.goHome()
	if failed > 0 || sent == 0 {
		t.Errorf("%d of %d GETs failed, the first: %s\n%s", failed, sent, first, u.dump())
	}
	if n := len(u.seen(func(e upEvent) bool { return e.Event == "log" && e.Worker == 4 && e.Line == "it says two" })); n > 0 {
		t.Error("a worker was restarted that was to go")
	}
	u.do("down")
	u.exitCode()
}

// TestReloadBroken holds that a file which can't be used changes nothing, and that its mistakes are shown.
func TestReloadBroken(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "lbdev.yaml")
	good := saying(t, "one", "workers: 2")
	save(t, path, good, false)
	u := startUpIn(t, dir)
	u.awaitReady(2)
	for _, broken := range []struct{ text, want string }{
		{good + "wrokers: 3\nhold: 5\n", "lbdev.yaml cannot be used, nothing is changed: lbdev.yaml:5:1: wrokers is no key; did you mean workers? (and 1 more)"},
		{"", "cannot take an empty lbdev.yaml for what is meant"},
		{good + "ready-path: /x\nready: tcp\n", "ready path \"/x\": readiness tcp asks for no path"},
	} {
		save(t, path, broken.text, true)
		u.await(broken.want, announced(broken.want))
	}
	if got := u.stderr.String(); !strings.Contains(got, "lbdev:    6 | hold: 5\nlbdev:      |       ^\n") {
		t.Errorf("the mistakes are not shown\n%s", got)
	}
	if out, code := u.command("reload"); code != exitConfig || !strings.Contains(out, "readiness tcp asks for no path") {
		t.Errorf("lbdev reload ends with %d\n%s", code, out)
	}
	os.Remove(path)
	u.await("that it is gone", announced("cannot find \"lbdev.yaml\" any more"))
	u.awaitSnapshot("2 workers as they were", func(s cluster.Snapshot) bool {
		return len(s.Workers) == 2 && s.Workers[0].Incarnation == 1 && s.Workers[1].Incarnation == 1
	})

	// A command that does not boot: the workers go on with the one before.
	save(t, path, strings.Replace(good, "exec ", "exit 7; exec ", 1), false)
	u.await("the old settings", announced("the settings from before count again"))
	u.awaitSnapshot("2 workers", func(s cluster.Snapshot) bool {
		return s.Workers[0].State == cluster.Ready && s.Workers[0].Incarnation > 1 && s.Workers[1].Incarnation == 1
	})
	save(t, path, saying(t, "mended", "workers: 2"), false)
	u.await("the new variable", says("mended", 2))
	u.do("down")
	u.exitCode()
}

// TestReloadByHand holds what lbdev reload answers, and that flags and variables stay above the file.
func TestReloadByHand(t *testing.T) {
	dir := t.TempDir()
	path, env := filepath.Join(dir, "lbdev.yaml"), filepath.Join(dir, "app.env")
	save(t, env, "SAYS=env\n", false)
	text := strings.Replace(saying(t, "x", "workers: 3", "hold: 1s", "env-file: app.env"), "  SAYS: x\n", "  A: b\n", 1)
	save(t, path, text, false)
	u := startUpIn(t, dir, "-n", "2", "--reload=false")
	u.awaitReady(2)
	var done control.Reloaded
	reload := func() control.Reloaded {
		t.Helper()
		out := u.do("reload", "--json")
		done = control.Reloaded{}
		if err := json.Unmarshal([]byte(out), &done); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return done
	}
	if reload(); len(done.Applied)+len(done.Needs) > 0 || done.File != "lbdev.yaml" {
		t.Errorf("nothing has changed, and it answers %+v", done)
	}
	if got := u.do("reload"); got != "nothing in lbdev.yaml has changed\n" {
		t.Errorf("it says %q", got)
	}
	save(t, env, "SAYS=other\n", false)
	save(t, path, strings.Replace(text, "workers: 3\nhold: 1s", "workers: 5\nhold: 2s\nmax-body: 10MB\ntls: true\nbadge: true", 1), false)
	reload()
	if want := []string{"badge", "hold", "env-file"}; !slices.Equal(done.Applied, want) || !done.Restarted || !slices.Equal(done.Needs, []string{"tls", "max-body"}) {
		t.Errorf("it answers %+v", done)
	}
	u.await("the env file's variable", says("other", 2))
	if got := u.do("reload"); got != "tls, max-body changed; they count after lbdev is started again\n" {
		t.Errorf("it says %q", got)
	}
	u.awaitSnapshot("as many workers as the flag says", func(s cluster.Snapshot) bool { return len(s.Workers) == 2 && *s.Badge })
	u.do("down")
	u.exitCode()
}

// TestReloadTellsWhatFails takes the port that another worker would have.
func TestReloadTellsWhatFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "lbdev.yaml")
	save(t, path, saying(t, "x", "workers: 1"), false)
	u := startUpIn(t, dir)
	u.awaitReady(1)
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", u.base+1))
	if err != nil {
		t.Fatal(err)
	}
	save(t, path, saying(t, "x", "workers: 2", "policy: first"), false)
	u.await("that the port is taken", announced(fmt.Sprintf("lbdev.yaml: cannot start worker 2: port %d is in use", u.base+1)))
	u.awaitSnapshot("the policy all the same", func(s cluster.Snapshot) bool { return s.Policy == "first" && len(s.Workers) == 1 })
	l.Close()
	if got := u.do("reload"); got != "workers counts now\n" {
		t.Errorf("when the port is free it says %q", got)
	}
	u.awaitReady(2)
	u.do("down")
	u.exitCode()
}

// TestReloadKeys holds that what a reload applies are settings, and that none is named twice.
func TestReloadKeys(t *testing.T) {
	all := slices.Concat(liveKeys, renewedKeys)
	for i, key := range all {
		if _, ok := config.KeyOf(key); !ok || slices.Contains(all[:i], key) {
			t.Errorf("%s is no setting, or there twice", key)
		}
	}
}

// TestReloadPreset holds that another preset takes the place of the first, unless it has to prepare something.
func TestReloadPreset(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "lbdev.yaml")
	save(t, filepath.Join(dir, "index.html"), "hello", false)
	save(t, filepath.Join(dir, "package.json"), `{"scripts": {"build": "true"}, "dependencies": {"vite": "*"}}`, false)
	save(t, path, "preset: static\nworkers: 2\n", false)
	u := startUpIn(t, dir)
	u.awaitReady(2)
	save(t, path, "preset: static\nworkers: 2\ncommand: "+config.Format(misbehave.Argv("serve"))+"\n", false)
	for worker := 1; worker <= 2; worker++ {
		u.awaitIncarnation(worker, 2)
	}
	if _, body := u.get("/"); !strings.HasPrefix(body, "port ") {
		t.Errorf("the new command answers %q", body)
	}
	save(t, path, "preset: static\nworkers: 2\n", false)
	for worker := 1; worker <= 2; worker++ {
		u.awaitIncarnation(worker, 3)
	}
	if _, body := u.get("/"); body != "hello" {
		t.Errorf("the preset answers %q", body)
	}
	save(t, path, "preset: vite\nworkers: 2\n", false)
	u.await("that it needs a start", announced("lbdev.yaml: preset changed; it counts after lbdev is started again"))
	if w := u.seen(isState(cluster.Starting, 1)); len(w) != 3 {
		t.Errorf("worker 1 was started %d times", len(w))
	}
	u.do("down")
	u.exitCode()
}

// TestReloadOfFilesThatCome: a lbdev.yaml that was not there at the start counts when it comes, and so do changes of an env file that only
// a later one names.
func TestReloadOfFilesThatCome(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	u := startUpIn(t, dir, "-n", "1", "--", "sh", "-c", `echo "it says $SAYS$MORE"; exec `+commandLine(misbehave.Argv("serve")))
	u.awaitReady(1)
	save(t, in("lbdev.yaml"), "policy: random\nenv: {SAYS: one}\n", false)
	u.await("the file's variable", says("one", 1))
	u.awaitSnapshot("the file's policy", func(s cluster.Snapshot) bool { return s.Policy == "random" })
	for _, name := range []string{"first.env", "second.env"} {
		save(t, in(name), "MORE=-"+name+"\n", false)
		save(t, in("lbdev.yaml"), "policy: random\nenv: {SAYS: one}\nenv-file: "+name+"\n", true)
		u.await("the env file", says("one-"+name, 1))
		save(t, in(name), "MORE=-changed-"+name+"\n", false)
		u.await("the env file's change", says("one-changed-"+name, 1))
	}
	os.Remove(in("lbdev.yaml"))
	u.await("that it is gone", announced("cannot find \"lbdev.yaml\" any more"))
	u.do("down")
	u.exitCode()
}

// TestReloadHint: after a reload that failed the hint has the command that did, and not the one from before that counts again.
func TestReloadHint(t *testing.T) {
	dir, base := t.TempDir(), freePorts(t, 2)
	path := filepath.Join(dir, "lbdev.yaml")
	save(t, path, saying(t, "one", "workers: 1"), false)
	cmd, mark := lbdevCommand(t, "up", "--base-port", strconv.Itoa(base), "-l", strconv.Itoa(base+1))
	cmd.Dir, cmd.SysProcAttr = dir, nil
	cmd.Env = append(cmd.Env, "CI=", "TERM=xterm-256color", "LC_ALL=C.UTF-8", "NO_COLOR=1")
	screen := startOnTerminal(t, cmd)
	screen.await("1 of 1 ready")
	save(t, path, "command: [sh, -c, exit 7]\nworkers: 1\n", false)
	screen.await("the settings from before count again")
	screen.await(fmt.Sprintf("lbdev: hint: run it alone to see more:  PORT=%d sh -c 'exit 7'\r\n", base))
	cmd.Process.Signal(syscall.SIGTERM)
	cmd.Wait()
	wantNobody(t, mark, 0)
}

// TestReloadWaitsForAPipe: an env file may be a pipe that nobody writes to. Ctrl-C ends lbdev all the same.
func TestReloadWaitsForAPipe(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mkfifo(filepath.Join(dir, "pipe.env"), 0o600); err != nil {
		t.Fatal(err)
	}
	save(t, filepath.Join(dir, "lbdev.yaml"), saying(t, "one", "workers: 1"), false)
	base := freePorts(t, 2)
	cmd, mark := lbdevCommand(t, "up", "--base-port", strconv.Itoa(base), "-l", strconv.Itoa(base+1))
	cmd.Dir, cmd.SysProcAttr = dir, nil
	cmd.Env = append(cmd.Env, "CI=", "TERM=xterm-256color", "LC_ALL=C.UTF-8", "NO_COLOR=1")
	screen := startOnTerminal(t, cmd)
	screen.await("1 of 1 ready")
	save(t, filepath.Join(dir, "lbdev.yaml"), saying(t, "one", "workers: 1", "env-file: pipe.env"), false)
	screen.await(`waiting for env file "pipe.env", which is a pipe`)
	cmd.Process.Signal(syscall.SIGINT)
	screen.await("1 stopped in")
	over := make(chan error, 1)
	go func() { over <- cmd.Wait() }()
	select {
	case <-over:
	case <-time.After(patience):
		t.Fatal("it goes on")
	}
	wantNobody(t, mark, 0)
}
