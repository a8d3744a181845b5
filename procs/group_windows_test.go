package procs

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/lbdev/lbdev/procs/misbehave"
)

// canMark: a job needs no marks, it holds whoever is started in it.
const canMark = true

// tempDir is t.TempDir without its check that the folder can be removed: Wine cannot do that in the way of os.RemoveAll.
func tempDir(t *testing.T) string {
	dir, err := os.MkdirTemp("", "procs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// hasSignals: Wine has no console, and Windows none where tests run unattended; see TestEndPolitely.
const hasSignals = false

func alive(pid int) bool {
	h, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(pid))
	if err != nil {
		return false
	}
	defer windows.CloseHandle(h)
	event, err := windows.WaitForSingleObject(h, 0)
	return err == nil && event == uint32(windows.WAIT_TIMEOUT)
}

var getProcessHandleCount = windows.NewLazySystemDLL("kernel32.dll").NewProc("GetProcessHandleCount")

// openFiles counts handles.
func openFiles(t *testing.T) int {
	var n uint32
	if ok, _, err := getProcessHandleCount.Call(uintptr(windows.CurrentProcess()), uintptr(unsafe.Pointer(&n))); ok == 0 {
		t.Fatal(err)
	}
	return int(n)
}

// parentMain makes this test binary a supervisor that is killed; see TestOurDeath.
func parentMain() {
	if len(os.Args) < 2 || os.Args[1] != "parent" {
		return
	}
	say := func(lines []Line) {
		for _, l := range lines {
			os.Stdout.WriteString(l.Text + "\n")
		}
	}
	if _, err := EndWithUs(nil); err != nil {
		os.Stdout.WriteString(err.Error() + "\n")
	}
	if _, err := Start(Config{Argv: misbehave.Argv("tree", "1"), Output: say}); err != nil {
		os.Stdout.WriteString(err.Error() + "\n")
	}
	select {}
}

// guardedMain is for systems with guardians.
func guardedMain() {}

func TestOurDeath(t *testing.T) {
	c := startConfig(t, Config{Argv: []string{os.Args[0], "parent"}})
	other := c.children(1)[0]
	c.awaitLine("up", 2)
	if !alive(other) {
		t.Fatal("gone too early")
	}
	supervisor, err := os.FindProcess(c.Pid())
	if err != nil {
		t.Fatal(err)
	}
	if err := supervisor.Kill(); err != nil {
		t.Fatal(err)
	}
	for begun := time.Now(); alive(other); time.Sleep(time.Millisecond) {
		if time.Since(begun) > 2*time.Second {
			t.Fatalf("process %d is alive 2 s after its supervisor's death", other)
		}
	}
}

// TestEndPolitely: where there is a console, CTRL_BREAK is heard; where there is none (a service, Wine), nothing is waited
// for in vain.
func TestEndPolitely(t *testing.T) {
	c := startChild(t, false, "slow-term", "200")
	c.awaitLine("up", 1)
	ended := c.End(context.Background(), syscall.SIGTERM, patience)
	c.await("the end of output", c.Drained())
	told := slices.Equal(c.said(), []string{"up", "ending", "ended"})
	if !told && (len(ended.Killed) != 1 || ended.Took > patience/2) || told && len(ended.Killed) > 0 {
		t.Errorf("got %+v; it said %q", ended, c.said())
	}
}

func TestNoTerminal(t *testing.T) {
	if _, err := Start(Config{Argv: misbehave.Argv("exit"), PTY: true}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("got %v", err)
	}
}

// TestBatch runs a batch file with arguments that cmd would take apart.
func TestBatch(t *testing.T) {
	dir := tempDir(t)
	path := filepath.Join(dir, "tool.cmd")
	self := misbehave.Argv("report")
	text := "@\"" + self[0] + "\" misbehave report %*\r\n"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	c := startConfig(t, Config{Argv: []string{"tool", "a b", "c&d", "e|f>g"}, Env: append(os.Environ(), "PATH="+dir)})
	c.await("the end of output", c.Drained())
	if want := `args ["a b" "c&d" "e|f>g"]`; !slices.Contains(c.said(), want) {
		t.Errorf("it said %q, want %q", c.said(), want)
	}
}

func TestBatchLine(t *testing.T) {
	got, err := batchLine(`C:\a b\x.cmd`, []string{`a"b`, `c\`, `%d%`, ""})
	want := `cmd.exe /d /s /c ""C:\a b\x.cmd" "a""b" "c\\" "%%cd:~,%d%%cd:~,%" """`
	if err != nil || got != want {
		t.Errorf("got  %s\nwant %s (%v)", got, want, err)
	}
	if _, err := batchLine("x.cmd", []string{"a\nb"}); err == nil || !strings.Contains(err.Error(), "argument") {
		t.Errorf("newline: got %v", err)
	}
}

// TestLeftovers: a process is known by its pid and start, and ended so.
func TestLeftovers(t *testing.T) {
	c := startChild(t, false, "wait")
	c.awaitLine("up", 1)
	leader := c.Leader()
	if start, ok := StartTime(c.Pid()); !ok || start != leader.Start || start >= 1<<53 || !Alive(c.Pid(), start) {
		t.Errorf("leader %+v: start is %d, %v", leader, start, ok)
	}
	found := Marked("", leader)
	if len(found) != 1 || found[0].Pid != c.Pid() || time.Since(found[0].Began).Abs() > patience {
		t.Errorf("found %+v", found)
	}
	stale := Leader{Pid: leader.Pid, Start: leader.Start + 1}
	if ended := EndMarked(t.Context(), "", []Leader{stale}, os.Kill, 0); len(ended.Killed)+len(ended.Left) > 0 || !alive(c.Pid()) {
		t.Errorf("a leader whose pid was reused: got %+v", ended)
	}
	if ended := EndMarked(t.Context(), "", []Leader{leader}, os.Kill, 0); !slices.Equal(ended.Killed, []int{c.Pid()}) {
		t.Errorf("got %+v", ended)
	}
	c.await("exit", c.Done())
	if Alive(leader.Pid, leader.Start) {
		t.Error("alive after its end")
	}
}
