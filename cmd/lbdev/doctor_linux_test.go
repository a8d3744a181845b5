package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lbdev/lbdev/procs"
	"github.com/lbdev/lbdev/procs/misbehave"
)

// wantFinding returns the finding of a check whose text has a part.
func wantFinding(t *testing.T, all []finding, check string, status verdict, part string) finding {
	t.Helper()
	for _, f := range all {
		if f.Check == check && f.Status == status && strings.Contains(f.Text, part) {
			return f
		}
	}
	t.Errorf("no %s with status %s and %q in %+v", check, status, part, all)
	return finding{}
}

// startServer starts a program that is none of lbdev's.
func startServer(t *testing.T, port int) *exec.Cmd {
	t.Helper()
	argv := misbehave.Argv("serve")
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "PORT="+strconv.Itoa(port))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for deadline := time.Now().Add(patience); procs.Listener(port) == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the server does not listen")
		}
	}
	return cmd
}

// TestDoctorNamesWhatWasPlanted: a program on a port, and what a lbdev left that was killed with its guardians. After prune
// it is content.
func TestDoctorNamesWhatWasPlanted(t *testing.T) {
	takeTurn(t)
	free := freePorts(t, 2)
	stranger := startServer(t, free+1)
	u, left := crashed(t, "shop")
	runtime := runtimeOf(u.cmd)
	program := filepath.Base(os.Args[0])
	args := []string{"doctor"}
	for _, port := range []int{free, free + 1, u.base, u.base + 1} {
		args = append(args, "--port", strconv.Itoa(port))
	}

	var all []finding
	if code := runJSON(t, runtime, &all, args...); code != exitFailed {
		t.Errorf("exit code %d, want %d", code, exitFailed)
	}
	wantFinding(t, all, fmt.Sprintf("port %d", free), fine, portFree)
	f := wantFinding(t, all, fmt.Sprintf("port %d", free+1), notable, fmt.Sprintf("%q (pid %d) has it", program, stranger.Process.Pid))
	if !strings.Contains(f.Hint, fmt.Sprintf("kill %d", stranger.Process.Pid)) {
		t.Errorf("hint is %q", f.Hint)
	}
	for i, pid := range left {
		wantFinding(t, all, fmt.Sprintf("port %d", u.base+i), notable, fmt.Sprintf("%q (pid %d), left over from shop", program, pid))
		f := wantFinding(t, all, "leftovers", problem, fmt.Sprintf("shop: pid %d, port %d, %s misbehave serve", pid, u.base+i, program))
		if !strings.HasPrefix(f.Hint, "lbdev prune  ") {
			t.Errorf("hint is %q", f.Hint)
		}
	}
	wantFinding(t, all, "leftovers", notable, "shop: 2 files")
	_, stdout, _ := runLbdev(t, runtime, args...)
	wantText(t, "doctor", stdout, fmt.Sprintf("ports           %d free\n", free), fmt.Sprintf("(pid %d) has it\n", stranger.Process.Pid), " problems, ")

	if code, stdout, stderr := runLbdev(t, runtime, "prune"); code != exitDone {
		t.Errorf("prune: exit code %d\n%s%s", code, stdout, stderr)
	}
	for deadline := time.Now().Add(patience); ; { // other tests may just leave something for a moment
		all = nil
		if code := runJSON(t, runtime, &all, args...); code == exitDone {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("after prune: %+v", all)
		}
	}
	for _, f := range all {
		if f.Check == "leftovers" && (f.Status == problem || strings.Contains(f.Text, "shop")) {
			t.Errorf("after prune: %+v", f)
		}
	}
	wantFinding(t, all, fmt.Sprintf("port %d", u.base), fine, portFree)
	if !lives(stranger.Process.Pid) {
		t.Error("prune ended a program that is none of lbdev's")
	}
}

// TestDoctorOfRunningClusters: whose the ports are, from the same runtime folder and from another one; and one that is
// frozen, which must not hold doctor up.
func TestDoctorOfRunningClusters(t *testing.T) {
	u := startUp(t, append([]string{"-n", "2", "--pty", "off", "--name", "shop", "--"}, misbehave.Argv("serve-held")...)...)
	u.awaitReady(2)
	args := []string{"doctor", "-p", strconv.Itoa(u.base + 1), "-p", strconv.Itoa(u.base + 40)}
	worker, front := fmt.Sprintf("port %d", u.base+1), fmt.Sprintf("port %d", u.base+40)
	pid, holder := u.cmd.Process.Pid, procs.Listener(u.base+1)

	var all []finding
	runJSON(t, runtimeOf(u.cmd), &all, args...)
	wantFinding(t, all, worker, fine, fmt.Sprintf("worker 2 of cluster %q: %q (pid %d)", "shop", filepath.Base(os.Args[0]), holder))
	wantFinding(t, all, front, fine, fmt.Sprintf("front of cluster %q: %q (pid %d)", "shop", filepath.Base(os.Args[0]), pid))
	wantFinding(t, all, "clusters", fine, fmt.Sprintf("shop (pid %d) at %s, 2 of 2 ready", pid, u.front))
	all = nil
	runJSON(t, t.TempDir(), &all, args...)
	wantFinding(t, all, worker, notable, fmt.Sprintf("(pid %d), a worker of another lbdev (pid %d)", holder, pid))
	for _, f := range all {
		if f.Check == "leftovers" && strings.Contains(f.Text, strconv.Itoa(holder)) {
			t.Errorf("a living worker is a leftover: %+v", f)
		}
	}

	stop(t, pid, pid)
	all = nil
	if code := runJSON(t, runtimeOf(u.cmd), &all, args...); code != exitFailed {
		t.Errorf("frozen: exit code %d", code)
	}
	f := wantFinding(t, all, "clusters", problem, fmt.Sprintf("shop (pid %d) does not answer", pid))
	if !strings.Contains(f.Hint, fmt.Sprintf("kill -CONT %d", pid)) {
		t.Errorf("hint is %q", f.Hint)
	}
	wantFinding(t, all, worker, fine, "worker 2 of cluster")
}

// TestDoctorJSON: every check has something to say, each in the same shape, and nothing else is printed.
func TestDoctorJSON(t *testing.T) {
	var all []finding
	runJSON(t, t.TempDir(), &all, "doctor")
	for _, c := range checks {
		if !slices.ContainsFunc(all, func(f finding) bool { return strings.HasPrefix(f.Check, c.name) }) {
			t.Errorf("nothing of %q in %+v", c.name, all)
		}
	}
	for _, f := range all {
		if f.Check == "" || f.Text == "" || f.Status != fine && f.Status != notable && f.Status != problem {
			t.Errorf("got %+v", f)
		}
		if f.Status == problem && f.Hint == "" {
			t.Errorf("a problem without what to do: %+v", f)
		}
	}
	for _, port := range usualPorts {
		if !slices.ContainsFunc(all, func(f finding) bool { return f.Check == fmt.Sprintf("port %d", port) }) {
			t.Errorf("nothing of port %d", port)
		}
	}
	for _, wrong := range [][]string{{"doctor", "--port", "70000"}, {"doctor", "now"}, {"prune", "shop"}} {
		if code, _, stderr := runLbdev(t, t.TempDir(), wrong...); code != exitUsage || !strings.Contains(stderr, "lbdev: hint: ") {
			t.Errorf("%v: exit code %d\n%s", wrong, code, stderr)
		}
	}
}

// TestDoctorFewOpenFiles runs it with a low limit.
func TestDoctorFewOpenFiles(t *testing.T) {
	cmd, _ := lbdevCommand(t, "doctor")
	cmd.Args = append([]string{"sh", "-c", `ulimit -n 100; exec "$0" "$@"`, os.Args[0]}, cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
	out, _ := cmd.Output()
	if code := cmd.ProcessState.ExitCode(); code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	wantText(t, "doctor", string(out), "open files      100 for lbdev, 100 for a worker", "ulimit -n 4096")
}

// TestDoctorProxies: only what would swallow localhost is worth a word, and no value is shown.
func TestDoctorProxies(t *testing.T) {
	for _, name := range []string{"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"} {
		t.Setenv(name, "")
	}
	if f := checkProxies(nil, t.Context())[0]; f.Status != fine {
		t.Errorf("none: %+v", f)
	}
	t.Setenv("http_proxy", "http://me:secret@proxy:3128")
	f := checkProxies(nil, t.Context())[0]
	if f.Status != notable || !strings.Contains(f.Text, "http_proxy without localhost and 127.0.0.1") || strings.Contains(f.Text+f.Hint, "secret") {
		t.Errorf("got %+v", f)
	}
	for list, want := range map[string]string{
		"": "localhost 127.0.0.1", "localhost": "127.0.0.1", " .localhost , 127.0.0.0/8": "", "*": "", "example.com,127.0.0.1": "localhost",
	} {
		if got := strings.Join(notExempt(list), " "); got != want {
			t.Errorf("%q lacks %q, want %q", list, got, want)
		}
	}
	t.Setenv("NO_PROXY", "localhost,127.0.0.1")
	if f := checkProxies(nil, t.Context())[0]; f.Status != fine {
		t.Errorf("exempt: %+v", f)
	}
}

// TestExamineGivesUp: a check that hangs is said to, and holds up none of the others.
func TestExamineGivesUp(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		defer close(hang)
		ctx, cancel := context.WithTimeout(t.Context(), checkPatience)
		defer cancel()
		all := examine(ctx, nil, []check{
			{"first", func(*examination, context.Context) []finding { <-hang; return nil }},
			{"second", func(*examination, context.Context) []finding { return []finding{{"second", fine, "well", ""}} }},
		})
		if len(all) != 2 || all[0].Check != "first" || all[0].Status != problem || all[1].Text != "well" {
			t.Errorf("got %+v", all)
		}
	})
}

func TestFindingsLook(t *testing.T) {
	all := []finding{
		{"lbdev", fine, "1.0", ""}, {"port 8000", fine, portFree, ""}, {"port 8001", notable, `"node" (pid 7) has it`, "up moves…"},
		{"port 8002", fine, portFree, ""}, {"left", problem, "pid 8", "lbdev prune"}, {"left", problem, "pid 9 with a long command line", "lbdev prune"},
	}
	want := `* lbdev      1.0
* ports      8000 8002 free
- port 8001  "node" (pid 7) has it
             -> up moves...
x left       pid 8
x left       pid 9 with a long
             command line
             -> lbdev prune
2 problems, 1 to know
`
	if got := string(look{signs: asciiSigns, width: 36}.findings(all)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for text, want := range map[string]string{"": "", "one": "one", "a  kill 7  b": "a  kill|7  b", "1234567890": "1234567890", "1 1234567890 2": "1|1234567890|2"} {
		if got := strings.Join(rows(text, 7), "|"); got != want {
			t.Errorf("%q is wrapped as %q, want %q", text, got, want)
		}
	}
	if got := cut(command("/usr/bin/node " + strings.Repeat("x", 100))); got != "node "+strings.Repeat("x", maxCommand-6)+"…" {
		t.Errorf("the command is %q", got)
	}
}
