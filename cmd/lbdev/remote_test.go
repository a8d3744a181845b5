//go:build unix

package main

import (
	"io"
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
	"github.com/lbdev/lbdev/cluster/control"
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

// awaitSnapshot asks for the cluster until it is as is says. It asks from this process: what is to be seen may not last as long as
// another one takes to start.
func (u *upTest) awaitSnapshot(what string, is func(cluster.Snapshot) bool) {
	u.Helper()
	dir := control.Dir(filepath.Join(runtimeOf(u.cmd), "lbdev"))
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		found, err := dir.Find(u.Context(), "", u.cmd.Dir)
		if err == nil && found.Now != nil && is(*found.Now) {
			return
		}
		if time.Now().After(deadline) {
			u.Fatalf("waited in vain for %s: %+v, %v\n%s", what, found.Now, err, u.dump())
		}
	}
}

// TestActionsUnderLoad does everything that is done on purpose while 32 clients send requests: none fails, and nobody
// waits for a worker that is paused until that runs again.
func TestActionsUnderLoad(t *testing.T) {
	u := startUp(t, "--sample", "-n", "4")
	u.awaitReady(4)
	c := gather(32, getter(u.front+"/slow?ms=10"), patience)
	var slowest atomic.Int64 // of a probing client, in the phase that is under way
	phase := func(name string, actions func()) {
		t.Helper()
		slowest.Store(0)
		probe := gatherTimed(1, getter(u.front+"/slow?ms=10"), patience, func(d time.Duration) {
			slowest.Store(max(slowest.Load(), int64(d)))
		})
		began := time.Now()
		actions()
		sent, failed, first := probe.goHome()
		t.Logf("%-16s %6v, %4d requests of one client of 33, the slowest %v", name, time.Since(began).Round(time.Millisecond), sent, time.Duration(slowest.Load()).Round(time.Millisecond))
		if failed > 0 {
			t.Errorf("%s: %d of %d requests failed, the first: %s", name, failed, sent, first)
		}
	}
	phase("rolling restart", func() { u.do("restart", "--rolling") })
	phase("scale 4-8-2-6-4", func() {
		for _, n := range []string{"8", "2", "6", "4"} {
			u.do("scale", n)
		}
	})
	phase("drain, undrain", func() {
		for worker := 1; worker <= 4; worker++ {
			u.do("drain", "--wait", strconv.Itoa(worker))
			u.do("undrain", strconv.Itoa(worker))
		}
	})
	phase("pause, resume", func() {
		for worker := 1; worker <= 4; worker++ {
			u.do("pause", strconv.Itoa(worker))
			u.awaitSnapshot("nobody waiting for the paused worker", func(now cluster.Snapshot) bool {
				w := now.Workers[worker-1]
				return w.State == cluster.Paused && w.InFlight == 0
			})
			u.do("resume", strconv.Itoa(worker))
		}
	})
	phase("stop, start", func() {
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

// TestPauseFreesWhoWaits pauses a worker that has a request which it would never answer: the client is answered by another.
func TestPauseFreesWhoWaits(t *testing.T) {
	u := startUp(t, "-n", "2", "--", self(t), "serve-wait", "{port}")
	u.awaitReady(2)
	if port, _ := u.get("/"); port != u.base {
		t.Fatalf("the first request went to %d", port)
	}
	answered := u.ask("/wait") // has its turn at worker 2
	u.awaitSnapshot("the request at worker 2", func(now cluster.Snapshot) bool { return now.Workers[1].InFlight == 1 })
	u.do("pause", "2")
	want := "200 OK " + strconv.Itoa(u.base+1) + " (paused), " + strconv.Itoa(u.base) + " (200)"
	if got := <-answered; got != want {
		t.Errorf("the answer is %q, want %q", got, want)
	}
	u.do("resume", "2")
	u.wantTurns(2)
}

// ask sends a GET in the background and tells its status and attempts, or what went wrong.
func (u *upTest) ask(path string) (answered <-chan string) {
	answer := make(chan string, 1)
	go func() {
		client := &http.Client{Timeout: patience}
		resp, err := client.Get(u.front + path)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		if _, err := io.ReadAll(resp.Body); err != nil {
			answer <- err.Error()
			return
		}
		answer <- strings.TrimSpace(resp.Status + " " + resp.Header.Get("X-Lbdev-Attempts"))
	}()
	return answer
}

// TestStaleSocketIsCleanedUp kills lbdev; the next one of the same name starts as if nothing had been.
func TestStaleSocketIsCleanedUp(t *testing.T) {
	u := startUp(t, "--sample", "-n", "1", "--name", "shop")
	u.awaitReady(1)
	run := filepath.Join(runtimeOf(u.cmd), "lbdev")
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
