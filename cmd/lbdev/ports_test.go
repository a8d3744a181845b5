//go:build unix

package main

import (
	"fmt"
	"testing"

	"github.com/lbdev/lbdev/cluster"
)

// TestEightStartAtOnce starts eight lbdevs with default ports in the same moment: each gets ports of its own, for its workers and
// its front, and all its workers come up in their first incarnation.
func TestEightStartAtOnce(t *testing.T) {
	const clusters, workers = 8, 2
	runtime := t.TempDir()
	var ups []*upTest
	for i := range clusters {
		cmd, mark := lbdevCommand(t, "up", "--json", "--sample", "-n", fmt.Sprint(workers), "--name", fmt.Sprintf("c%d", i))
		cmd.Env = append(cmd.Env, "XDG_RUNTIME_DIR="+runtime)
		ups = append(ups, startLine(t, cmd, mark))
	}
	owner := map[int]int{}
	for i, u := range ups {
		u.awaitReady(workers)
		open := u.await("the cluster's beginning", func(e upEvent) bool { return e.Event == "open" })
		var front int
		fmt.Sscanf(open.Cluster.Front, "http://127.0.0.1:%d", &front)
		ports := []int{front}
		for _, w := range open.Cluster.Workers {
			ports = append(ports, w.Port)
		}
		for _, port := range ports {
			if other, taken := owner[port]; taken || port == 0 {
				t.Errorf("port %d is chosen by clusters %d and %d", port, other, i)
			}
			owner[port] = i
		}
		if bad := u.seen(func(e upEvent) bool { return e.Incarnation > 1 || e.Event == string(cluster.Backoff) }); len(bad) > 0 {
			t.Errorf("cluster %d had to start workers again: %+v", i, bad)
		}
	}
	if len(owner) != clusters*(workers+1) {
		t.Errorf("%d ports were chosen", len(owner))
	}
}
