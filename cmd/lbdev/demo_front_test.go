//go:build unix

package main

import (
	"strings"
	"testing"
)

// TestDemoWithAnotherFront plays with nginx: what it loses when all are dead is told, and is no failure of the demo's.
func TestDemoWithAnotherFront(t *testing.T) {
	t.Parallel()
	u := startDemo(t, "--json", "--speed", "20", "--rate", "40", "--front", "nginx")
	u.wantDemo(0)
	seen := map[string]demoSeen{}
	lost := 0
	for _, r := range u.records("seen") {
		seen[r.Name] = *r.Counts
		lost += r.Counts.Failed
	}
	if turn := seen["turn"]; len(seen) != len(demoNames) || turn.Failed != 0 || len(turn.ByPort) != 3 {
		t.Errorf("saw %+v\n%s", seen, u.dump())
	}
	for _, name := range []string{"drain", "rolling"} {
		if seen[name].Failed != 0 {
			t.Errorf("%s: %+v, want none lost: nginx was told", name, seen[name])
		}
	}
	if all := seen["kill-all"]; all.Failed == 0 {
		t.Errorf("kill-all: %+v, want lost requests: nobody holds them", all)
	}
	done := u.await("the end", func(e upEvent) bool { return e.Event == "done" })
	if r := done.Cluster.Requests; int(r.Failed+r.Cut) != lost {
		t.Errorf("clients lost %d, by the log %+v", lost, r)
	}
	if scenes := u.records("scene"); len(scenes) != len(demoNames) || !strings.Contains(scenes[5].Watch, "nginx waits for a worker, or gives up") {
		t.Errorf("scenes: %+v", scenes)
	}
}
