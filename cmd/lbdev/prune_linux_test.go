package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lbdev/lbdev/cluster/control"
	"github.com/lbdev/lbdev/procs"
	"github.com/lbdev/lbdev/procs/misbehave"
)

// takeTurn keeps other tests from ending what this one has left behind, and the other way round.
func takeTurn(t *testing.T) {
	t.Helper()
	done, err := misbehave.Turn()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(done)
}

// runLbdev runs lbdev with this runtime folder to its end.
func runLbdev(t *testing.T, runtime string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd, _ := lbdevCommand(t, args...)
	cmd.Env = append(cmd.Env, "XDG_RUNTIME_DIR="+runtime, "XDG_CACHE_HOME="+filepath.Join(runtime, "cache"))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Run()
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// runJSON is the same for a command whose output is JSON.
func runJSON(t *testing.T, runtime string, into any, args ...string) (code int) {
	t.Helper()
	code, stdout, stderr := runLbdev(t, runtime, append(args, "--json")...)
	if err := json.Unmarshal([]byte(stdout), into); err != nil {
		t.Fatalf("%v: %v\n%s%s", args, err, stdout, stderr)
	}
	return code
}

// crash kills lbdev and its guardians so that none of them can do anything.
func (u *upTest) crash() {
	u.Helper()
	freeze(u.T, u.cmd.Process.Pid)
	for _, pid := range guardiansOf(u.mark) {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	u.cmd.Process.Kill()
	u.exitCode()
}

// freeze stops processes and returns when they stand still. A signal reaches one thread, and on a busy machine the others run on for
// long enough to replace a guardian that was killed.
func freeze(t *testing.T, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		syscall.Kill(pid, syscall.SIGSTOP)
		waitFor(t, fmt.Sprintf("%d to stand still", pid), func() bool { return standsStill(pid) })
	}
}

// standsStill says whether all threads of a process are stopped.
func standsStill(pid int) bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, thread := range threads {
		stat, err := os.ReadFile(thread)
		if _, state, _ := strings.Cut(string(stat), ") "); err == nil && !strings.HasPrefix(state, "T") {
			return false
		}
	}
	return true
}

// crashed is "lbdev up" that has crashed, of whose workers a process lives on and holds the port.
func crashed(t *testing.T, name string) (u *upTest, left []int) {
	t.Helper()
	u = startUp(t, append([]string{"-n", "2", "--pty", "off", "--name", name, "--"}, misbehave.Argv("serve-held")...)...)
	u.awaitReady(2)
	u.crash()
	left = []int{procs.Listener(u.base), procs.Listener(u.base + 1)}
	if slices.Contains(left, 0) || left[0] == left[1] {
		t.Fatalf("the ports are held by %v", left)
	}
	return u, left
}

func lives(pid int) bool {
	_, ok := procs.StartTime(pid)
	return ok
}

// files are those in the folder of lbdev below a runtime folder, without the lock.
func files(t *testing.T, runtime string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(runtime, "lbdev"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") { // those are of all clusters, and stay
			names = append(names, e.Name())
		}
	}
	return names
}

// relicNamed is what was found of a cluster.
func (p pruned) relicNamed(name string) *relic {
	for _, r := range p.Found {
		if r.Name == name {
			return r
		}
	}
	return nil
}

func (r *relic) pids() (pids []int) {
	for _, p := range r.Processes {
		pids = append(pids, p.PID)
	}
	return pids
}

// TestPruneAfterACrash: --dry-run shows and leaves, prune ends and removes, and then there is nothing.
func TestPruneAfterACrash(t *testing.T) {
	takeTurn(t)
	u, left := crashed(t, "fallen shop")
	runtime := runtimeOf(u.cmd)
	was := files(t, runtime)

	var dry pruned
	if code := runJSON(t, runtime, &dry, "prune", "-n"); code != exitDone {
		t.Errorf("dry run: exit code %d", code)
	}
	r := dry.relicNamed("fallen shop")
	if r == nil {
		t.Fatalf("dry run: found %+v", dry.Found)
	}
	got := r.pids()
	slices.Sort(got)
	want := slices.Sorted(slices.Values(left))
	if !slices.Equal(got, want) || len(r.Files) != 2 || r.PID != u.cmd.Process.Pid || time.Since(r.Started) > time.Minute {
		t.Errorf("dry run: got %+v, want processes %v", r, want)
	}
	if folder, _ := filepath.EvalSymlinks(u.cmd.Dir); r.Folder != folder && r.Folder != u.cmd.Dir {
		t.Errorf("folder is %q, want %q", r.Folder, u.cmd.Dir)
	}
	for _, p := range r.Processes {
		if len(p.Ports) != 1 || !strings.HasSuffix(p.Command, "misbehave serve") {
			t.Errorf("got %+v", p)
		}
	}
	code, stdout, _ := runLbdev(t, runtime, "prune", "--dry-run")
	if code != exitDone {
		t.Errorf("dry run: exit code %d", code)
	}
	wantText(t, "the dry run", stdout, fmt.Sprintf("fallen shop   crashed (pid %d), started ", r.PID), strconv.Itoa(left[0]), strconv.Itoa(u.base+1),
		"misbehave serve", "files in "+filepath.Join(runtime, "lbdev"), "lbdev prune  clears up")
	if !lives(left[0]) || !lives(left[1]) || !slices.Equal(files(t, runtime), was) || !dry.DryRun || len(dry.Ended)+len(dry.Removed) > 0 {
		t.Errorf("the dry run did something: %+v", dry)
	}

	code, stdout, stderr := runLbdev(t, runtime, "prune")
	if code != exitDone || lives(left[0]) || lives(left[1]) {
		t.Errorf("exit code %d, alive: %v %v\n%s%s", code, lives(left[0]), lives(left[1]), stdout, stderr)
	}
	wantText(t, "prune", stdout, "ended in ", "2 files removed")
	if now := files(t, runtime); len(now) > 0 {
		t.Errorf("files are left: %v", now)
	}
	wantNothing(t, runtime)
	wantNobody(t, u.mark, 0)
}

// wantNothing waits until prune finds nothing, as other tests may just leave something for a moment.
func wantNothing(t *testing.T, runtime string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		code, stdout, stderr := runLbdev(t, runtime, "prune")
		if code == exitDone && strings.HasSuffix(stdout, "nothing is left over\n") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
		}
	}
	var p map[string]any
	for deadline := time.Now().Add(patience); ; {
		p = nil
		if code := runJSON(t, runtime, &p, "prune"); code == exitDone && len(p["found"].([]any)) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("found %v", p)
		}
	}
	for _, key := range []string{"found", "unsure", "ended", "killed", "left", "removed"} {
		if _, ok := p[key].([]any); !ok {
			t.Errorf("%s is no list: %v", key, p[key])
		}
	}
	if p["dry_run"] != false || p["took_ms"] != 0.0 {
		t.Errorf("got %v", p)
	}
}

// TestPruneWithoutFiles: somebody has removed the runtime folder of the lbdev that crashed.
func TestPruneWithoutFiles(t *testing.T) {
	takeTurn(t)
	u, left := crashed(t, "lost")
	if err := os.RemoveAll(runtimeOf(u.cmd)); err != nil {
		t.Fatal(err)
	}
	var p pruned
	code := runJSON(t, t.TempDir(), &p, "prune")
	r := p.relicNamed("lost")
	if code != exitDone || r == nil || len(r.Files) > 0 || r.PID != u.cmd.Process.Pid || r.Folder != u.cmd.Dir || r.Started.IsZero() {
		t.Fatalf("exit code %d, got %+v", code, p)
	}
	for _, pid := range left {
		if lives(pid) || !slices.Contains(r.pids(), pid) || !slices.Contains(p.Ended, pid) || slices.Contains(p.Killed, pid) {
			t.Errorf("%d: alive %v, got %+v", pid, lives(pid), p)
		}
	}
}

// TestPruneKills those that do not hear SIGTERM.
func TestPruneKills(t *testing.T) {
	takeTurn(t)
	u := startUp(t, append([]string{"-n", "1", "--pty", "off", "--"}, misbehave.Argv("session-deaf")...)...)
	said := u.await("the child", func(e upEvent) bool { return e.Event == "log" && strings.HasPrefix(e.Line, "child ") })
	deaf, err := strconv.Atoi(strings.TrimPrefix(said.Line, "child "))
	if err != nil {
		t.Fatal(err)
	}
	ups := 0
	u.await("it being deaf", func(e upEvent) bool {
		if e.Event == "log" && e.Line == "up" {
			ups++
		}
		return ups == 2 // its own and its parent's
	})
	u.crash()
	began := time.Now()
	var p pruned
	code := runJSON(t, runtimeOf(u.cmd), &p, "prune", "--timeout", "300ms")
	if code != exitDone || lives(deaf) || !slices.Contains(p.Killed, deaf) || !slices.Contains(p.Ended, deaf) || p.TookMS < 300 || len(p.Removed) != 2 {
		t.Errorf("after %v: exit code %d, alive %v, got %+v", time.Since(began), code, lives(deaf), p)
	}
}

// TestPruneSparesTheLiving: clusters that run, in this runtime folder and in others, one that is frozen, one whose files are
// gone, and one that another lbdev had started which has crashed.
func TestPruneSparesTheLiving(t *testing.T) {
	takeTurn(t)
	var spared []int
	start := func() *upTest {
		u := startUp(t, append([]string{"-n", "2", "--pty", "off", "--"}, misbehave.Argv("serve-held")...)...)
		u.awaitReady(2)
		spared = append(spared, marked(u.mark)...)
		return u
	}
	elsewhere, frozen, fileless := start(), start(), start()
	if err := os.RemoveAll(runtimeOf(fileless.cmd)); err != nil {
		t.Fatal(err)
	}
	inner := startInner(t)
	spared = append(spared, inner.pids...)
	stop(t, frozen.cmd.Process.Pid, append(guardiansOf(frozen.mark), frozen.cmd.Process.Pid)...)
	was := files(t, runtimeOf(frozen.cmd))

	for _, runtime := range []string{runtimeOf(frozen.cmd), t.TempDir(), inner.runtime} {
		if code, stdout, stderr := runLbdev(t, runtime, "prune"); code != exitDone {
			t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
		}
		for _, pid := range spared {
			if !lives(pid) {
				t.Errorf("%s was ended", describe([]int{pid}))
			}
		}
	}
	if now := files(t, runtimeOf(frozen.cmd)); !slices.Equal(now, was) || len(was) != 2 {
		t.Errorf("files are %v, were %v", now, was)
	}
	elsewhere.get("/")
	fileless.get("/")
	inner.get(t)

	// Nothing shows now that the inner one lives but its guardians.
	if code, _, stderr := runLbdev(t, inner.runtime, "stop", "1", "--name", "inner"); code != exitDone {
		t.Fatalf("stop: exit code %d\n%s", code, stderr)
	}
	if code, stdout, stderr := runLbdev(t, t.TempDir(), "prune"); code != exitDone {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	if code, _, stderr := runLbdev(t, inner.runtime, "start", "1", "--name", "inner"); code != exitDone {
		t.Errorf("start: exit code %d\n%s", code, stderr)
	}
	inner.get(t)
}

// stop freezes processes until the end of the test; the last one of a family is woken first.
func stop(t *testing.T, first int, pids ...int) {
	t.Helper()
	freeze(t, pids...)
	t.Cleanup(func() {
		syscall.Kill(first, syscall.SIGCONT)
		for _, pid := range pids {
			syscall.Kill(pid, syscall.SIGCONT)
		}
	})
}

// An inner is a lbdev whose outer one has crashed.
type inner struct {
	runtime string
	front   string
	pids    []int // its own, its workers', its guardians'
}

func startInner(t *testing.T) inner {
	t.Helper()
	base := freePorts(t, 2)
	in := inner{front: fmt.Sprintf("http://127.0.0.1:%d", base+1)}
	script := fmt.Sprintf(`"$0" up --name inner -n 1 --base-port %d -l %d -- "$0" misbehave serve >/dev/null 2>&1 & wait`, base, base+1)
	outer := startUp(t, "-n", "1", "--pty", "off", "--name", "outer", "--", "sh", "-c", script, os.Args[0])
	in.runtime = runtimeOf(outer.cmd)
	var found control.Found
	deadline := time.Now().Add(patience)
	for found.Now == nil || found.Now.Workers[0].State != "ready" {
		found, _ = control.Dir(filepath.Join(in.runtime, "lbdev")).Find(context.Background(), "inner", "")
		if time.Now().After(deadline) {
			t.Fatalf("the inner lbdev did not start\n%s", outer.dump())
		}
		time.Sleep(5 * time.Millisecond)
	}
	freeze(t, outer.cmd.Process.Pid)
	for _, pid := range guardiansOf(outer.mark) {
		if strings.Contains(describe([]int{pid}), fmt.Sprintf(" %d ", outer.cmd.Process.Pid)) {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	outer.cmd.Process.Kill()
	outer.exitCode()
	waitFor(t, "the guardians of the inner lbdev to be all that there are", func() bool { return len(guardiansOf(outer.mark)) == 2 })
	in.pids = append(guardiansOf(outer.mark), found.PID, found.Now.Workers[0].PID)
	t.Cleanup(func() { // as long as it lives it may be that its lbdev ends it
		syscall.Kill(found.PID, syscall.SIGTERM)
		wantNobody(t, outer.mark, patience)
	})
	in.get(t)
	return in
}

func (in inner) get(t *testing.T) {
	t.Helper()
	resp, err := http.Get(in.front)
	if err != nil {
		t.Error(err)
		return
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("the inner front answers %s", resp.Status)
	}
}

// plant leaves the files of a cluster as if its lbdev were gone.
func plant(t *testing.T, runtime string, info control.Info) (state, socket string) {
	t.Helper()
	claim, err := control.Dir(filepath.Join(runtime, "lbdev")).Claim(info)
	if err != nil {
		t.Fatal(err)
	}
	claim.Listener().Close()
	socket = claim.Info().Socket
	return strings.TrimSuffix(socket, ".sock") + ".json", socket
}

// TestPruneFiles: whatever a crash leaves of the files is removed, and nothing of a lbdev that has only lost its socket.
func TestPruneFiles(t *testing.T) {
	takeTurn(t)
	runtime := t.TempDir()
	dead := func(name string) (state, socket string) {
		return plant(t, runtime, control.Info{Name: name, Folder: "/shop", PID: os.Getpid(), ProcStart: 1})
	}
	dead("both")
	_, socket := dead("state alone")
	state, _ := dead("socket alone")
	broken, _ := dead("broken")
	if err := os.Remove(socket); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(state); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(broken, []byte(`{"name":"bro`), 0o600); err != nil {
		t.Fatal(err)
	}
	own, _ := procs.StartTime(os.Getpid())
	kept, _ := plant(t, runtime, control.Info{Name: "lives", PID: os.Getpid(), ProcStart: own})

	code, stdout, stderr := runLbdev(t, runtime, "prune", "-n")
	if code != exitDone {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	wantText(t, "the dry run", stdout, "both   crashed (pid ", "in /shop", "state alone   crashed", "a cluster without a name   crashed, state file: it can't be read", "6 files left over")
	var findings []finding
	runJSON(t, runtime, &findings, "doctor")
	wantFinding(t, findings, "leftovers", notable, "both: 2 files")
	wantFinding(t, findings, "clusters", problem, fmt.Sprintf("lives (pid %d) has lost its socket", os.Getpid()))

	var p pruned
	if code := runJSON(t, runtime, &p, "prune"); code != exitDone || len(p.Removed) != 6 {
		t.Errorf("exit code %d, got %+v", code, p)
	}
	if now := files(t, runtime); len(now) != 2 || !slices.Contains(now, filepath.Base(kept)) {
		t.Errorf("files are %v, want those of %s", now, kept)
	}
	wantNothing(t, runtime)
}

// TestPruneSockets: the folder with the workers' sockets goes too, whoever comes next.
func TestPruneSockets(t *testing.T) {
	takeTurn(t)
	runtime := t.TempDir()
	plant(t, runtime, control.Info{Name: "shop", Folder: "/shop", PID: math.MaxInt32, ProcStart: 1})
	for _, pid := range []int{math.MaxInt32, math.MaxInt32 - 1, os.Getpid()} {
		if err := os.Mkdir(filepath.Join(runtime, "lbdev", fmt.Sprintf("lbdev-w%d-1", pid)), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	var p pruned
	if code := runJSON(t, runtime, &p, "prune"); code != exitDone || len(p.Found) != 2 || len(p.Found[0].Files) != 3 || len(p.Removed) != 4 {
		t.Errorf("exit code %d, got %+v", code, p)
	}
	if now, want := files(t, runtime), fmt.Sprintf("lbdev-w%d-1", os.Getpid()); len(now) != 1 || now[0] != want {
		t.Errorf("files are %v, want %s", now, want)
	}
}

// TestPruneCache: a program that was built in the cache folder, because none may be run in the runtime folder, goes too.
func TestPruneCache(t *testing.T) {
	takeTurn(t)
	runtime := t.TempDir()
	folder := filepath.Join(runtime, "cache", "lbdev", fmt.Sprintf("lbdev-w%d-1", math.MaxInt32))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	var p pruned
	if code := runJSON(t, runtime, &p, "prune"); code != exitDone || len(p.Removed) != 1 || p.Removed[0] != folder {
		t.Errorf("exit code %d, got %+v", code, p)
	}
	if _, err := os.Stat(folder); !os.IsNotExist(err) {
		t.Errorf("it is there: %v", err)
	}
}

// TestPruneSuspects: who has a port of a crashed cluster and shows nothing of where it comes from is named and left alone.
func TestPruneSuspects(t *testing.T) {
	takeTurn(t)
	runtime, port := t.TempDir(), freePorts(t, 1)
	server := startServer(t, port)
	plant(t, runtime, control.Info{Name: "dim", PID: os.Getpid(), ProcStart: 1, Ports: []int{port}})
	var findings []finding
	runJSON(t, runtime, &findings, "doctor", "--port", strconv.Itoa(port))
	wantFinding(t, findings, fmt.Sprintf("port %d", port), notable, fmt.Sprintf("(pid %d), perhaps left over from dim", server.Process.Pid))
	var p pruned
	runJSON(t, runtime, &p, "prune", "-n")
	if r := p.relicNamed("dim"); r == nil || !slices.Equal(r.Suspects, []suspect{{server.Process.Pid, port}}) {
		t.Errorf("got %+v", r)
	}
	code, stdout, _ := runLbdev(t, runtime, "prune")
	if code != exitDone || !lives(server.Process.Pid) {
		t.Errorf("exit code %d, alive %v", code, lives(server.Process.Pid))
	}
	wantText(t, "prune", stdout, fmt.Sprintf("port %d: %q (pid %d) may be left over", port, filepath.Base(os.Args[0]), server.Process.Pid))
}

// TestBadRuntimeFolder: others may enter it, or it is another user's, or may not be written to.
func TestBadRuntimeFolder(t *testing.T) {
	open, foreign := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(open, "lbdev"), 0o755); err != nil {
		t.Fatal(err)
	}
	mode, why := os.FileMode(0o500), "permission denied" // for anybody but root
	if os.Geteuid() == 0 {
		mode, why = 0o700, "it belongs to another user"
	}
	err := os.Mkdir(filepath.Join(foreign, "lbdev"), mode)
	if os.Geteuid() == 0 && err == nil {
		err = os.Chown(filepath.Join(foreign, "lbdev"), 4321, -1)
	}
	if err != nil {
		t.Fatal(err)
	}
	for runtime, why := range map[string]string{open: "others may enter it", foreign: why} {
		var findings []finding
		if code := runJSON(t, runtime, &findings, "doctor"); code != exitFailed {
			t.Errorf("doctor: exit code %d", code)
		}
		if f := wantFinding(t, findings, "runtime folder", problem, filepath.Join(runtime, "lbdev")+": "); !strings.Contains(f.Text, why) || f.Hint == "" {
			t.Errorf("got %+v", f)
		}
		if mode == 0o500 && runtime == foreign {
			continue // it can be read, and there is nothing in it
		}
		wantFinding(t, findings, "clusters", notable, "not known")
		code, _, stderr := runLbdev(t, runtime, "prune")
		if code != exitFailed {
			t.Errorf("prune: exit code %d", code)
		}
		wantText(t, "stderr", stderr, "cannot use the runtime folder", why, "lbdev: hint: ")
	}
}

// TestPruneSaysWhoIsLeft: nobody can make a process that takes no signal, so this is only about what is said.
func TestPruneSaysWhoIsLeft(t *testing.T) {
	p := pruned{Left: []int{7, 9}}
	var text bytes.Buffer
	err := p.failure(nil)
	explain(&text, err)
	if exitCode(err) != exitFailed || (&pruned{}).failure(nil) != nil {
		t.Errorf("exit code %d", exitCode(err))
	}
	wantText(t, "stderr", text.String(), "lbdev: cannot end 2 processes: pid 7 9\n", "lbdev: hint: they take no signal: look at them with  ps -fp 7 9\n")
	r := relic{Processes: []remnant{{PID: 9}}}
	if !r.hasAny(p.Left) || r.hasAny(nil) {
		t.Error("whose process is left is not seen")
	}
}
