package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

const (
	// pageTime times the rounds is how long a page is looked at.
	pageTime = 10 * time.Second
	// fullTime is when all lists of the page are full.
	fullTime = 5 * time.Second
	// logEvery is how many requests there are for each line that a worker prints.
	logEvery = 10
)

// A scene is what goes on while a page is looked at.
type scene struct {
	name    string
	workers int
	lively  bool // they print, and one is killed each second; otherwise one backend answers for all, which makes more requests
	humble  bool // all but the browser stand back for it
}

var scenes = []scene{
	{"4 workers", 4, false, false},
	{"4 workers, the browser first", 4, false, true},
	{"20 workers that print and die", 20, true, false},
	{"20 workers that print and die, the browser first", 20, true, true},
}

// page measures in a browser how long the dashboard keeps its main thread at a time while the front is loaded. On few CPUs the load
// keeps the browser from running, which lengthens all that it does; so it is measured with everything else standing back too, and the
// CPU time of the thread shows what of it is the page's own doing.
func (b *bench) page() error {
	t := newTable(fmt.Sprintf("Dashboard in Chromium, %v each: how long the page's main thread is kept at a time, and what the page holds", pageTime*time.Duration(b.rounds)),
		"", "requests/s", "tasks > 50 ms", "> 100 ms", "longest", "most CPU of one", "frames > 50 ms", "longest", "heap", "later", "nodes", "later")
	for _, s := range scenes {
		v, err := b.play(s)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		t.row(s.name, thousands(int(v.perSecond)), strconv.Itoa(len(v.tasks)), strconv.Itoa(above(v.tasks, 100)), longest(v.tasks),
			millis(v.most), strconv.Itoa(len(v.frames)), longest(v.frames), megabytes(v.first.heap), megabytes(v.last.heap),
			thousands(int(v.first.nodes)), thousands(int(v.last.nodes)))
	}
	t.note(fmt.Sprintf("The page is loaded anew. Heap and nodes are what a garbage collection leaves, after %v and at the end.", fullTime))
	t.print()
	return nil
}

func above(all []float64, limit float64) (n int) {
	for _, ms := range all {
		if ms > limit {
			n++
		}
	}
	return n
}

func longest(all []float64) string {
	if len(all) == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f ms", slices.Max(all))
}

// A view is one look at the page.
type view struct {
	*bench
	scene
	cluster *cluster
	client  *http.Client
	web     *browser

	perSecond     float64
	tasks, frames []float64     // milliseconds
	most          time.Duration // CPU of the page's main thread in one task
	first, last   weight
}

// play sets the scene, loads the page and looks at it.
func (b *bench) play(s scene) (v *view, err error) {
	v = &view{bench: b, scene: s}
	var env []string
	if !s.lively {
		backend, variable, err := b.startBackend()
		if err != nil {
			return v, err
		}
		defer backend.stop()
		v.humble(backend)
		env = append(env, variable)
	}
	if v.cluster, err = b.upN(s.workers, env...); err != nil {
		return v, err
	}
	defer v.cluster.stop()
	if v.client, err = b.socketClient(); err != nil {
		return v, err
	}
	defer v.client.CloseIdleConnections()
	where, err := b.board()
	if err != nil {
		return v, err
	}
	load, err := b.startLoad(v.cluster.front, s.lively)
	if err != nil {
		return v, err
	}
	defer load.stop()
	v.humble(load)
	v.humble(v.cluster.process)
	if err := pause(b.ctx, time.Second); err != nil { // there is a past that the page has to show at once
		return v, err
	}
	if v.web, err = openBrowser(b.ctx, where.address+"/?token="+where.token); err != nil {
		return v, err
	}
	defer v.web.close()
	return v, v.look()
}

// humble has a process and its descendants stand back, where the scene wants that.
func (v *view) humble(p *process) {
	if v.scene.humble {
		p.standBack()
	}
}

func (v *view) look() error {
	if err := v.web.until(10*time.Second, "document.body.dataset.connection === 'live'"); err != nil {
		return err
	}
	before, err := v.total()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := v.spend(fullTime); err != nil {
		return err
	}
	if v.first, err = v.web.weigh(); err != nil {
		return err
	}
	if err := v.spend(pageTime*time.Duration(v.rounds) - fullTime); err != nil {
		return err
	}
	after, err := v.total()
	if err != nil {
		return err
	}
	v.perSecond = float64(after-before) / time.Since(began).Seconds()
	if v.tasks, v.frames, err = v.web.busy(); err != nil {
		return err
	}
	if v.most, err = v.web.mostCPU(); err != nil {
		return err
	}
	v.last, err = v.web.weigh()
	return err
}

// spend lets time go by, in which workers are killed if the scene is lively.
func (v *view) spend(d time.Duration) error {
	for second := range int(d.Seconds()) {
		if v.lively {
			v.humble(v.cluster.process) // those who have come back too
			if err := request(v.client, http.MethodPost, fmt.Sprintf("/v1/workers/%d/kill", second%v.workers+1)); err != nil {
				return err
			}
		}
		if err := pause(v.ctx, time.Second); err != nil {
			return err
		}
	}
	return nil
}

// total is how many requests lbdev has counted.
func (v *view) total() (n int64, err error) {
	resp, err := v.client.Get("http://lbdev/v1/cluster")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var s struct{ Requests struct{ Total int64 } }
	err = json.NewDecoder(resp.Body).Decode(&s)
	return s.Requests.Total, err
}

// startLoad starts wrk, which goes on until it is stopped. With lines some of its requests have their worker print one.
func (b *bench) startLoad(port int, lines bool) (*process, error) {
	argv := []string{"wrk", "-t1", "-c" + strconv.Itoa(tiny.clients), "-d1h"}
	if lines {
		script := filepath.Join(b.dir, "lines.lua")
		text := fmt.Sprintf(`local n, plain, prints = 0
function init() -- wrk.init, which calls it, has set Host
  plain, prints = wrk.format("GET", "/"), wrk.format("GET", "/write?lines=1")
end
function request()
  n = n + 1
  return n %% %d == 0 and prints or plain
end
`, logEvery)
		if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
			return nil, fmt.Errorf("cannot tell wrk what to ask for: %w", err)
		}
		argv = append(argv, "-s", script)
	}
	return launch(nil, nil, append(argv, "http://"+address(port)+"/")...)
}

// standBack has a process and all that descend from it run only when nobody else wants to. A priority is a thread's, and on a system
// that groups sessions (sched(7), autogroup) it holds only within one, so the group has one too.
func (p *process) standBack() {
	for _, pid := range p.family() {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/[0-9]*", pid)) // fails on a bad pattern only
		for _, t := range threads {
			thread, _ := strconv.Atoi(filepath.Base(t))
			syscall.Setpriority(syscall.PRIO_PROCESS, thread, 19) // it may have ended since
		}
		os.WriteFile(fmt.Sprintf("/proc/%d/autogroup", pid), []byte("19"), 0o644) // there may be none
	}
}
