package main

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"testing"
)

// TestOpenFiles: lbdev may have as many open files as the system lets it, its workers as many as those who started it had.
func TestOpenFiles(t *testing.T) {
	t.Parallel()
	base := freePorts(t, 5)
	args := []string{
		"up", "--json", "-n", "1", "--base-port", strconv.Itoa(base), "-l", strconv.Itoa(base + 4), "--ready", "tcp", "--",
		"sh", "-c", "echo files $(ulimit -Sn) $(ulimit -Hn); exec sleep 100",
	}
	cmd, mark := lbdevCommand(t, args...)
	cmd.Path = "/bin/sh"
	cmd.Args = append([]string{"sh", "-c", `ulimit -Sn 300 && ulimit -Hn 3000 && exec "$0" "$@"`, os.Args[0]}, args...)
	u := startLine(t, cmd, mark)
	u.await("the worker's limits", func(e upEvent) bool { return e.Text == "files 300 3000" || e.Line == "files 300 3000" })
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	// Go leaves the highest number out.
	if !regexp.MustCompile(`Max open files\s+(2999|3000)\s+3000`).Match(limits) {
		t.Errorf("lbdev's own limits: %s", limits)
	}
}
