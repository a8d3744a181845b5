package main

import (
	"strings"
	"testing"
	"time"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/procs"
	"github.com/lbdev/lbdev/proxy"
	"github.com/lbdev/lbdev/proxy/fault"
)

func plainPrinter() *textPrinter {
	return newTextPrinter(look{signs: unicodeSigns}, nil)
}

func TestRequestLine(t *testing.T) {
	const ms = time.Millisecond
	tests := []struct {
		name string
		a    proxy.Access
		want string
	}{
		{"plain", proxy.Access{
			Method: "GET", Path: "/cart", Status: 200, Total: 15 * ms, Outcome: proxy.OK,
			Attempts: []proxy.Attempt{{Port: 8001, Result: "200"}},
		}, "GET  /cart          200    15 ms → 8001"},
		{"rescued", proxy.Access{
			Method: "GET", Path: "/", Status: 200, Total: 14 * ms, Outcome: proxy.Rescued,
			Attempts: []proxy.Attempt{{Port: 8002, Result: "refused"}, {Port: 8003, Result: "200"}},
		}, "GET  /              200    14 ms → 8002 ✗ refused → 8003"},
		{"failed", proxy.Access{
			Method: "POST", Path: "/pay", Status: 502, Total: 9 * ms, Outcome: proxy.Failed, Reason: "worker 8001 died while it ran the request; not sent again: POST could run twice",
			Attempts: []proxy.Attempt{{Port: 8001, Result: "reset"}},
		}, "POST /pay           502     9 ms → 8001 ✗ died while it ran the request; not sent again: POST could run twice"},
		{"late by a fault", proxy.Access{
			Method: "GET", Path: "/", Status: 200, Total: 480 * ms, Outcome: proxy.OK,
			Attempts: []proxy.Attempt{{Port: 8001, Result: "200", Fault: fault.KindLatency}},
		}, "GET  /              200   480 ms → 8001 ~ latency"},
		{"rescued from a fault", proxy.Access{
			Method: "GET", Path: "/", Status: 200, Total: 2 * ms, Outcome: proxy.Rescued,
			Attempts: []proxy.Attempt{{Port: 8001, Result: "reset", Fault: fault.KindReset}, {Port: 8002, Result: "200"}},
		}, "GET  /              200     2 ms → 8001 ~ reset ✗ reset → 8002"},
		{"held", proxy.Access{
			Method: "GET", Path: "/", Status: 200, Total: 900 * ms, Held: 850 * ms, Outcome: proxy.OK,
			Attempts: []proxy.Attempt{{Port: 8000, Result: "200"}},
		}, "GET  /              200    0.9 s → 8000 · held 0.8 s"},
		{"hostile", proxy.Access{
			Method: "GET", Path: "/\x1b[2J\u202e", Status: 404, Total: ms, Outcome: proxy.OK,
			Attempts: []proxy.Attempt{{Port: 8000, Result: "404"}},
		}, "GET  /?[2J?         404     1 ms → 8000"},
		{"refused", proxy.Access{
			Method: "GET", Path: "/a", Status: 400, Total: 0, Outcome: proxy.OK, Reason: "a line ends with LF alone",
		}, "GET  /a             400    <1 ms · a line ends with LF alone"},
	}
	for _, tc := range tests {
		if got := strings.TrimSuffix(string(plainPrinter().request(nil, &tc.a)), "\n"); got != tc.want {
			t.Errorf("%s:\n got %q\nwant %q", tc.name, got, tc.want)
		}
	}
}

func TestLogLine(t *testing.T) {
	line := cluster.LogLine{Line: procs.Line{Text: "\x1b[31mred\x1b[0m and plain"}, Worker: 2, Port: 8001}
	if got := string(plainPrinter().logs(nil, []cluster.LogLine{line})); got != "8001 │ red and plain\n" {
		t.Errorf("without colour: %q", got)
	}
	coloured := newTextPrinter(look{signs: asciiSigns, colour: true}, nil)
	want := "\x1b[38;5;166m8001 |\x1b[0;25;0m \x1b[31mred\x1b[0m and plain\n" // fatih/color resets each of the three numbers by itself
	if got := string(coloured.logs(nil, []cluster.LogLine{line})); got != want {
		t.Errorf("with colour: %q", got)
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "<1 ms", 12 * time.Millisecond: "12 ms", 499 * time.Millisecond: "499 ms", 800 * time.Millisecond: "0.8 s",
		9900 * time.Millisecond: "9.9 s", 41 * time.Second: "41 s", 3 * time.Minute: "3 m", 5 * time.Hour: "5 h",
	} {
		if got := short(d); got != want {
			t.Errorf("short(%v) is %q, want %q", d, got, want)
		}
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 999: "999", 1204: "1,204", 1000000: "1,000,000"} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%d) is %q", n, got)
		}
	}
}

func TestFitKeepsALineOnTheTerminal(t *testing.T) {
	printer := plainPrinter()
	printer.width = 80
	a := proxy.Access{
		Method: "GET", Path: "/" + strings.Repeat("long/", 50), Status: 200, Total: time.Second, Outcome: proxy.OK,
		Attempts: []proxy.Attempt{{Port: 8001, Result: "200"}},
	}
	line := string(printer.request(nil, &a))
	if n := len([]rune(line)); n > 80 || !strings.Contains(line, "…") || !strings.Contains(line, "→ 8001") {
		t.Errorf("%d columns: %q", n, line)
	}
}

func TestRequestsShowFewAndCountAll(t *testing.T) {
	q := newRequests(true)
	const n = 500
	for range n {
		q.add(&proxy.Access{Port: 8000, Outcome: proxy.OK})
	}
	for range 2 * showTroubles {
		q.add(&proxy.Access{Port: 8001, Outcome: proxy.Rescued})
	}
	shown, lost := q.take()
	if len(shown) != showPerSecond+showTroubles || lost != 0 {
		t.Errorf("%d shown, %d lost; want %d and 0", len(shown), lost, showPerSecond+showTroubles)
	}
	past, busy := q.tick(time.Now())
	if !busy || past.count != n+2*showTroubles || past.byPort[8000] != n {
		t.Errorf("the second has %d requests, %v, busy %v", past.count, past.byPort, busy)
	}
	q.add(&proxy.Access{Port: 8000, Outcome: proxy.OK})
	if shown, _ := q.take(); len(shown) != 0 {
		t.Error("a request was shown right after a busy second")
	}
	q.tick(time.Now())
	q.add(&proxy.Access{Port: 8000, Outcome: proxy.OK})
	if shown, _ := q.take(); len(shown) != 1 {
		t.Error("a request after a quiet second was not shown")
	}
}
