package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if runChild(os.Args[1:]) {
		return
	}
	os.Exit(m.Run())
}

func testBench(t *testing.T) *bench {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return &bench{ctx: ctx, dir: t.TempDir(), self: self, rounds: 1, lines: 20_000}
}

func TestLogsThroughCat(t *testing.T) {
	b := testBench(t)
	for _, block := range []bool{false, true} {
		r, err := b.logsThroughCat(block)
		if err != nil {
			t.Fatal(err)
		}
		if r.lost != 0 || r.faults != 0 || r.took <= 0 {
			t.Errorf("block %v: %+v, want all lines in order", block, r)
		}
	}
}

func TestStartAloneLeavesNothing(t *testing.T) {
	b := testBench(t)
	base, err := freeBlock(workers)
	if err != nil {
		t.Fatal(err)
	}
	started, err := b.startWorkers(base, nil)
	stopAll(started)
	for _, p := range started {
		if p.cmd.ProcessState == nil || exeOf(p.pid()) != "" {
			t.Errorf("process %d is still there", p.pid())
		}
	}
	if err != nil || len(started) != workers {
		t.Errorf("%d workers started: %v", len(started), err)
	}
	if !blockIsFree(base, workers) {
		t.Errorf("ports from %d are not free", base)
	}
}

// TestProcessFigures loads a worker and looks for it in /proc.
func TestProcessFigures(t *testing.T) {
	b := testBench(t)
	base, err := freeBlock(workers)
	if err != nil {
		t.Fatal(err)
	}
	started, err := b.startWorkers(base, nil)
	defer stopAll(started)
	if err != nil {
		t.Fatal(err)
	}
	p := started[0]
	if own := p.own(); len(own) != 1 || own[0] != p.pid() {
		t.Errorf("own processes %v, want %d", own, p.pid())
	}
	if rss, peak := p.memory("status", "VmRSS"), p.memory("status", "VmHWM"); rss < 1<<20 || peak < rss {
		t.Errorf("memory %d, peak %d", rss, peak)
	}
	worked := func() bool { get(b.ctx, base, "/write?lines=20000"); return p.cpu() > 0 }
	if err := p.until(b.ctx, 30*time.Second, "waiting for CPU time", worked); err != nil {
		t.Error(err)
	}
}

func TestUntilReportsAnEnd(t *testing.T) {
	p, err := launch(nil, nil, "/bin/sh", "-c", "echo cannot serve >&2; exit 3")
	if err != nil {
		t.Fatal(err)
	}
	err = p.until(t.Context(), 30*time.Second, "waiting", func() bool { return false })
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "cannot serve") {
		t.Errorf("got %v", err)
	}
	p.stop() // after its end: returns at once
}

func TestLineCheck(t *testing.T) {
	line := func(prefix string, w, i int) string {
		text := linePrefix(fmt.Sprint(w), i)
		return prefix + text + strings.Repeat("=", lineSize-1-len(text)) + "\n"
	}
	tests := []struct {
		name, text    string
		total, faults int
	}{
		{"in order", line("8001 | ", 1, 0) + line("8002 | ", 2, 0) + line("8001 | ", 1, 1), 3, 0},
		{"others between", "hello\n" + line("", 4, 0) + "4 of 4 ready in 1 s\n", 1, 0},
		{"one missing", line("", 1, 0) + line("", 1, 2), 2, 1},
		{"swapped", line("", 1, 1) + line("", 1, 0), 2, 2},
		{"cut", line("", 1, 0)[:30] + "\n", 0, 1},
		{"unknown worker", line("", 5, 0), 0, 1},
	}
	for _, tt := range tests {
		for _, size := range []int{1, 7, 4096} { // pieces as a pipe may give them
			c := newLineCheck(workers)
			for rest := []byte(tt.text); len(rest) > 0; rest = rest[min(size, len(rest)):] {
				c.Write(rest[:min(size, len(rest))])
			}
			total, faults, _ := c.state()
			if total != tt.total || faults != tt.faults || c.allReady() != strings.Contains(tt.text, "ready") {
				t.Errorf("%s, %d bytes at a time: %d lines, %d faults, ready %v", tt.name, size, total, faults, c.allReady())
			}
		}
	}
}

func TestParseParent(t *testing.T) {
	text := "4101 (a) b (c) S 77 4101 4101 0 -1 4194304 1 2 3 4 150 25 0 0 20 0 9 0 1 1 1"
	if parent, err := parseParent(text); err != nil || parent != 77 {
		t.Errorf("%d %v", parent, err)
	}
	if _, err := parseParent("1 (x) S"); err == nil {
		t.Error("a short line was accepted")
	}
}

func TestStatusBytes(t *testing.T) {
	status := "Name:\tx\nVmHWM:\t   31000 kB\nVmRSS:\t   30000 kB\n"
	if n := statusBytes(status, "VmHWM"); n != 31000<<10 {
		t.Errorf("got %d", n)
	}
	if n := statusBytes(status, "VmSwap"); n != 0 {
		t.Errorf("got %d for a field that is not there", n)
	}
}

const wrkReport = `Running 3s test @ http://127.0.0.1:8080/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     2.04ms    1.10ms  20.01ms   85.00%
    Req/Sec    31.71k     2.18k   34.15k    80.00%
  Latency Distribution
     50%  902.00us
     75%    2.50ms
     90%    3.20ms
     99%    6.00ms
  94698 requests in 3.00s, 11.20MB read
`

func TestParseWrk(t *testing.T) {
	r, n, err := parseWrk(wrkReport + "Requests/sec:  31550.12\nTransfer/sec:      3.73MB\n")
	if err != nil || n != 94698 || r.perSecond != 31550.12 || r.p50 != 902*time.Microsecond || r.p99 != 6*time.Millisecond || r.errors != 0 {
		t.Errorf("%+v %d %v", r, n, err)
	}
	bad := "  Socket errors: connect 1, read 2, write 3, timeout 4\n  Non-2xx or 3xx responses: 50\nRequests/sec:  1.0\n"
	if r, _, err = parseWrk(wrkReport + bad); err != nil || r.errors != 60 {
		t.Errorf("%+v %v, want 60 errors", r, err)
	}
	if _, _, err = parseWrk("unable to connect"); err == nil {
		t.Error("a report without figures was accepted")
	}
}

func TestTable(t *testing.T) {
	tab := newTable("Title", "", "µs", "x")
	tab.row("a", "1.0", "10")
	tab.row("bcd", "22.0", "–")
	tab.note("note")
	want := "\nTitle\n          µs    x\n  a      1.0   10\n  bcd   22.0    –\n  note\n"
	if got := tab.String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestFigures(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", -100: "-100"} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%d) = %q, want %q", n, got, want)
		}
	}
	same := func(n int) int { return n }
	if m := median([]int{5, 1, 3}, same); m != 3 {
		t.Errorf("median %d, want 3", m)
	}
	if r := ratio(3*time.Second, 2*time.Second); r != "1.50" {
		t.Errorf("ratio %s", r)
	}
}

func TestReadHead(t *testing.T) {
	tests := []struct {
		text, target string
		last, bad    bool
	}{
		{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "/", false, false},
		{"GET /?ms=20 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "/?ms=20", true, false},
		{"GET / HTTP/1.0\r\nHost: app\r\n\r\n", "/", true, false}, // nginx without keep-alive
		{"GET /\r\n\r\n", "", false, true},
		{"GET / HTTP/1.1\r\nHost: a\r\n", "", false, true},
	}
	for _, tt := range tests {
		target, last, err := readHead(bufio.NewReader(strings.NewReader(tt.text)))
		if target != tt.target || last != tt.last || (err != nil) != tt.bad {
			t.Errorf("%q: %q, last %v, %v", tt.text, target, last, err)
		}
	}
}

func TestBackendServesAllPorts(t *testing.T) {
	b := testBench(t)
	backend, env, err := b.startBackend()
	if err != nil {
		t.Fatal(err)
	}
	defer backend.stop()
	base, err := freeBlock(workers)
	if err != nil {
		t.Fatal(err)
	}
	started, err := b.startWorkers(base, nil, env)
	defer stopAll(started)
	if err != nil {
		t.Fatal(err)
	}
	for i := range workers {
		if pid, err := get(b.ctx, base+i, "/pid"); err != nil || pid != fmt.Sprint(backend.pid()) {
			t.Errorf("port %d is served by pid %s, want the backend's %d: %v", base+i, pid, backend.pid(), err)
		}
	}
}
