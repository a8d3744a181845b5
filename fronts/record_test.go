//go:build unix

package fronts

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lbdev/lbdev/proxy"
	"github.com/lbdev/lbdev/templates/export"
)

// testRoom is a program's room in which three workers are known, the last one by its socket.
func testRoom(k *kind) *room {
	r := &room{program: &Program{Name: k.name, Title: k.title, kind: k}}
	r.serve(export.Cluster{Workers: []export.Worker{{Number: 1, Port: 8000}, {Number: 2, Port: 8001}, {Number: 3, Port: 8002}, {Number: 4, Port: 8003, Socket: "/run/w/8003"}}})
	return r
}

// brief is what counts of a record.
func brief(a *proxy.Access) string {
	var tries []string
	for _, at := range a.Attempts {
		tries = append(tries, fmt.Sprintf("%d %s", at.Port, at.Result))
	}
	return fmt.Sprintf("%s %s %d %d %s [%s]", a.Method, a.Path, a.Status, a.Port, a.Outcome, strings.Join(tries, ", "))
}

// TestRecords reads what each program wrote for the same requests: a page, a POST, an error of the app's, a client that went away, a worker
// that died while it answered, three more of which one met the dead worker, a POST and a GET with which the others died.
func TestRecords(t *testing.T) {
	want := map[string][]string{
		"nginx": {
			"GET /slow 0 0 canceled [8000 canceled]",
			"GET /cut 200 8001 cut [8001 closed]",
			"GET /again 200 8002 ok [8002 200]", "GET /again 200 8000 ok [8000 200]",
			"GET /again 200 8002 rescued [8001 refused, 8002 200]",
			"POST /die 502 0 failed [8002 closed]",
			"GET /die 502 0 failed [8000 closed]",
		},
		"haproxy": {
			"GET /slow 200 8000 ok [8000 200]", // HAProxy lets a request go on whose client has closed its side
			"GET /cut 200 8001 cut [8001 closed]",
			"GET /again 200 8002 ok [8002 200]", "GET /again 200 8000 ok [8000 200]",
			"GET /again 200 8002 rescued [8002 200]",
			"POST /die 502 0 failed [8000 closed]",
			"GET /die 503 0 failed []",
		},
		"apache": {
			"GET /slow 200 8000 canceled [8000 200]",
			"GET /cut 200 8001 cut [8001 closed]",
			"GET /again 200 8002 ok [8002 200]", "GET /again 200 8000 ok [8000 200]",
			"GET /again 200 8002 rescued [8001 refused, 8002 200]",
			"POST /die 502 0 failed [8002 closed]",
			"GET /die 502 0 failed [8000 closed]",
		},
		"caddy": {
			"GET /slow 0 0 canceled [8001 canceled]",
			"GET /cut 200 8002 cut [8002 closed]",
			"GET /again 200 8000 ok [8000 200]", "GET /again 200 8001 ok [8001 200]",
			"GET /again 200 8000 rescued [8002 refused, 8000 200]",
			"POST /die 502 0 failed [8001 closed]",
			"GET /die 502 0 failed [8000 reset, 8002 refused, 8001 refused, 8000 refused]",
		},
	}
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			got := records(t, k)
			turn := []string{"8000", "8001", "8002"}
			if k == caddy { // which begins with the second
				turn = []string{"8001", "8002", "8000"}
			}
			usual := []string{
				"GET /shop?q=%22a%20b 200 " + turn[0] + " ok [" + turn[0] + " 200]", "POST /pay 200 " + turn[1] + " ok [" + turn[1] + " 200]",
				"GET /500 500 " + turn[2] + " ok [" + turn[2] + " 500]",
			}
			all := append(usual, want[k.name]...)
			for i, a := range got {
				if i < len(all) && brief(a) != all[i] {
					t.Errorf("record %d:\n got %s\nwant %s", i+1, brief(a), all[i])
				}
				if a.Proto != "HTTP/1.1" || a.Client != "127.0.0.1" || a.Start.IsZero() || a.Outcome != proxy.OK && a.Outcome != proxy.Rescued && a.Reason == "" {
					t.Errorf("record %d lacks something: %+v", i+1, a)
				}
			}
			if len(got) != len(all) {
				t.Fatalf("%d records, want %d", len(got), len(all))
			}
			first, slow := got[0], got[3]
			if first.UserAgent != `Mozilla "5.0" \x` || first.Referer != "http://ref/" || first.Host != "127.0.0.1:8085" || first.Bytes < 5 {
				t.Errorf("of the client: %+v", first)
			}
			if slow.Total < 300*time.Millisecond || slow.Total > 1100*time.Millisecond {
				t.Errorf("/slow took %v", slow.Total)
			}
		})
	}
}

func records(t *testing.T, k *kind) (all []*proxy.Access) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + k.name + ".log")
	if err != nil {
		t.Fatal(err)
	}
	reader := k.reader(testRoom(k))
	for line := range strings.SplitSeq(strings.TrimSpace(string(data)), "\n") {
		if a, _ := reader.read(line); a != nil {
			all = append(all, a)
		}
	}
	return all
}

// TestCaddyKnowsWhoIsBusy counts by the log alone who has requests.
func TestCaddyKnowsWhoIsBusy(t *testing.T) {
	data, err := os.ReadFile("testdata/caddy.log")
	if err != nil {
		t.Fatal(err)
	}
	r := caddy.reader(testRoom(caddy)).(*caddyReader)
	busy := 0
	for line := range strings.SplitSeq(string(data), "\n") {
		r.read(line)
		if r.busy([]int{8000, 8001, 8002}) {
			busy++
		}
	}
	if busy < 15 || r.busy([]int{8000, 8001, 8002}) {
		t.Errorf("busy after %d lines, at the end %v", busy, r.inFlight)
	}
}

func TestPortAt(t *testing.T) {
	workers := testRoom(nginx).workers()
	for address, want := range map[string]int{
		"127.0.0.1:8001": 8001, "[::1]:8001": 8001, "http://127.0.0.1:8002": 8002, "unix:/run/w/8003": 8003, "unix:/run/w/8003:": 8003,
		"unix:/run/w/8003|http://localhost": 8003, "unix//run/w/8003": 8003, "127.0.0.1:8003": 8003, "127.0.0.1:9999": 0, "shop": 0, "": 0, "-": 0,
	} {
		if got := portAt(workers, address); got != want {
			t.Errorf("%q: %d, want %d", address, got, want)
		}
	}
}

// TestOmens: what the programs say of themselves.
func TestOmens(t *testing.T) {
	tests := []struct {
		kind *kind
		line string
		want omen
	}{
		{nginx, "2026/11/25 14:06:29 [notice] 12#12: start worker process 13", omen{ready: true}},
		{nginx, "2026/11/25 14:06:29 [notice] 13#13: gracefully shutting down", omen{left: 13}},
		{nginx, "2026/11/25 14:06:29 [notice] 12#12: signal 17 (SIGCHLD) received from 13", omen{}},
		{nginx, "2026/11/25 14:06:29 [error] 13#13: *4 connect() failed (111: Connection refused) while connecting to upstream", omen{show: "error: connect() failed (111: Connection refused) while connecting to upstream"}},
		{nginx, "nginx: [emerg] bind() failed", omen{show: "nginx: [emerg] bind() failed"}},
		{haproxy, "[NOTICE]   (19861) : Loading success.", omen{ready: true}},
		{haproxy, "[WARNING]  (19864) : Proxy f stopped (cumulated conns: FE: 13, BE: 0).", omen{left: 19864}},
		{haproxy, "[WARNING]  (19861) : Former worker (19864) exited with code 0 (Exit)", omen{}},
		{haproxy, "[ALERT]    (19861) : Binding: cannot bind socket", omen{show: "alert: Binding: cannot bind socket"}},
		{apache, "notice\t20001\tAH00489: Apache/2.4.71 (Debian) configured -- resuming normal operations", omen{ready: true}},
		{apache, "trace1\t20012\tgraceful termination received, joining workers", omen{left: 20012}},
		{apache, "debug\t20001\tChild 3 started: pid 32028, gen 0, active 4/8, total 4/4/32", omen{born: 32028}},
		{apache, "error\t20001\tAH00957: http: attempt to connect to 127.0.0.1:8001 failed", omen{show: "error: AH00957: http: attempt to connect to 127.0.0.1:8001 failed"}},
		{haproxy, "[WARNING]  (19861) : Exiting Master process...", omen{leaving: true}},
		{apache, "error\t20001\tAH00026: found /resuming normal operations in a path", omen{show: "error: AH00026: found /resuming normal operations in a path"}},
		{caddy, `{"level":"info","ts":1,"msg":"serving initial configuration"}`, omen{ready: true}},
		{caddy, `{"level":"error","ts":1,"logger":"admin","msg":"stopping","error":"no"}`, omen{show: "error: stopping no"}},
		{caddy, `{"level":"info","ts":1,"logger":"admin","msg":"started"}`, omen{}},
	}
	for _, tt := range tests {
		if got := tt.kind.hear(tt.line); got != tt.want {
			t.Errorf("%s, %q:\n got %+v\nwant %+v", tt.kind.name, tt.line, got, tt.want)
		}
	}
}

// FuzzRecords: no line breaks a reader, and what it makes of one can be shown.
func FuzzRecords(f *testing.F) {
	for i, k := range kinds {
		data, err := os.ReadFile("testdata/" + k.name + ".log")
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.SplitSeq(string(data), "\n") {
			f.Add(i, line)
		}
	}
	f.Fuzz(func(t *testing.T, which int, text string) {
		k := kinds[uint(which)%uint(len(kinds))]
		reader := k.reader(testRoom(k))
		for line := range strings.SplitSeq(text, "\n") {
			k.hear(line)
			a, _ := reader.read(line)
			if a == nil {
				continue
			}
			if a.Total < 0 || a.Status < 0 || a.Outcome == "" || len(a.UserAgent) > maxTold || len(a.Path) > maxTold {
				t.Errorf("%q: %+v", line, a)
			}
			for _, at := range a.Attempts {
				if at.Result == "" || at.Total < 0 || at.Start < 0 {
					t.Errorf("%q: %+v", line, at)
				}
			}
			if a.Port != 0 && !slices.ContainsFunc(a.Attempts, func(at proxy.Attempt) bool { return at.Port == a.Port }) {
				t.Errorf("%q: answered by %d, who was not asked: %+v", line, a.Port, a)
			}
		}
	})
}

// TestRecordsOfOneProgram are those that only one of them writes so.
func TestRecordsOfOneProgram(t *testing.T) {
	connection := `"request":{"remote_ip":"127.0.0.1","remote_port":"40828","proto":"HTTP/1.1","method":"GET","host":"h","uri":"/ws"}`
	tests := []struct {
		name, log string
		kind      *kind
		want      string
	}{
		{"an answer of unknown length that its worker ended", `2026/11/25 15:42:43 [error] 13#13: *4 upstream prematurely closed connection while reading upstream, client: 127.0.0.1
{"at":"1795618442.701","method":"GET","uri":"/c","status":"200","bytes":"10","took":"0.2","whole":"OK","addr":"127.0.0.1:8000","results":"200","connects":"0.0","heads":"0.0","tooks":"0.2","sizes":"5","connection":"4"}`, nginx, "GET /c 200 8000 cut [8000 closed]"},
		{"a connection without a request", "H\tCR\t400\t0\t-\t<NOSRV>\t0\t12\t0\t-1\t-1\t-1\t-1\t127.0.0.1\t<BADREQ>\t<BADREQ>\t<BADREQ>\t-\t-\t-", haproxy, ""},
		{"one on which nothing came in time", "H\tcR\t408\t0\t-\t<NOSRV>\t0\t12\t0\t-1\t-1\t-1\t-1\t127.0.0.1\t<BADREQ>\t<BADREQ>\t<BADREQ>\t-\t-\t-", haproxy, ""},
		{"what is no HTTP", "H\tPR\t400\t0\t-\t<NOSRV>\t0\t12\t0\t-1\t-1\t-1\t-1\t127.0.0.1\t<BADREQ>\t<BADREQ>\t<BADREQ>\t-\t-\t-", haproxy, "<BADREQ> <BADREQ> 400 0 ok []"},
		{"a WebSocket", `{"msg":"selected upstream","dial":"127.0.0.1:8000"}
{"msg":"upstream roundtrip","upstream":"127.0.0.1:8000",` + connection + `,"status":101}
{"msg":"handled request",` + connection + `,"status":0,"duration":0.5}`, caddy, "GET /ws 101 8000 ok [8000 101]"},
		{"a client that went away at the head", `{"msg":"selected upstream","dial":"127.0.0.1:8000"}
{"msg":"upstream roundtrip","upstream":"127.0.0.1:8000",` + connection + `,"status":200}
{"msg":"handled request",` + connection + `,"status":0,"duration":0.5}`, caddy, "GET /ws 0 0 canceled [8000 200]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			reader := tt.kind.reader(testRoom(tt.kind))
			var got strings.Builder
			for line := range strings.SplitSeq(tt.log, "\n") {
				if a, _ := reader.read(line); a != nil {
					got.WriteString(brief(a))
				}
			}
			if got.String() != tt.want {
				t.Errorf("got %q, want %q", got.String(), tt.want)
			}
			if c, ok := reader.(counter); ok && c.busy([]int{8000}) {
				t.Error("its worker is busy for ever")
			}
		})
	}
}
