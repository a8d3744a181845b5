//go:build linux

package clients

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/lbdev/lbdev/cluster"
)

// programs are the balancers that Debian has.
var programs = map[string]losses{
	"nginx":   {},
	"haproxy": {},
	"apache":  {kill: trafficClients},  // it sends a request that was under way to nobody else
	"caddy":   {scale: trafficClients}, // its new sockets take over by SO_REUSEPORT: the kernel resets what the old ones had not accepted yet
}

// losses are how many GETs a program may lose where lbdev's own front loses none.
type losses struct {
	kill  int // of one worker
	scale int // from four workers to six, and to three
}

// trafficClients is how many requests steady traffic has under way at most.
const trafficClients = 4

// TestFrontsWithDjango runs the real programs as the front of four copies of a Django project.
func TestFrontsWithDjango(t *testing.T) {
	for name, may := range programs {
		t.Run(name, func(t *testing.T) {
			f := upDjango(t, name)
			f.wantProgram(name)
			f.wantTurns(4, 3)
			f.wantRecords(12)
			f.wantSurvival(may.kill)
			f.wantScale(may.scale)
			f.wantDrain()
			f.wantProgramBack()
			f.wantNothingLeft(func() { f.cmd.Process.Signal(os.Interrupt); <-f.exited }, true)
		})
	}
}

// TestFrontsWhenLbdevIsKilled has nobody left to end the program but the guardians.
func TestFrontsWhenLbdevIsKilled(t *testing.T) {
	for name := range programs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			flags := []string{"-n", "2", "--front", name, "--dashboard", "off"}
			f := up(t, flags, app("web"))
			f.wantTurns(2, 2)
			f.wantNothingLeft(func() { f.cmd.Process.Kill(); <-f.exited }, false)
			before := f.folders()
			f.again(flags, app("web")) // clears up, and finds its ports free
			f.wantTurns(2, 1)
			if now := f.folders(); len(before) != 1 || len(now) != 1 || before[0] == now[0] {
				t.Errorf("folders of runs: %v, after another start %v", before, now)
			}
		})
	}
}

func upDjango(t *testing.T, program string) *front {
	t.Helper()
	project := t.TempDir()
	if err := os.CopyFS(project, os.DirFS("../testdata/apps/django")); err != nil {
		t.Fatal(err)
	}
	run(t, project, python, "manage.py", "migrate", "--verbosity", "0")
	flags := []string{"-n", "4", "--front", program, "--dashboard", "off", "--stop-timeout", "5s", "-e", "PYTHONDONTWRITEBYTECODE=1", "-e", "DJANGO_SETTINGS_MODULE=shop.settings"}
	return up(t, flags, []string{python, filepath.Join(project, "manage.py"), "runserver", "{port}", "--noreload"})
}

// get asks for a page that says who serves it, over a connection of its own, and returns the port by the page and by the header.
func (f *front) get() (status, said, port int, err error) {
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	status, text, port, err := answer(c.Get(f.url + "/port"))
	said, _ = strconv.Atoi(strings.TrimSpace(text))
	return status, said, port, err
}

// wantProgram: ps says who the front is.
func (f *front) wantProgram(name string) {
	f.Helper()
	if p := f.ps().Program; p == nil || p.Name != name || p.Version == "" || p.PID == 0 || p.State != cluster.FrontReady {
		f.Fatalf("front_program: %+v", p)
	}
	if text := f.lbdev("ps"); !strings.Contains(text, name) {
		f.Errorf("ps does not name %s:\n%s", name, text)
	}
}

// wantTurns: each of n workers answers so often.
func (f *front) wantTurns(n, rounds int) {
	f.Helper()
	var ports []int
	for range n * rounds {
		status, said, port, err := f.get()
		if status != 200 || err != nil || said != port && said != 0 {
			f.Fatalf("%d, %v: the page says %d, the header %d", status, err, said, port)
		}
		ports = append(ports, port)
	}
	for i := range n {
		if got := count(ports, f.base+i); got != rounds {
			f.Errorf("%d answered %d of %d: %v", f.base+i, got, len(ports), ports)
		}
	}
	for i := n; i < len(ports); i++ {
		if ports[i] != ports[i-n] {
			f.Errorf("not in turn: %v", ports)
			break
		}
	}
}

func count(ports []int, port int) (n int) {
	for _, p := range ports {
		if p == port {
			n++
		}
	}
	return n
}

// wantRecords: each of the last n requests is there with the port that answered, in what requests says and in what ps counts.
func (f *front) wantRecords(n int) {
	f.Helper()
	type request struct {
		Path    string  `json:"path"`
		Port    int     `json:"port"`
		Status  int     `json:"status"`
		Outcome string  `json:"outcome"`
		Total   float64 `json:"total_ms"`
	}
	var all []request
	eventually(f.T, fmt.Sprintf("%d records", n), func() bool {
		all = nil
		for line := range strings.SplitSeq(strings.TrimSpace(f.lbdev("requests", "--json", "-n", "1000")), "\n") {
			var r request
			if json.Unmarshal([]byte(line), &r) == nil {
				all = append(all, r)
			}
		}
		return len(all) == n
	})
	var ports []int
	for _, r := range all {
		if r.Path != "/port" || r.Status != 200 || r.Outcome != "ok" || r.Total <= 0 && f.ps().Program.Name != "haproxy" {
			f.Errorf("record: %+v", r)
		}
		ports = append(ports, r.Port)
	}
	for i := range 4 {
		if got := count(ports, f.base+i); got != n/4 {
			f.Errorf("records name %d %d times: %v", f.base+i, got, ports)
		}
	}
	for _, w := range f.ps().Workers {
		if w.Requests != uint64(n/4) || w.Failures != 0 {
			f.Errorf("ps: %+v", w)
		}
	}
	lines := func() int { return strings.Count(f.stdout.String(), `"event":"request"`) }
	if eventually(f.T, "the request lines of up --json", func() bool { return lines() >= n }); lines() > n {
		f.Errorf("%d request lines in up --json, want %d", lines(), n)
	}
}

// traffic is steady: some clients that ask again and again. stop returns how many asked in vain, and how many got the beginning of an answer.
func (f *front) traffic() (asked func() int, stop func() (lost, cut int, first string)) {
	var group sync.WaitGroup
	var over atomic.Bool
	var n, lost, cut atomic.Int64
	var first atomic.Pointer[string]
	for i := range trafficClients {
		group.Go(func() {
			c := &http.Client{Transport: &http.Transport{DisableKeepAlives: i%2 == 0}, Timeout: patience}
			defer c.CloseIdleConnections()
			for !over.Load() {
				status, text, port, err := answer(c.Get(f.url + "/port"))
				n.Add(1)
				if status != 200 || err != nil || port == 0 {
					if status == 200 && err != nil {
						cut.Add(1)
					} else {
						lost.Add(1)
					}
					what := fmt.Sprintf("%d %v %.200q", status, err, text)
					first.CompareAndSwap(nil, &what)
				}
				time.Sleep(5 * time.Millisecond)
			}
		})
	}
	return func() int { return int(n.Load()) }, func() (int, int, string) {
		over.Store(true)
		group.Wait()
		if first.Load() == nil {
			return 0, 0, ""
		}
		return int(lost.Load()), int(cut.Load()), *first.Load()
	}
}

// wantSurvival: a killed worker takes no more with it than the program promises, comes back, and gets requests again. What it had begun to
// answer nobody can finish.
func (f *front) wantSurvival(mayLose int) {
	f.Helper()
	earlier := f.ps().Requests.Total
	asked, stop := f.traffic()
	eventually(f.T, "traffic", func() bool { return asked() > 20 })
	f.lbdev("kill", "2")
	before := asked()
	eventually(f.T, "worker 2 to be back", func() bool { w := f.ps().Workers[1]; return w.Incarnation == 2 && w.State == cluster.Ready })
	served := f.ps().Workers[1].Requests
	eventually(f.T, "worker 2 to be asked again", func() bool { return f.ps().Workers[1].Requests > served+2 })
	lost, cut, first := stop()
	eventually(f.T, "the last record", func() bool { return f.ps().Requests.Total >= earlier+uint64(asked()) })
	s := f.ps().Requests
	f.Logf("kill: %d lost and %d cut of %d; ps says %+v", lost, cut, asked(), s)
	if s.Failed+s.Cut < uint64(lost+cut) { // more, if Apache had a client try again by itself: it closes a kept connection without an answer
		f.Errorf("%d requests lost and %d cut, and ps says %+v", lost, cut, s)
	}
	if asked() < before+10 {
		f.Errorf("traffic stood still: %d requests in all", asked())
	}
	if lost > mayLose || cut > trafficClients {
		f.Errorf("%d requests lost and %d cut, want %d and %d at most; the first: %s", lost, cut, mayLose, trafficClients, first)
	}
}

// wantScale: from four to six to three workers, with no more lost requests than the program promises.
func (f *front) wantScale(mayLose int) {
	f.Helper()
	asked, stop := f.traffic()
	eventually(f.T, "traffic", func() bool { return asked() > 10 })
	f.lbdev("scale", "6")
	eventually(f.T, "worker 6 to be asked", func() bool { s := f.ps(); return len(s.Workers) == 6 && s.Workers[5].Requests > 0 })
	f.lbdev("scale", "3")
	n := asked()
	eventually(f.T, "more traffic", func() bool { return asked() > n+20 })
	if lost, cut, first := stop(); lost+cut > mayLose {
		f.Errorf("%d of %d requests lost and %d cut while the number of workers changed; the first: %s", lost, asked(), cut, first)
	}
	f.settled()
	f.wantTurns(3, 2)
}

// settled waits until the program knows of all that was asked for.
func (f *front) settled() {
	f.Helper()
	eventually(f.T, "the front to be ready", func() bool { return f.ps().Program.State == cluster.FrontReady })
}

// wantDrain: a drained worker gets nothing, and its turn again when it is let in.
func (f *front) wantDrain() {
	f.Helper()
	f.lbdev("drain", "2")
	f.settled()
	for range 6 {
		if status, _, port, err := f.get(); status != 200 || err != nil || port == f.base+1 {
			f.Errorf("while it was drained: %d, %v, by %d", status, err, port)
		}
	}
	f.lbdev("undrain", "2")
	f.settled()
	f.wantTurns(3, 2)
}

// wantProgramBack: a program that is killed is started again.
func (f *front) wantProgramBack() {
	f.Helper()
	pid := f.ps().Program.PID
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		f.Fatal(err)
	}
	eventually(f.T, "another process", func() bool {
		p := f.ps().Program
		return p.PID != pid && p.State == cluster.FrontReady && p.Restarts == 1
	})
	f.wantTurns(3, 1)
	if !strings.Contains(f.lbdev("events", "--no-follow"), "killed by SIGKILL") {
		f.Error("no event tells of it")
	}
}

// wantNothingLeft: when lbdev has ended no process of its own is left, no port taken, and after an orderly end no folder.
func (f *front) wantNothingLeft(end func(), orderly bool) {
	f.Helper()
	pids := descendants(f.cmd.Process.Pid)
	if len(pids) < 4 {
		f.Errorf("only %v run", pids)
	}
	end()
	eventually(f.T, "all processes to be gone", func() bool {
		return !slices.ContainsFunc(pids, isAlive)
	})
	for _, address := range []string{f.host, fmt.Sprintf("127.0.0.1:%d", f.base)} {
		if l, err := net.Listen("tcp", address); err != nil {
			f.Errorf("not free: %v", err)
		} else {
			l.Close()
		}
	}
	if left := f.folders(); orderly && len(left) > 0 {
		f.Errorf("left behind: %v", left)
	}
}

// folders are those of single runs.
func (f *front) folders() []string {
	left, _ := filepath.Glob(filepath.Join(f.dir, "lbdev", "lbdev-w*"))
	return left
}

// descendants are all processes below one.
func descendants(pid int) []int {
	children := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		data, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(data), ") ")
		if fields := strings.Fields(rest); len(fields) > 1 {
			child, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			parent, _ := strconv.Atoi(fields[1])
			children[parent] = append(children[parent], child)
		}
	}
	var all []int
	for todo := children[pid]; len(todo) > 0; todo = todo[1:] {
		all = append(all, todo[0])
		todo = append(todo, children[todo[0]]...)
	}
	return all
}

// isAlive says whether a process has a thread that lives: its first one is called a zombie while others still have its sockets.
func isAlive(pid int) bool {
	stats, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	return slices.ContainsFunc(stats, func(name string) bool {
		data, err := os.ReadFile(name)
		return err == nil && !strings.Contains(string(data), ") Z ") && !strings.Contains(string(data), ") X ")
	})
}

// TestFrontTaken: the program's port is another's, which is exit code 4 as it is with lbdev's own front.
func TestFrontTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cmd := exec.Command(program, "up", "--front", "nginx", "--sample", "--listen", l.Addr().String(), "--base-port", strconv.Itoa(freePorts(t, 4)))
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+cmd.Dir)
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != 4 || !strings.Contains(string(out), "is in use by") || !strings.Contains(string(out), "lbdev up --listen 9080") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}
