//go:build unix

package main

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/procs/misbehave"
)

// command runs lbdev with these arguments in another process, as from another terminal, and returns what it printed.
func (u *upTest) command(args ...string) (out string, code int) {
	u.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env, cmd.Dir = u.cmd.Env, u.cmd.Dir
	text, _ := cmd.CombinedOutput() // its error is the exit code
	return string(text), cmd.ProcessState.ExitCode()
}

// do is a command that must succeed.
func (u *upTest) do(args ...string) string {
	u.Helper()
	out, code := u.command(args...)
	if code != 0 {
		u.Fatalf("lbdev %s: exit code %d\n%s\n%s", strings.Join(args, " "), code, out, u.dump())
	}
	return out
}

// awaitSnapshot asks for the cluster until it is as is says.
func (u *upTest) awaitSnapshot(what string, is func(cluster.Snapshot) bool) {
	u.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		var now cluster.Snapshot
		out := u.do("ps", "--json")
		if err := json.Unmarshal([]byte(out), &now); err != nil {
			u.Fatalf("ps --json: %v\n%s", err, out)
		}
		if is(now) {
			return
		}
		if time.Now().After(deadline) {
			u.Fatalf("waited in vain for %s\n%s", what, out)
		}
	}
}

// TestActionsUnderLoad does everything that is done on purpose while 32 clients send requests: none fails, and nobody
// waits long for a worker that is paused.
func TestActionsUnderLoad(t *testing.T) {
	u := startUp(t, "--sample", "-n", "4")
	u.awaitReady(4)
	c := gather(32, getter(u.front+"/slow?ms=10"), patience)
	var slowest atomic.Int64 // of a probing client, in the phase that is under way
	phase := func(name string, most time.Duration, actions func()) {
		t.Helper()
		slowest.Store(0)
		probe := gatherTimed(1, getter(u.front+"/slow?ms=10"), patience, func(d time.Duration) {
			slowest.Store(max(slowest.Load(), int64(d)))
		})
		began := time.Now()
		actions()
		sent, failed, first := probe.goHome()
		t.Logf("%-16s %6v, %4d requests of one client of 33, the slowest %v", name, time.Since(began).Round(time.Millisecond), sent, time.Duration(slowest.Load()).Round(time.Millisecond))
		if failed > 0 || time.Duration(slowest.Load()) > most {
			t.Errorf("%s: %d of %d requests failed (%s), the slowest took %v, want at most %v", name, failed, sent, first, time.Duration(slowest.Load()), most)
		}
	}
	phase("rolling restart", patience, func() { u.do("restart", "--rolling") })
	phase("scale 4-8-2-6-4", patience, func() {
		for _, n := range []string{"8", "2", "6", "4"} {
			u.do("scale", n)
		}
	})
	phase("drain, undrain", patience, func() {
		for worker := 1; worker <= 4; worker++ {
			u.do("drain", "--wait", strconv.Itoa(worker))
			u.do("undrain", strconv.Itoa(worker))
		}
	})
	phase("pause, resume", 1200*time.Millisecond, func() {
		for worker := 1; worker <= 4; worker++ {
			u.do("pause", strconv.Itoa(worker))
			time.Sleep(1500 * time.Millisecond) // longer than anybody may wait
			u.do("resume", strconv.Itoa(worker))
		}
	})
	phase("stop, start", patience, func() {
		for worker := 1; worker <= 4; worker++ {
			u.do("stop", strconv.Itoa(worker))
			u.do("start", strconv.Itoa(worker))
		}
	})
	sent, failed, first := c.goHome()
	t.Logf("%d GETs of 32 clients, %d failed", sent, failed)
	if failed > 0 {
		t.Errorf("%d of %d GETs failed, the first: %s\n%s", failed, sent, first, u.dump())
	}
	u.wantTurns(4)
	u.do("down")
	if code := u.exitCode(); code != exitDone {
		t.Errorf("after lbdev down, up ends with exit code %d", code)
	}
	wantNobody(t, u.mark, 0)
}

// TestPauseFreesWhoWaits pauses a worker that has a request which would take long: the client is answered by another.
func TestPauseFreesWhoWaits(t *testing.T) {
	u := startUp(t, append([]string{"-n", "2", "--"}, misbehave.Argv("serve")...)...)
	u.awaitReady(2)
	if port, _ := u.get("/"); port != u.base {
		t.Fatalf("the first request went to %d", port)
	}
	answered := make(chan string, 1)
	go func() { // has its turn at worker 2; misbehave's serve sleeps in it
		resp, err := http.Get(u.front + "/slow?ms=1100")
		if err != nil {
			answered <- err.Error()
			return
		}
		resp.Body.Close()
		answered <- resp.Status + " " + resp.Header.Get("X-Lbdev-Attempts")
	}()
	u.awaitSnapshot("the request at worker 2", func(now cluster.Snapshot) bool { return now.Workers[1].InFlight == 1 })
	u.do("pause", "2")
	want := "200 OK " + strconv.Itoa(u.base+1) + " (paused), " + strconv.Itoa(u.base) + " (200)"
	if got := <-answered; got != want {
		t.Errorf("the answer is %q, want %q", got, want)
	}
	u.do("resume", "2")
	u.wantTurns(2)
}

// TestStaleSocketIsCleanedUp kills lbdev; the next one of the same name starts as if nothing had been.
func TestStaleSocketIsCleanedUp(t *testing.T) {
	u := startUp(t, "--sample", "-n", "1", "--name", "shop")
	u.awaitReady(1)
	run := ""
	for _, kv := range u.cmd.Env {
		if dir, ok := strings.CutPrefix(kv, "XDG_RUNTIME_DIR="); ok {
			run = filepath.Join(dir, "lbdev")
		}
	}
	u.cmd.Process.Kill()
	u.exitCode()
	wantNobody(t, u.mark, 2*time.Second)
	sockets, _ := filepath.Glob(filepath.Join(run, "*.sock"))
	if len(sockets) != 1 {
		t.Fatalf("a killed lbdev has left %q, want one socket", sockets)
	}
	if out, code := u.command("ps"); code != exitFailed || !strings.Contains(out, "cannot find a running cluster: there is none") {
		t.Errorf("ps: exit code %d, %s", code, out)
	}
	next := startLbdev(t, u.cmd.Dir, "up", "--json", "--sample", "-n", "1", "--name", "shop", "--base-port", strconv.Itoa(u.base), "-l", strings.TrimPrefix(u.front, "http://"))
	next.awaitReady(1)
}
