//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startPrepared is up in a folder with a preset of its own, whose one step is a script of the shell.
func startPrepared(t *testing.T, step string, args ...string) *upTest {
	t.Helper()
	dir, config := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{
		filepath.Join(config, "lbdev/presets/shop.yaml"): "order: 1\nname: shop\ntitle: shop\nwhen: [{files: shop.conf}]\nrun: [{command: sh run.sh}]\nprepare: [{command: sh step.sh}]\n",
		filepath.Join(dir, "shop.conf"):                  "", filepath.Join(dir, "step.sh"): step, filepath.Join(dir, "run.sh"): "exec sleep 300\n",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("XDG_CONFIG_HOME", config)
	return startUpIn(t, dir, args...)
}

func (u *upTest) awaitStep(line string) {
	u.Helper()
	u.await("the step's line "+line, func(e upEvent) bool { return e.Event == "prepare-log" && e.Line == line })
}

// A signal ends the step with all that it has started, and lbdev with it.
func TestPrepareEndsBySignal(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			u := startPrepared(t, "sleep 300 &\n(setsid sleep 301 &)\necho begun\nsleep 302\n")
			u.awaitStep("begun")
			u.cmd.Process.Signal(sig)
			if code, want := u.exitCode(), 128+int(sig); code != want {
				t.Errorf("exit code %d, want %d\n%s", code, want, u.dump())
			}
			wantNobody(t, u.mark, 5*time.Second)
			if text := u.stderr.String(); text != "" {
				t.Errorf("it said %q", text)
			}
		})
	}
}

// A step that does not listen is killed by the second signal.
func TestPrepareSecondSignalKills(t *testing.T) {
	u := startPrepared(t, "trap '' TERM\necho begun\nwhile :; do sleep 1; done\n")
	u.awaitStep("begun")
	u.cmd.Process.Signal(syscall.SIGINT)
	time.Sleep(2 * sameSignal) // two signals within sameSignal are one
	begun := time.Now()
	u.cmd.Process.Signal(syscall.SIGINT)
	if code := u.exitCode(); code != 130 {
		t.Errorf("exit code %d, want 130", code)
	}
	if took := time.Since(begun); took > stepGrace/2 {
		t.Errorf("it took %v", took)
	}
	wantNobody(t, u.mark, 5*time.Second)
}

// What a step leaves running is ended before the workers start, and they don't start after a step that failed.
func TestPrepareLeavesNothing(t *testing.T) {
	u := startPrepared(t, "(setsid sleep 303 &)\necho begun\n", "-n", "1", "--ready", "tcp")
	u.await("the worker's start", func(e upEvent) bool { return e.Event == "starting" })
	for _, pid := range marked(u.mark) {
		if strings.Contains(describe([]int{pid}), "sleep 303") {
			t.Errorf("%s still runs", describe([]int{pid}))
		}
	}
	failing := startPrepared(t, "echo one\necho\necho two\nexit 3\n")
	if code := failing.exitCode(); code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	said := failing.stderr.String()
	for _, want := range []string{"cannot prepare: sh step.sh exited with code 3 after ", "one", "two", "hint: run it by itself:  sh step.sh"} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q:\n%s", want, said)
		}
	}
	if started := failing.seen(func(e upEvent) bool { return e.Event == "starting" }); len(started) > 0 {
		t.Errorf("workers were started: %v", started)
	}
}

// What is set for the workers is set for steps too, if it is the same for all of them.
func TestPrepareEnvironment(t *testing.T) {
	u := startPrepared(t, "echo \"db $DB\"\necho \"json $JSON\"\necho \"own $OWN.\"\nsleep 300\n", "-e", "DB=postgres://me:p%40ss@db/shop", "-e", `JSON={"a":1}`, "-e", "OWN=x{port}")
	u.awaitStep("db postgres://me:p%40ss@db/shop")
	u.awaitStep(`json {"a":1}`)
	u.awaitStep("own .")
}

// Files of a preset are made for each worker, also for those that are added later, and go with lbdev.
func TestFilesPerWorker(t *testing.T) {
	dir, config := t.TempDir(), t.TempDir()
	preset := "order: 1\nname: shop\ntitle: shop\nwhen: [{files: shop.conf}]\nrun: [{command: 'sh run.sh {private}/worker{worker}/conf/port'}]\n" +
		"files:\n- {path: conf/port, text: 'worker {worker} at {port}, {braces} stay'}\n- {path: logs, folder: true}\n"
	for name, text := range map[string]string{
		filepath.Join(config, "lbdev/presets/shop.yaml"): preset,
		filepath.Join(dir, "shop.conf"):                  "", filepath.Join(dir, "run.sh"): "echo $1; cat $1; echo; test -d ${1%/conf/port}/logs && echo logs; exec sleep 300\n",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("XDG_CONFIG_HOME", config)
	u := startUpIn(t, dir, "-n", "1", "--name", "files")
	printed := func(worker int, line string) {
		t.Helper()
		u.await(line, func(e upEvent) bool { return e.Event == "log" && e.Worker == worker && e.Line == line })
	}
	printed(1, "worker 1 at "+strconv.Itoa(u.base)+", {braces} stay")
	printed(1, "logs")
	path := u.seen(func(e upEvent) bool { return e.Event == "log" && e.Worker == 1 })[0].Line
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	scale, _ := lbdevCommand(t, "scale", "2", "--name", "files")
	scale.Env = append(u.cmd.Env[:len(u.cmd.Env):len(u.cmd.Env)], markName+"=scale")
	if err := scale.Start(); err != nil { // it waits for a worker that never gets ready
		t.Fatal(err)
	}
	printed(2, "worker 2 at "+strconv.Itoa(u.base+1)+", {braces} stay")
	u.cmd.Process.Signal(syscall.SIGTERM)
	u.exitCode()
	scale.Wait() // the cluster it waits for is gone
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", path, err)
	}
}
