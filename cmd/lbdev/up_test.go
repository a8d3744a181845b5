//go:build unix

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lbdev/lbdev/cluster"
)

// markName is in the environment of every process that a test starts, and so of all that these start.
const markName = "LBDEV_TEST_MARK"

// patience is how long a test waits for something that takes no time when all is well.
const patience = 30 * time.Second

// An upTest is one lbdev that runs.
type upTest struct {
	*testing.T
	cmd    *exec.Cmd
	mark   string
	front  string
	base   int
	stderr lockedBuffer
	exited chan struct{}

	mu     sync.Mutex
	lines  []string // of stdout
	events []upEvent
	more   chan struct{} // closed and renewed with every line
}

// A lockedBuffer may be read while it is written to.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// An upEvent is what the tests read of a line of --json.
type upEvent struct {
	Event       string
	Time        time.Time
	Worker      int
	Port        int
	PID         int
	Incarnation uint64
	Line        string
	Text        string
	Reason      string
	Exit        string
	Ports       []int
	Status      int
	Outcome     string
	Attempts    []upAttempt
	TookMS      float64 `json:"took_ms"`
	Cluster     cluster.Snapshot
}

type upAttempt struct {
	Worker      int
	Incarnation uint64
	Sent        bool
}

// lbdevCommand is lbdev with these arguments, marked.
func lbdevCommand(t *testing.T, args ...string) (cmd *exec.Cmd, mark string) {
	mark = fmt.Sprintf("%d-%d", os.Getpid(), rand.Uint64())
	cmd = exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asLbdev+"=1", markName+"="+mark, "XDG_RUNTIME_DIR="+t.TempDir())
	cmd.Dir = t.TempDir()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // signals of a test are for lbdev alone
	t.Cleanup(func() { endMarked(t, mark) })
	return cmd, mark
}

// runtimeOf is the XDG_RUNTIME_DIR of a lbdev.
func runtimeOf(cmd *exec.Cmd) string {
	for _, kv := range slices.Backward(cmd.Env) {
		if value, ok := strings.CutPrefix(kv, "XDG_RUNTIME_DIR="); ok {
			return value
		}
	}
	return ""
}

// The tests' ports lie below the range from which the kernel takes those of clients; other packages' tests, which run at the same
// time, have other ranges.
const firstPort, endOfPorts = 18000, 23000

// given are the ports that tests of this process have. One on which nobody listens is somebody's all the same: its worker is about
// to start, was killed, or is stopped.
var given = struct {
	sync.Mutex
	next  int
	ports map[int]bool
}{next: firstPort + rand.IntN(endOfPorts-firstPort), ports: map[int]bool{}}

// freePorts returns the first of n ports in a row, which no other test gets before this one is over.
func freePorts(t *testing.T, n int) int {
	t.Helper()
	given.Lock()
	defer given.Unlock()
	for tried := 0; tried < 2*(endOfPorts-firstPort); tried += n {
		base := given.next
		if base+n > endOfPorts {
			base = firstPort
		}
		given.next = base + n
		if !allFree(base, n) {
			continue
		}
		for port := base; port < base+n; port++ {
			given.ports[port] = true
		}
		t.Cleanup(func() { takeBack(base, n) })
		return base
	}
	t.Fatal("found no free ports")
	return 0
}

func takeBack(base, n int) {
	given.Lock()
	defer given.Unlock()
	for port := base; port < base+n; port++ {
		delete(given.ports, port)
	}
}

// allFree connects to find out. Who listens to see whether a port is free takes it from whoever wants it at that moment.
func allFree(base, n int) bool {
	for port := base; port < base+n; port++ {
		if given.ports[port] {
			return false
		}
		for _, host := range []string{"127.0.0.1", "::1"} {
			if c, err := net.DialTimeout("tcp", net.JoinHostPort(host, strconv.Itoa(port)), time.Second); err == nil {
				c.Close()
				return false
			}
		}
	}
	return true
}

// startUp starts "lbdev up --json" with ports of its own.
func startUp(t *testing.T, args ...string) *upTest {
	t.Helper()
	return startUpIn(t, t.TempDir(), args...)
}

// startUpIn is startUp in a folder.
func startUpIn(t *testing.T, dir string, args ...string) *upTest {
	t.Helper()
	base := freePorts(t, 41)
	all := append([]string{"up", "--json", "--base-port", strconv.Itoa(base), "--listen", strconv.Itoa(base + 40)}, args...)
	u := startLbdev(t, dir, all...)
	u.base, u.front = base, fmt.Sprintf("http://127.0.0.1:%d", base+40)
	return u
}

func startLbdev(t *testing.T, dir string, args ...string) *upTest {
	t.Helper()
	u := &upTest{T: t, exited: make(chan struct{}), more: make(chan struct{})}
	u.cmd, u.mark = lbdevCommand(t, args...)
	u.cmd.Dir, u.cmd.Stderr = dir, &u.stderr
	stdout, err := u.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := u.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go u.read(stdout)
	t.Cleanup(u.end)
	return u
}

// read takes in what lbdev prints, until it ends.
func (u *upTest) read(stdout io.Reader) {
	defer close(u.exited)
	scanner := bufio.NewScanner(stdout)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		var e upEvent
		isJSON := json.Unmarshal(scanner.Bytes(), &e) == nil
		u.mu.Lock()
		u.lines = append(u.lines, scanner.Text())
		if isJSON {
			u.events = append(u.events, e)
		}
		close(u.more)
		u.more = make(chan struct{})
		u.mu.Unlock()
	}
	u.cmd.Wait()
}

// end stops lbdev the usual way, at the end of a test that has not done so.
func (u *upTest) end() {
	select {
	case <-u.exited:
		return
	default:
	}
	u.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-u.exited:
	case <-time.After(patience):
		u.Errorf("lbdev did not end after SIGTERM\n%s", u.dump())
		u.cmd.Process.Kill()
		<-u.exited
	}
}

func (u *upTest) dump() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	lines := u.lines
	if len(lines) > 60 {
		lines = lines[len(lines)-60:]
	}
	return strings.Join(lines, "\n") + "\nstderr: " + u.stderr.String()
}

// await waits until an event comes for which is says yes, also one that came before.
func (u *upTest) await(what string, is func(upEvent) bool) upEvent {
	u.Helper()
	return u.awaitFor(patience, what, is)
}

// awaitFor is await with what takes its time.
func (u *upTest) awaitFor(patience time.Duration, what string, is func(upEvent) bool) upEvent {
	u.Helper()
	deadline := time.After(patience)
	for next := 0; ; {
		u.mu.Lock()
		events, more := u.events[next:], u.more
		u.mu.Unlock()
		for _, e := range events {
			if is(e) {
				return e
			}
		}
		next += len(events)
		select {
		case <-more:
		case <-u.exited:
			if next == u.count() {
				u.Fatalf("lbdev ended before %s\n%s", what, u.dump())
			}
		case <-deadline:
			u.Fatalf("waited in vain for %s\n%s", what, u.dump())
		}
	}
}

func (u *upTest) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.events)
}

// seen returns the events so far for which is says yes.
func (u *upTest) seen(is func(upEvent) bool) []upEvent {
	u.mu.Lock()
	defer u.mu.Unlock()
	var found []upEvent
	for _, e := range u.events {
		if is(e) {
			found = append(found, e)
		}
	}
	return found
}

func isState(state cluster.State, worker int) func(upEvent) bool {
	return func(e upEvent) bool { return e.Event == string(state) && e.Worker == worker }
}

// awaitReady waits until n workers have been ready.
func (u *upTest) awaitReady(n int) {
	u.Helper()
	for worker := 1; worker <= n; worker++ {
		u.await(fmt.Sprintf("worker %d being ready", worker), isState(cluster.Ready, worker))
	}
}

// awaitIncarnation waits until a worker's n-th incarnation is ready and returns the event.
func (u *upTest) awaitIncarnation(worker int, n uint64) upEvent {
	u.Helper()
	return u.await(fmt.Sprintf("incarnation %d of worker %d being ready", n, worker), func(e upEvent) bool {
		return e.Event == string(cluster.Ready) && e.Worker == worker && e.Incarnation >= n
	})
}

// exitCode waits until lbdev has ended.
func (u *upTest) exitCode() int {
	u.Helper()
	select {
	case <-u.exited:
	case <-time.After(patience):
		u.Fatalf("lbdev did not end\n%s", u.dump())
	}
	return u.cmd.ProcessState.ExitCode()
}

// get asks the front and returns the port that answered.
func (u *upTest) get(path string) (port int, body string) {
	u.Helper()
	resp, err := http.Get(u.front + path)
	if err != nil {
		u.Fatalf("GET %s: %v\n%s", path, err, u.dump())
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		u.Fatalf("GET %s: status %s, %v\n%s\n%s", path, resp.Status, err, data, u.dump())
	}
	port, _ = strconv.Atoi(resp.Header.Get("X-Lbdev-Worker"))
	return port, string(data)
}

// marked lists the live processes that carry a test's mark.
func marked(mark string) []int {
	var pids []int
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		env, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(env, []byte(markName+"="+mark)) {
			continue
		}
		pid, _ := strconv.Atoi(strings.Split(file, "/")[2])
		pids = append(pids, pid)
	}
	return pids
}

// wantNobody fails the test if a process with its mark still lives after a while.
func wantNobody(t *testing.T, mark string, within time.Duration) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		left := marked(mark)
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v after the end these processes are left: %v\n%s", within, left, describe(left))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func describe(pids []int) string {
	var b strings.Builder
	for _, pid := range pids {
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		fmt.Fprintf(&b, "%d: %s\n", pid, strings.ReplaceAll(string(line), "\x00", " "))
	}
	return b.String()
}

// endMarked ends what a failed test has left.
func endMarked(t *testing.T, mark string) {
	for _, pid := range marked(mark) {
		t.Logf("ending what is left: %s", describe([]int{pid}))
		syscall.Kill(pid, syscall.SIGKILL)
	}
}
