//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/procs"
	"github.com/lbdev/lbdev/procs/misbehave"
)

// demoNames are the scenes of the demo.
var demoNames = []string{"turn", "kill", "freeze", "drain", "rolling", "kill-all"}

var demoTitles = []string{"1/6  In turn", "2/6  Kill one", "3/6  Freeze one", "4/6  Drain one", "5/6  Rolling restart", "6/6  Kill all at once"}

// demoArgs are the arguments of a demo with ports of its own.
func demoArgs(t *testing.T, args ...string) []string {
	base := freePorts(t, 11)
	return append([]string{"demo", "--base-port", strconv.Itoa(base), "-l", strconv.Itoa(base + 10)}, args...)
}

// startDemo starts a demo in a pipe.
func startDemo(t *testing.T, args ...string) *upTest {
	t.Helper()
	return startLbdev(t, t.TempDir(), demoArgs(t, args...)...)
}

// A demoTerminal is a demo on a terminal.
type demoTerminal struct {
	*terminal
	cmd  *exec.Cmd
	mark string
}

func startDemoOnTerminal(t *testing.T, env []string, args ...string) demoTerminal {
	t.Helper()
	cmd, mark := lbdevCommand(t, demoArgs(t, args...)...)
	cmd.SysProcAttr = nil
	cmd.Env = append(append(cmd.Env, "CI=", "NO_COLOR=", "TERM=xterm-256color", "LC_ALL=C.UTF-8"), env...)
	return demoTerminal{startOnTerminal(t, cmd), cmd, mark}
}

// wantExit waits for the end of the demo on the terminal.
func (d demoTerminal) wantExit(code int) {
	d.Helper()
	done := make(chan struct{})
	go func() { d.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(patience):
		d.Fatalf("the demo did not end\n%s", d.seen())
	}
	if got := d.cmd.ProcessState.ExitCode(); got != code {
		d.Errorf("exit code %d, want %d\n%s", got, code, d.seen())
	}
	wantNobody(d.T, d.mark, 0)
}

// demoTestPatience is for a demo. At the speeds of these tests it takes some 5 to 25 s, and longer where others want the processors too.
const demoTestPatience = 6 * patience

// wantDemo waits for the end of a demo in a pipe.
func (u *upTest) wantDemo(code int) {
	u.Helper()
	deadline := time.After(demoTestPatience)
	select {
	case <-u.exited:
	case <-deadline:
		u.Fatalf("the demo does not end\n%s", u.dump())
	}
	if got := u.cmd.ProcessState.ExitCode(); got != code {
		u.Fatalf("exit code %d, want %d\n%s", got, code, u.dump())
	}
	wantNobody(u.T, u.mark, 0)
}

// records are the demo's own lines of --json.
func (u *upTest) records(event string) []demoRecord {
	u.mu.Lock()
	defer u.mu.Unlock()
	var found []demoRecord
	for _, line := range u.lines {
		var r demoRecord
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			u.Errorf("no JSON: %q", line)
		} else if r.Event == event {
			found = append(found, r)
		}
	}
	return found
}

// wantScenes checks that all scenes were announced and seen, and that their figures are those of the requests.
func (u *upTest) wantScenes() map[string]demoSeen {
	u.Helper()
	seen := map[string]demoSeen{}
	var scenes []string
	requests := 0
	for _, r := range u.records("scene") {
		scenes = append(scenes, r.Name)
	}
	for i, r := range u.records("seen") {
		if r.Step != i+1 || r.Of != len(demoNames) || r.Name != demoNames[i] {
			u.Errorf("report %d is of step %d/%d, %q", i+1, r.Step, r.Of, r.Name)
		}
		if r.Counts == nil || r.Counts.Requests == 0 || r.Counts.Failed+r.Counts.AppErrors > 0 {
			u.Fatalf("%s: %+v, want requests and none that failed\n%s", r.Name, r.Counts, r.Text)
		}
		seen[r.Name] = *r.Counts
		requests += r.Counts.Requests
	}
	if !slices.Equal(scenes, demoNames) || len(seen) != len(demoNames) {
		u.Fatalf("announced %q and saw %v, want all of %q\n%s", scenes, seen, demoNames, u.dump())
	}
	shown := u.seen(func(e upEvent) bool { return e.Event == "request" })
	done := u.await("the end", func(e upEvent) bool { return e.Event == "done" })
	if total := int(done.Cluster.Requests.Total); total != requests || total != len(shown) || done.Cluster.Requests.Failed > 0 {
		u.Errorf("the steps count %d requests, the lines are %d, the cluster's count is %+v", requests, len(shown), done.Cluster.Requests)
	}
	return seen
}

// TestDemoInAPipe is the demo as it is, twice as fast.
func TestDemoInAPipe(t *testing.T) {
	t.Parallel()
	u := startDemo(t, "--speed", "2")
	u.wantDemo(0)
	text := strings.Join(u.lines, "\n")
	for _, want := range append([]string{"strictly in turn", "got 0", "3 of 3 are new processes", "all 3 back after", "3 stopped in", "lbdev up -n 4 -- YOUR COMMAND"}, demoTitles...) {
		if !strings.Contains(text, want) {
			t.Errorf("nothing says %q in\n%s", want, text)
		}
	}
	for _, want := range []string{ // one in most cases, more where answers take their time
		`[1-9]\d* lost at`, `[1-9]\d* taken back from`, `finished the [1-9]\d* it had`, `\n\d+ requests . 0 failed . ([2-9]|[1-9]\d+) rescued . \d+ held . longest wait`,
	} {
		if !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("nothing is %s in\n%s", want, text)
		}
	}
	if strings.Contains(text, "\x1b") {
		t.Errorf("colours in a pipe:\n%q", text)
	}
}

func TestDemoOnATerminal(t *testing.T) {
	t.Parallel()
	d := startDemoOnTerminal(t, nil, "--speed", "20", "--rate", "40")
	for _, title := range demoTitles {
		d.await("\x1b[1m──── " + title)
	}
	d.await("lbdev up -n 4 -- YOUR COMMAND")
	d.wantExit(0)
	d.wantNarrow(80)
	if n := strings.Count(d.seen(), "0 failed"); n != len(demoTitles)+1 {
		t.Errorf("0 failed is said %d times, want once for each step and at the end\n%s", n, d.seen())
	}
}

// wantNarrow fails if something is wider than the terminal.
func (d demoTerminal) wantNarrow(width int) {
	d.Helper()
	for line := range strings.SplitSeq(d.seen(), "\n") {
		if row := string(procs.AppendPlain(nil, strings.TrimRight(line, "\r"))); utf8.RuneCountInString(row) > width {
			d.Errorf("%d columns are too few for %q", width, row)
		}
	}
}

// TestDemoOnAPoorTerminal has 40 columns and 8 rows, no colours and nothing but ASCII, and Enter begins each step.
func TestDemoOnAPoorTerminal(t *testing.T) {
	t.Parallel()
	cmd, mark := lbdevCommand(t, demoArgs(t, "--step", "--speed", "20", "--rate", "40")...)
	cmd.SysProcAttr = nil
	cmd.Env = append(cmd.Env, "CI=", "NO_COLOR=", "TERM=dumb", "LC_ALL=C")
	cmd.Args = append([]string{"sh", "-c", `stty cols 40 rows 8; exec "$0" "$@"`}, cmd.Args...)
	cmd.Path = "/bin/sh"
	d := demoTerminal{startOnTerminal(t, cmd), cmd, mark}
	for i, title := range demoTitles {
		d.await("---- " + title)
		waitFor(t, "the question of step "+strconv.Itoa(i+1), func() bool { return strings.Count(d.seen(), "Enter begins") == i+1 })
		d.file.Write([]byte("\n"))
	}
	d.await("\nok   ")
	d.wantExit(0)
	d.wantNarrow(40)
	for i, c := range []byte(d.seen()) {
		if c >= 0x80 || c == 0x1b {
			t.Fatalf("byte %#x at %d on a terminal that can't show it:\n%q", c, i, d.seen())
		}
	}
}

// waitFor polls with a deadline.
func waitFor(t *testing.T, what string, come func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !come(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestDemoAsJSON(t *testing.T) {
	t.Parallel()
	u := startDemo(t, "--json", "--speed", "20", "--rate", "40", "-n", "4")
	u.wantDemo(0)
	seen := u.wantScenes()
	if turn := seen["turn"]; len(turn.ByPort) != 4 {
		t.Errorf("answered by %v, want all four", turn.ByPort)
	}
	for _, name := range []string{"kill", "freeze"} {
		if seen[name].Rescued < 1 {
			t.Errorf("%s: %+v, want a rescued request: one was in hand", name, seen[name])
		}
	}
	if freeze := seen["freeze"]; freeze.SlowestMS >= pouredPatience.Milliseconds() { // so long does one wait at least that waits for the worker
		t.Errorf("a request took %d ms while a worker was frozen", freeze.SlowestMS)
	}
	if all := seen["kill-all"]; all.Held < 1 || all.LongestHeldMS < 1 {
		t.Errorf("kill-all: %+v, want held requests", all)
	}
	for worker := 1; worker <= 4; worker++ { // started, rolled and killed at the least
		u.awaitIncarnation(worker, 3)
	}
	// At normal speed it is to take less than a minute. Its requests and starts take some 12 s, on a machine that does nothing else.
	var reading time.Duration
	for _, r := range append(u.records("scene"), u.records("seen")...) {
		reading += glance + time.Duration(utf8.RuneCountInString(r.Why+r.Watch+r.Text))*perRune
	}
	if reading > 45*time.Second {
		t.Errorf("it leaves %v to read what it says, want at most 45 s", reading)
	}
}

// TestDemoOfOnesOwnApp has a server that takes a while to start, in a folder whose config file gives it something.
func TestDemoOfOnesOwnApp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/lbdev.yaml", []byte("ready-path: /up\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"--json", "--speed", "20", "--rate", "40", "-n", "2", "--path", "slow?ms=20", "--"}, misbehave.Argv("serve", "150")...)
	u := startLbdev(t, dir, demoArgs(t, args...)...)
	u.wantDemo(0)
	u.wantScenes()
	if r := u.seen(func(e upEvent) bool { return e.Event == "request" && e.Status == 200 }); len(r) == 0 {
		t.Errorf("no request was answered\n%s", u.dump())
	}
}

// TestDemoWithoutCommandReadsNoFile runs the sample, whatever the folder's app wants.
func TestDemoWithoutCommandReadsNoFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/lbdev.yaml", []byte("command: [no-such-program]\nready-path: /nowhere\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	u := startLbdev(t, dir, demoArgs(t, "--json", "--speed", "20")...)
	u.awaitReady(3)
}

// TestDemoTellsOfFailures has a front that holds nothing: with all workers dead, requests fail, and the demo says so.
func TestDemoTellsOfFailures(t *testing.T) {
	t.Parallel()
	args := append([]string{"--speed", "20", "--rate", "40", "--hold", "0", "--"}, misbehave.Argv("serve", "300")...)
	u := startDemo(t, args...)
	u.wantDemo(1)
	text := strings.Join(u.lines, "\n")
	if !regexp.MustCompile(`✗    \d+ requests · [1-9]\d* failed`).MatchString(text) && !regexp.MustCompile(`x    \d+ requests - [1-9]\d* failed`).MatchString(text) {
		t.Errorf("the failures are not told of in\n%s", text)
	}
	if errors := u.stderr.String(); !strings.Contains(errors, "cannot promise that nothing is lost") || !strings.Contains(errors, "hint:") {
		t.Errorf("stderr: %q", errors)
	}
}

// TestDemoOfAnAppThatAnswersWithErrors ends after the first step: the app is what is wrong.
func TestDemoOfAnAppThatAnswersWithErrors(t *testing.T) {
	t.Parallel()
	u := startDemo(t, append([]string{"--json", "--speed", "20", "--rate", "40", "--"}, misbehave.Argv("serve-refuse")...)...)
	u.wantDemo(1)
	seen := u.records("seen")
	if len(seen) != 1 || seen[0].Counts.AppErrors != seen[0].Counts.Requests || seen[0].Counts.Failed != 0 {
		t.Errorf("saw %+v, want one step whose requests the app answered with errors", seen)
	}
	if errors := u.stderr.String(); !strings.Contains(errors, "the app itself answered GET / with an error") || !strings.Contains(errors, "lbdev demo --path") {
		t.Errorf("stderr: %q", errors)
	}
}

func TestDemoOfAnAppThatNeverGetsReady(t *testing.T) {
	t.Parallel()
	u := startDemo(t, append([]string{"--json", "--ready-timeout", "300ms", "--"}, misbehave.Argv("serve-never")...)...)
	u.wantDemo(exitNeverReady)
	if errors := u.stderr.String(); !strings.Contains(errors, "no worker became ready in time") || !strings.Contains(errors, "hint: does the app listen") {
		t.Errorf("stderr: %q", errors)
	}
	if scenes := u.records("scene"); len(scenes) > 0 {
		t.Errorf("announced %+v without a worker", scenes)
	}
}

// TestDemoOfAnAppThatDies loses a worker in the middle, which never comes back.
func TestDemoOfAnAppThatDies(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	// The first incarnation of each worker serves; those that come after one was killed can't.
	script := `test -e started-$PORT && exit 3; touch started-$PORT; exec "$0" "$@"`
	args := append([]string{"--json", "--speed", "20", "--rate", "40", "--", "sh", "-c", script}, misbehave.Argv("serve")...)
	u := startLbdev(t, dir, demoArgs(t, args...)...)
	u.wantDemo(1)
	if errors := u.stderr.String(); !strings.Contains(errors, "cannot go on with the demo: worker 2") || !strings.Contains(errors, "exited with code 3") {
		t.Errorf("stderr: %q", errors)
	}
}

// TestDemoStepsByLine begins each step with a line of the input, and goes on without when that ends.
func TestDemoStepsByLine(t *testing.T) {
	t.Parallel()
	cmd, mark := lbdevCommand(t, demoArgs(t, "--step", "--json", "--speed", "20", "--rate", "40")...)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin = r
	u := startLine(t, cmd, mark)
	r.Close()
	asked := func(step int) func(upEvent) bool {
		return func(e upEvent) bool { return e.Event == "enter" && len(u.records("enter")) >= step }
	}
	u.await("the first question", asked(1))
	if seen := u.seen(func(e upEvent) bool { return e.Event == "request" }); len(seen) > 0 {
		t.Errorf("%d requests before Enter", len(seen))
	}
	io.WriteString(w, "\n")
	u.await("the second question", asked(2))
	if n := len(u.records("seen")); n != 1 {
		t.Errorf("%d steps played after one Enter", n)
	}
	w.Close()
	u.wantDemo(0)
	u.wantScenes()
	if n := len(u.records("enter")); n != 2 {
		t.Errorf("asked for Enter %d times, want twice: the input ended then", n)
	}
	if p := u.records("progress"); !slices.ContainsFunc(p, func(r demoRecord) bool { return strings.Contains(r.Text, "the input has ended") }) {
		t.Errorf("nothing says that the input ended: %+v", p)
	}
}

// startCommand is startLbdev with a command that has been made.
func startLine(t *testing.T, cmd *exec.Cmd, mark string) *upTest {
	t.Helper()
	u := &upTest{T: t, cmd: cmd, mark: mark, exited: make(chan struct{}), more: make(chan struct{})}
	cmd.Stderr = &u.stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go u.read(stdout)
	t.Cleanup(u.end)
	return u
}

// TestDemoInterrupted ends the demo at moments that are hard: while it starts, with a worker frozen, in the middle of a
// rolling restart, and with all workers dead. Workers that never get ready have the moment last.
func TestDemoInterrupted(t *testing.T) {
	t.Parallel()
	args := func(command ...string) []string {
		return append([]string{"--json", "--speed", "20", "--rate", "40"}, command...)
	}
	moments := []struct {
		name string
		args []string
		when func() func(upEvent) bool
	}{
		{"starting", args(append([]string{"--"}, misbehave.Argv("serve", "60000")...)...), func() func(upEvent) bool {
			return func(e upEvent) bool {
				return e.Event == "progress" && strings.HasPrefix(e.Text, "waiting for all workers")
			}
		}},
		{"frozen", args(), func() func(upEvent) bool { return isState(cluster.Paused, 3) }},
		{"rolling", args(readyTimes(99, 2)...), func() func(upEvent) bool { return isState(cluster.Stopping, 2) }},
		{"held", args(readyTimes(2, 3)...), func() func(upEvent) bool {
			seen := 0
			return func(e upEvent) bool {
				if e.Event == "seen" {
					seen++
				}
				return e.Event == string(cluster.Backoff) && seen == 5
			}
		}},
	}
	for _, m := range moments {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			u := startDemo(t, m.args...)
			u.awaitFor(demoTestPatience, "the moment", m.when())
			began := time.Now()
			u.cmd.Process.Signal(syscall.SIGINT)
			u.wantDemo(130)
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("ending took %v", took)
			}
			if n := len(u.seen(func(e upEvent) bool { return e.Event == "done" })); n != 1 {
				t.Errorf("%d reports at the end\n%s", n, u.dump())
			}
		})
	}
}

// readyTimes is a command whose workers get ready so often and never again; second counts for worker 2, which the demo kills by itself.
func readyTimes(times, second int) []string {
	script := `test $LBDEV_WORKER = 2 && shift; echo >>starts-$PORT; test $(wc -l <starts-$PORT) -gt $1 && exec sleep 300; exec "$0" misbehave serve`
	return []string{"--", "sh", "-c", script, misbehave.Argv("serve")[0], strconv.Itoa(times), strconv.Itoa(second)}
}

// TestDemoCtrlC is pressed on the terminal, while Enter is waited for.
func TestDemoCtrlC(t *testing.T) {
	t.Parallel()
	d := startDemoOnTerminal(t, nil, "--step")
	d.await("Enter begins")
	d.file.Write([]byte{3})
	d.await("stopping 3 workers")
	d.wantExit(130)
	if strings.Contains(d.seen(), "YOUR COMMAND") {
		t.Errorf("what to do next, after Ctrl-C:\n%s", d.seen())
	}
}

// TestDemoEndsWithItsReader is "lbdev demo | head -1".
func TestDemoEndsWithItsReader(t *testing.T) {
	t.Parallel()
	cmd, mark := lbdevCommand(t, demoArgs(t, "--speed", "20")...)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = w
	u := &upTest{T: t, cmd: cmd, mark: mark, exited: make(chan struct{})}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if _, err := r.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
	r.Close()
	go func() { cmd.Wait(); close(u.exited) }()
	t.Cleanup(u.end)
	u.wantDemo(141)
}

func TestDemoMisused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		args string
		want string
	}{
		{"-n 1", "cannot show a failover with 1 worker"},
		{"-n 0", "cannot run 0 workers"},
		{"--speed 0", "cannot play at speed 0"},
		{"--speed NaN", "cannot play at speed NaN"},
		{"--speed fast", "cannot understand the flags"},
		{"--rate -1", "cannot send -1 requests a second"},
		{"--rate 41", "at most 40"},
		{"--path /%zz", "cannot ask for the path"},
		{"--restart never", "there is no flag -restart"},
		{"--listen nowhere:80", "cannot listen on"},
	}
	for _, tt := range tests {
		cmd, _ := lbdevCommand(t, append([]string{"demo"}, strings.Fields(tt.args)...)...)
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != exitUsage || !strings.Contains(string(out), tt.want) || !strings.Contains(string(out), "hint: ") || strings.Contains(string(out), "lbdev up") {
			t.Errorf("%s: exit code %d, want %d with %q and a hint for the demo:\n%s", tt.args, code, exitUsage, tt.want, out)
		}
	}
	cmd, _ := lbdevCommand(t, "demo", "--help")
	out, err := cmd.Output()
	for _, want := range []string{"lbdev demo --step", "lbdev demo -- python manage.py runserver", "--speed FACTOR", "(default: 3)", "--hold"} {
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("help without %q, %v:\n%s", want, err, out)
		}
	}
	if strings.Contains(string(out), "--sample") {
		t.Errorf("help shows a flag that does nothing:\n%s", out)
	}
}

func TestWrap(t *testing.T) {
	tests := []struct {
		line          string
		width, indent int
		want          string
	}{
		{"short", 10, 2, "short"},
		{"one two three", 8, 2, "one two\n  three"},
		{"    one two three", 12, 0, "    one two\n    three"}, // as far in as the line itself
		{"\x1b[31mone\x1b[0m two three", 8, 2, "\x1b[31mone\x1b[0m two\n  three"},
		{"an-endless-word and more", 8, 2, "an-endless-word\n  and\n  more"},
		{"GET  /    200 → 8001 ✗ refused → 8002", 24, 6, "GET  /    200 → 8001 ✗\n      refused → 8002"},
	}
	for _, tt := range tests {
		if got := wrap(tt.line, tt.width, tt.indent); got != tt.want {
			t.Errorf("%q in %d columns:\n got %q\nwant %q", tt.line, tt.width, got, tt.want)
		}
		if plain := strings.Fields(wrap(tt.line, tt.width, tt.indent)); fmt.Sprint(plain) != fmt.Sprint(strings.Fields(tt.line)) {
			t.Errorf("%q became %q", tt.line, plain)
		}
	}
}
