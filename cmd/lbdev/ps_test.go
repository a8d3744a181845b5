package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/lbdev/lbdev/cluster"
)

// TestTableFitsTheTerminal holds what the table shows where there is little room.
func TestTableFitsTheTerminal(t *testing.T) {
	now := cluster.Snapshot{Name: "shop", Front: "http://127.0.0.1:8080", Policy: "round-robin", UptimeMS: 125_000, Workers: []cluster.WorkerSnapshot{
		{Worker: 1, Port: 8000, PID: 41012, State: cluster.Ready, UpMS: 125_000, Requests: 301, P95MS: 14.2, Weight: 1},
		{Worker: 2, Port: 8001, State: cluster.Backoff, Requests: 1262, Restarts: 12, Weight: 1, LastExit: "killed by SIGKILL"},
	}}
	for width, want := range map[int]string{
		0:  "WORKER PORT STATE PID UP REQUESTS SHARE IN FLIGHT P95 RESTARTS LAST EXIT",
		80: "WORKER PORT STATE PID UP REQUESTS RESTARTS LAST EXIT",
		40: "WORKER PORT STATE REQUESTS",
	} {
		lines := strings.Split(string(look{signs: unicodeSigns, width: width}.table(now)), "\n")
		if got := strings.Join(strings.Fields(lines[1]), " "); got != want {
			t.Errorf("at %d columns it shows %q, want %q", width, got, want)
		}
		for _, line := range lines[1:] {
			if n := utf8.RuneCountInString(line); width > 0 && n > width {
				t.Errorf("at %d columns a line has %d: %q", width, n, line)
			}
		}
	}
}
