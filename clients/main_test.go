//go:build linux

package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lbdev/lbdev/cluster"
)

const (
	// patience is how long a test waits for something that takes no time when all is well.
	patience = time.Minute
	// buildPatience is how long it waits for what a framework builds, or a JVM loads: next build needs 12 s of a core, and got them in 72 s
	// on a busy machine.
	buildPatience = 5 * time.Minute
)

// mostWorkers is for how many there are ports below the front's.
const mostWorkers = 30

// program is lbdev, built for these tests.
var program string

// TestMain is also the main of the apps that lbdev runs: TESTBINARY app NAME PORT.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "app" {
		runApp(os.Args[2], os.Args[3])
	}
	if signal.Ignored(os.Interrupt) { // by a script that runs these tests in the background; what they start shall hear Ctrl-C
		signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	}
	os.Exit(build(m.Run))
}

func build(then func() int) int {
	dir, err := os.MkdirTemp("", "clients")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "lbdev")
	if out, err := exec.Command("go", "build", "-o", program, "../cmd/lbdev").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "cannot build lbdev: %v\n%s", err, out)
		return 1
	}
	return then()
}

// A front is an lbdev that runs.
type front struct {
	*testing.T
	cmd    *exec.Cmd
	exited chan struct{}
	env    []string
	dir    string
	url    string
	host   string // of url
	base   int
	stdout buffer
	stderr buffer
}

// A buffer keeps the beginning of what a program writes, for those who read it meanwhile.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.text.Len() < 1<<20 {
		b.text.Write(p)
	}
	return len(p), nil
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// app is the command of an app of ours.
func app(name string) []string { return []string{os.Args[0], "app", name, "{port}"} }

// up starts lbdev and waits until all workers are ready.
func up(t *testing.T, flags, command []string) *front {
	t.Helper()
	base := freePorts(t, mostWorkers+1)
	return upAt(t, "clients", base, base+mostWorkers, flags, command)
}

// upAt is up with a name and ports of the caller's choice.
func upAt(t *testing.T, name string, base, port int, flags, command []string) *front {
	t.Helper()
	f := &front{T: t, dir: t.TempDir(), base: base, host: fmt.Sprintf("127.0.0.1:%d", port)}
	f.url = "http://" + f.host
	f.env = append(os.Environ(), "XDG_RUNTIME_DIR="+f.dir, "LBDEV_NAME="+name, "CLIENTS_DIR="+f.dir)
	f.again(flags, command)
	return f
}

// again starts lbdev at the same ports.
func (f *front) again(flags, command []string) {
	f.Helper()
	args := append([]string{"--json"}, flags...)
	if command != nil {
		args = append(append(args, "--"), command...)
	}
	f.start(args...)
	f.lbdev("wait")
}

// start starts lbdev up at the front's ports, until the test ends.
func (f *front) start(args ...string) {
	f.Helper()
	f.exited = make(chan struct{})
	f.cmd = exec.Command(program, append([]string{"up", "--base-port", strconv.Itoa(f.base), "--listen", f.host}, args...)...)
	f.cmd.Dir, f.cmd.Env, f.cmd.Stdout, f.cmd.Stderr = f.dir, f.env, &f.stdout, &f.stderr
	f.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // signals of a test are for lbdev alone
	if err := f.cmd.Start(); err != nil {
		f.Fatal(err)
	}
	exited, cmd := f.exited, f.cmd
	go func() { cmd.Wait(); close(exited) }()
	f.Cleanup(f.down)
}

// down ends lbdev, which ends what it has started.
func (f *front) down() {
	f.cmd.Process.Signal(os.Interrupt)
	select {
	case <-f.exited:
	case <-time.After(patience):
		f.Errorf("lbdev did not end")
		f.cmd.Process.Kill()
		<-f.exited
	}
	if f.Failed() {
		f.Logf("lbdev: %s", &f.stderr)
	}
}

// lbdev runs another command of lbdev's and returns what it prints.
func (f *front) lbdev(args ...string) string {
	f.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Env = f.dir, f.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		f.Fatalf("lbdev %s: %v\n%s\n%s", strings.Join(args, " "), err, out, &f.stderr)
	}
	return string(out)
}

// ps is the cluster as it is now.
func (f *front) ps() (s cluster.Snapshot) {
	f.Helper()
	if err := json.Unmarshal([]byte(f.lbdev("ps", "--json")), &s); err != nil {
		f.Fatal(err)
	}
	return s
}

// wantNoFailure checks what lbdev has counted.
func (f *front) wantNoFailure() {
	f.Helper()
	if s := f.ps(); s.Requests.Failed+s.Requests.Cut > 0 {
		f.Errorf("requests: %+v", s.Requests)
	}
}

// run runs a program that has to succeed and returns what it prints.
func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), buildPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.org")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v (make test installs it)\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// handedOut are the ports that tests have got. Some use theirs only later, when what they need is built.
var handedOut struct {
	sync.Mutex
	ports map[int]bool
}

func freePorts(t *testing.T, n int) int {
	t.Helper()
	handedOut.Lock()
	defer handedOut.Unlock()
	if handedOut.ports == nil {
		handedOut.ports = map[int]bool{}
	}
	for range 1000 {
		base := 23000 + rand.IntN(6500-n) // other packages' tests, which run at the same time, have other ranges
		if !isHandedOut(base, n) && allFree(base, n) {
			for port := base; port < base+n; port++ {
				handedOut.ports[port] = true
			}
			t.Cleanup(func() { giveBack(base, n) })
			return base
		}
	}
	t.Fatal("found no free ports")
	return 0
}

func giveBack(base, n int) {
	handedOut.Lock()
	defer handedOut.Unlock()
	for port := base; port < base+n; port++ {
		delete(handedOut.ports, port)
	}
}

func isHandedOut(base, n int) bool {
	for port := base; port < base+n; port++ {
		if handedOut.ports[port] {
			return true
		}
	}
	return false
}

func allFree(base, n int) bool {
	syscall.ForkLock.RLock() // a child that is just being made would have the listeners, too, until it runs its program
	defer syscall.ForkLock.RUnlock()
	for port := base; port < base+n; port++ {
		l, err := net.Listen("tcp", net.JoinHostPort("", strconv.Itoa(port)))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}

// eventually polls until ok is true.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	within(t, patience, what, ok)
}

// within is eventually with a patience of the caller's choice.
func within(t *testing.T, patience time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("waited %v in vain: %s", patience, what)
}

// answer reads all of a response.
func answer(resp *http.Response, err error) (status int, text string, port int, fault error) {
	if err != nil {
		return 0, "", 0, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	port, _ = strconv.Atoi(resp.Header.Get("X-Lbdev-Worker"))
	return resp.StatusCode, string(data), port, err
}
