package control

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/procs"
	"github.com/lbdev/lbdev/proxy"
)

// TestWire has each type's JSON letter by letter: scripts read it, of streams and of up --json.
func TestWire(t *testing.T) {
	const ms = time.Millisecond
	at := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	tests := []struct {
		name string
		v    any
		want string
	}{
		{"state", NewEvent(cluster.Event{
			Seq: 7, Time: at, Kind: cluster.KindState, Log: 99, Worker: 2, Port: 8001, Incarnation: 3, PID: 41, State: cluster.Backoff,
			Exit: &procs.Exit{Code: 7, Ran: 1500 * ms}, Restarts: 2, Delay: 500 * ms, Reason: "why", Lines: []string{"<last>"},
		}), `{"event":"backoff","time":"2026-01-02T03:04:05.678Z","seq":7,"worker":2,"port":8001,"incarnation":3,"pid":41,` +
			`"exit":"exited with code 7","ran_ms":1500,"restarts":2,"delay_ms":500,"reason":"why","lines":["\u003clast\u003e"]}`},
		{"ready", NewEvent(cluster.Event{Seq: 1, Time: at, Kind: cluster.KindState, Worker: 1, Port: 8000, Incarnation: 1, State: cluster.Ready, Took: 812500 * time.Microsecond}),
			`{"event":"ready","time":"2026-01-02T03:04:05.678Z","seq":1,"worker":1,"port":8000,"incarnation":1,"took_ms":812.5,"restarts":0}`},
		{"stopped", NewEvent(cluster.Event{Time: at, Kind: cluster.KindState, State: cluster.Stopped, Killed: 2}),
			`{"event":"stopped","time":"2026-01-02T03:04:05.678Z","seq":0,"worker":0,"port":0,"incarnation":0,"killed":2,"restarts":0}`},
		{"wrong port", NewEvent(cluster.Event{Time: at, Kind: cluster.KindWrongPort, Ports: []int{5000}, Text: "elsewhere"}),
			`{"event":"wrong-port","time":"2026-01-02T03:04:05.678Z","seq":0,"worker":0,"port":0,"incarnation":0,"restarts":0,"ports":[5000],"text":"elsewhere"}`},
		{"fault", NewEvent(cluster.Event{Time: at, Kind: cluster.KindFault, Worker: 2, Port: 8001, Incarnation: 3, Text: "errors=10%"}),
			`{"event":"fault","time":"2026-01-02T03:04:05.678Z","seq":0,"worker":2,"port":8001,"incarnation":3,"restarts":0,"text":"errors=10%"}`},
		{"log", NewLog(cluster.LogLine{Line: procs.Line{Time: at, Text: "\x1b[31mred\x1b[0m"}, Worker: 1, Port: 8000, Incarnation: 4}, false),
			`{"event":"log","time":"2026-01-02T03:04:05.678Z","worker":1,"port":8000,"incarnation":4,"line":"red"}`},
		{"log with colour", NewLog(cluster.LogLine{Line: procs.Line{Time: at, Text: "\x1b[31mred\x1b[0m"}}, true),
			`{"event":"log","time":"2026-01-02T03:04:05.678Z","worker":0,"port":0,"incarnation":0,"line":"\u001b[31mred\u001b[0m"}`},
		{"request", NewRequest(&proxy.Access{
			Start: at, Method: "GET", Path: "/?a=b&token=x", Status: 200, Worker: 2, Port: 8001, Outcome: proxy.Rescued, Total: 14 * ms, Bytes: 5,
			Proto: "HTTP/1.1", Host: "a.test", Client: "127.0.0.1", User: "ann", Referer: "http://b.test/?key=x", UserAgent: "c/1",
			Attempts: []proxy.Attempt{{Worker: 1, Port: 8000, Incarnation: 1, Result: "refused", Total: ms}, {Worker: 2, Port: 8001, Incarnation: 1, Result: "200", Sent: true, Start: ms, Connect: ms, FirstByte: 12 * ms, Total: 13 * ms}},
		}), `{"event":"request","time":"2026-01-02T03:04:05.678Z","method":"GET","path":"/?a=b\u0026token=***","status":200,"worker":2,"port":8001,"outcome":"rescued",` +
			`"total_ms":14,"bytes":5,"proto":"HTTP/1.1","host":"a.test","client":"127.0.0.1","user":"ann","referer":"http://b.test/?key=***","user_agent":"c/1",` +
			`"attempts":[{"worker":1,"port":8000,"incarnation":1,"result":"refused","sent":false,"start_ms":0,"connect_ms":0,"first_byte_ms":0,"total_ms":1},` +
			`{"worker":2,"port":8001,"incarnation":1,"result":"200","sent":true,"start_ms":1,"connect_ms":1,"first_byte_ms":12,"total_ms":13}]}`},
		{"request that nobody answered", NewRequest(&proxy.Access{Start: at, Method: "POST", Path: "/pay", Status: 502, Outcome: proxy.Failed, Reason: "no", Held: 2 * ms}),
			`{"event":"request","time":"2026-01-02T03:04:05.678Z","method":"POST","path":"/pay","status":502,"outcome":"failed","reason":"no","total_ms":0,"held_ms":2,"bytes":0,"attempts":[]}`},
		{"lost", Lost{Head{"lost", at}, "log lines", 3}, `{"event":"lost","time":"2026-01-02T03:04:05.678Z","what":"log lines","count":3}`},
		{"report", NewReport(cluster.Report{Stopped: 1, Killed: []cluster.WorkerReport{{Worker: 2, Port: 8001, PIDs: []int{5}}}, Left: []cluster.WorkerReport{}, Took: 300 * ms}),
			`{"took_ms":300,"stopped":1,"killed":[{"worker":2,"port":8001,"pids":[5]}],"left":[]}`},
	}
	for _, tc := range tests {
		if got := strings.TrimSpace(string(line(tc.v))); got != tc.want {
			t.Errorf("%s:\n got %s\nwant %s", tc.name, got, tc.want)
		}
	}
	done := string(line(Done{Head: Head{"done", at}, Report: NewReport(cluster.Report{})}))
	if want := `{"event":"done","time":"2026-01-02T03:04:05.678Z","took_ms":0,"stopped":0,"killed":null,"left":null,"cluster":{"name":`; !strings.HasPrefix(done, want) {
		t.Errorf("done is %s", done)
	}
	note := string(line(Note{Head: Head{"open", at}, Text: "t"}))
	if want := `{"event":"open","time":"2026-01-02T03:04:05.678Z","text":"t","cluster":{"name":`; !strings.HasPrefix(note, want) {
		t.Errorf("a note is %s", note)
	}
}

// TestLinesOfLongActions: a step's "done" is a number, the last line's is true.
func TestLinesOfLongActions(t *testing.T) {
	tests := []struct {
		line string
		end  bool
		step int
		err  string
	}{
		{`{"worker":2,"port":8001,"state":"ready","done":1,"of":2,"text":"8001 ready"}`, false, 2, ""},
		{`{"worker":1,"done":0}`, false, 1, ""},
		{`{"done":true,"report":{"took_ms":1,"stopped":1,"killed":[],"left":[]}}`, true, 0, ""},
		{`{"error":"cannot","hint":"do"}`, false, 0, "cannot"},
		{`{"done":`, false, 0, "follow"},
		{`[]`, false, 0, "follow"},
		{`{"worker":"x","done":1}`, false, 0, "follow"},
	}
	for _, tc := range tests {
		end, step, err := parseLine([]byte(tc.line))
		if (end != nil) != tc.end || step.Worker != tc.step && err == nil || (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%s: %+v, %+v, %v", tc.line, end, step, err)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	f.Add(`{"worker":2,"done":1}`)
	f.Add(`{"done":true}`)
	f.Fuzz(func(t *testing.T, text string) {
		end, _, err := parseLine([]byte(text))
		if (end != nil || err == nil) && !json.Valid([]byte(text)) {
			t.Errorf("%q was read", text)
		}
	})
}
