package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	psprocess "github.com/shirou/gopsutil/v4/process"

	"github.com/lbdev/lbdev/procs/misbehave"
)

func TestCrashLoopIsGivenUpWithLastWords(t *testing.T) {
	c := open(t, Config{Command: misbehave.Argv("boot"), Workers: 2})
	select {
	case <-c.Over():
	case <-time.After(patience):
		t.Fatalf("the cluster is not given up\n%s", c.log())
	}
	if err := c.Verdict(); !errors.Is(err, ErrAllFailed) {
		t.Errorf("the verdict is %v", err)
	}
	w := c.worker(1)
	if w.State != Failed || w.LastExit != "exited with code 1" || w.Incarnation != bootAttempts {
		t.Errorf("worker 1 is %+v", w)
	}
	if n := len(w.LastWords); n == 0 {
		t.Error("a worker that failed has no last words")
	}
}

func TestOneFailsTheOthersServeOn(t *testing.T) {
	base := freePorts(t, 21)
	argv := misbehave.Argv("serve")
	c := open(t, Config{Command: argv, Workers: 3, BasePort: base, Env: []string{"X={port}"}})
	c.awaitAll(3, Ready)
	if err := c.Stop(2); err != nil {
		t.Fatal(err)
	}
	c.await(2, Stopped, 0)
	seen := map[int]int{}
	for range 6 {
		seen[c.get("/")]++
	}
	if seen[base] != 3 || seen[base+2] != 3 {
		t.Errorf("six requests went to %v, want three each to %d and %d", seen, base, base+2)
	}
	c.Start(base + 1) // by port
	c.await(2, Ready, 2)
}

func TestCrashAfterReadyComesBackAtOnce(t *testing.T) {
	c := open(t, Config{Command: misbehave.Argv("serve"), Workers: 2})
	c.awaitAll(2, Ready)
	if resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/crash", c.base)); err == nil {
		resp.Body.Close()
		t.Errorf("a worker that crashed has answered: %s", resp.Status)
	}
	if w := c.await(1, Ready, 2); w.LastExit != "exited with code 1" || w.Restarts != 1 {
		t.Errorf("after the crash worker 1 is %+v", w)
	}
}

func TestKillTakesTheWholeTree(t *testing.T) {
	c := open(t, Config{Command: misbehave.Argv("reload"), Workers: 2})
	c.awaitAll(2, Ready)
	if err := c.Kill(1); err != nil {
		t.Fatal(err)
	}
	w := c.await(1, Ready, 2)
	if w.LastExit != "killed by SIGKILL" {
		t.Errorf("the last exit is %q", w.LastExit)
	}
}

// TestReloaderKilledAlone kills the parent only; its child goes on serving the port and must be ended.
func TestReloaderKilledAlone(t *testing.T) {
	c := open(t, Config{Command: misbehave.Argv("reload"), Workers: 1})
	for n := range uint64(3) {
		w := c.await(1, Ready, n+1)
		p, err := os.FindProcess(w.PID)
		if err == nil {
			err = p.Kill()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	c.await(1, Ready, 4)
}

func TestListensOnIPv6Only(t *testing.T) {
	c := open(t, Config{Command: misbehave.Argv("serve-v6"), Workers: 2})
	c.awaitAll(2, Ready)
	if a, b := c.get("/"), c.get("/"); a != c.base || b != c.base+1 {
		t.Errorf("answered by %d and %d", a, b)
	}
}

func TestListensElsewhereIsTold(t *testing.T) {
	c := open(t, Config{Command: misbehave.Argv("serve-other"), Workers: 1, ReadyTimeout: patience})
	events := c.Events().Reader(0, false)
	defer events.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		items, _, err := events.Next(ctx, nil)
		if err != nil {
			t.Fatalf("nothing was said: %v\n%s", err, c.log())
		}
		for _, e := range items {
			if e.Kind == KindWrongPort {
				if len(e.Ports) != 1 || e.Ports[0] == c.base || e.Port != c.base {
					t.Errorf("what was said is %+v", e)
				}
				return
			}
		}
	}
}

func TestNeverListens(t *testing.T) {
	c := open(t, Config{Command: misbehave.Argv("serve-never"), Workers: 1, ReadyTimeout: 200 * time.Millisecond})
	select {
	case <-c.Over():
	case <-time.After(patience):
		t.Fatal("the cluster is not given up")
	}
	if err := c.Verdict(); !errors.Is(err, ErrNeverReady) {
		t.Errorf("the verdict is %v", err)
	}
}

func TestReadyPathWantsSuccess(t *testing.T) {
	c := open(t, Config{Command: misbehave.Argv("serve-refuse"), Workers: 1, ReadyPath: "/", ReadyTimeout: 300 * time.Millisecond})
	<-c.Over()
	if err := c.Verdict(); !errors.Is(err, ErrNeverReady) {
		t.Errorf("an app that answers 503 on the ready path: %v", err)
	}
	any := open(t, Config{Command: misbehave.Argv("serve-refuse"), Workers: 1})
	any.await(1, Ready, 1) // without a path any answer will do
}

// TestPortTakenOnEachAddress has a stranger on one of the four addresses on which it would get in a worker's way.
func TestPortTakenOnEachAddress(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1", "0.0.0.0", "::"} {
		t.Run(host, func(t *testing.T) {
			base := freePorts(t, 21)
			stranger, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(base+1)))
			if err != nil {
				t.Fatal(err)
			}
			defer stranger.Close()
			c, err := New(Config{Command: misbehave.Argv("serve"), BasePort: base, Listen: fmt.Sprintf("127.0.0.1:%d", base+20)})
			if err != nil {
				t.Fatal(err)
			}
			err = c.Open()
			taken, ok := errors.AsType[*PortTakenError](err)
			if !ok || taken.Worker != 2 || taken.Port != base+1 || taken.Holder.PID != os.Getpid() {
				t.Errorf("the error is %v (%+v)", err, taken)
			}
		})
	}
}

func TestFrontTaken(t *testing.T) {
	base := freePorts(t, 21)
	stranger, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", base+20))
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	c, err := New(Config{Command: misbehave.Argv("serve"), BasePort: base, Listen: stranger.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	if taken, ok := errors.AsType[*PortTakenError](c.Open()); !ok || taken.Worker != 0 || taken.Port != base+20 {
		t.Errorf("the error is %+v", taken)
	}
}

// TestStrangerOnThePortDuringARestart is no crash of the worker's: it waits and burns no retries.
func TestStrangerOnThePortDuringARestart(t *testing.T) {
	c := open(t, Config{Command: misbehave.Argv("serve"), Workers: 1})
	c.awaitAll(1, Ready)
	c.Stop(1)
	c.await(1, Stopped, 1)
	stranger, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", c.base))
	if err != nil {
		t.Fatal(err)
	}
	c.Start(1)
	if w := c.await(1, Backoff, 1); w.Incarnation != 1 || w.Reason == "" {
		t.Errorf("worker 1 is %+v", w)
	}
	stranger.Close()
	c.await(1, Ready, 2)
}

func TestFreeBlockSkipsWhatIsTakenOrRefused(t *testing.T) {
	base, moved, err := freeBlock("workers", 6662, 4, nil)
	if err != nil || base != 6670 || moved == nil || moved.From != 6665 || moved.Taken {
		t.Errorf("from 6662: %d, %+v, %v; browsers refuse 6665 to 6669", base, moved, err)
	}
	start := freePorts(t, 40)
	stranger, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", start+2))
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	base, moved, err = freeBlock("workers", start, 4, nil)
	moved.findHolder()
	if err != nil || base <= start+2 || moved == nil || !moved.Taken || moved.From != start+2 || moved.To != base || moved.Holder.PID != os.Getpid() {
		t.Errorf("from %d, with %d taken: %d, %+v, %v", start, start+2, base, moved, err)
	}
	other := Holder{PID: 4711, Program: "lbdev"}
	base, moved, err = freeBlock("workers", start+20, 4, Promises{start + 23: other})
	if err != nil || base <= start+23 || moved == nil || !moved.Taken || moved.From != start+23 || moved.Holder != other {
		t.Errorf("from %d, with %d promised: %d, %+v, %v", start+20, start+23, base, moved, err)
	}
}

// TestStopAndContinue freezes a worker from outside; it stays a member, and a stop in the frozen state takes effect.
func TestStopAndContinue(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Log("Windows has no such signals")
		return
	}
	c := open(t, Config{Command: misbehave.Argv("serve"), Workers: 2})
	c.awaitAll(2, Ready)
	pid := c.worker(1).PID
	freeze(t, pid)
	signal(t, pid, continueSignal)
	c.get("/")
	freeze(t, pid)
	began := time.Now()
	c.Stop(1)
	c.await(1, Stopped, 1)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("stopping a frozen worker took %v", took)
	}
}

func TestScale(t *testing.T) {
	c := open(t, Config{Command: misbehave.Argv("serve"), Workers: 4})
	c.awaitAll(4, Ready)
	for _, n := range []int{2, 6} {
		if err := c.Scale(t.Context(), n, nil); err != nil {
			t.Fatal(err)
		}
		c.awaitAll(n, Ready)
		seen := map[int]bool{}
		for range n {
			seen[c.get("/")] = true
		}
		if len(seen) != n || len(c.Ports()) != n {
			t.Errorf("after scaling to %d: %v answered, ports %v", n, seen, c.Ports())
		}
	}
	if err := c.Scale(t.Context(), 0, nil); err == nil {
		t.Error("scaling to 0 has no error")
	}
}

func TestShutdownReportsTheStubborn(t *testing.T) {
	c := open(t, Config{Command: misbehave.Argv("serve-deaf"), Workers: 3, StopTimeout: 500 * time.Millisecond})
	c.awaitAll(3, Ready)
	report := c.close()
	if report.Stopped != 0 || len(report.Killed) != 3 || report.Took > 3*time.Second {
		t.Errorf("the report is %+v", report)
	}
	if again := c.close(); !slices.EqualFunc(again.Killed, report.Killed, func(a, b WorkerReport) bool { return a.Worker == b.Worker }) {
		t.Errorf("a second shutdown reports %+v", again)
	}
}

// freeze stops a process and returns when it stands still: the signal takes a moment.
func freeze(t *testing.T, pid int) {
	t.Helper()
	signal(t, pid, stopSignal)
	p, err := psprocess.NewProcess(int32(pid))
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if status, err := p.Status(); err != nil || time.Now().After(deadline) {
			t.Fatalf("process %d does not stand still: %v, %v", pid, status, err)
		} else if slices.Contains(status, psprocess.Stop) {
			return
		}
	}
}

func signal(t *testing.T, pid int, sig syscall.Signal) {
	t.Helper()
	p, err := os.FindProcess(pid)
	if err == nil {
		err = p.Signal(sig)
	}
	if err != nil {
		t.Fatal(err)
	}
}
