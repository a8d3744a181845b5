package lbdev_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// TestReadmeCommands starts apps the way README's table says, asks the front, and leaves by Ctrl-C.
func TestReadmeCommands(t *testing.T) {
	lbdev := filepath.Join(t.TempDir(), "lbdev")
	run(t, ".", os.Environ(), "go", "build", "-o", lbdev, "./cmd/lbdev")
	tests := []struct {
		app  string
		argv []string
	}{
		{"django", []string{"/usr/bin/python3", "manage.py", "runserver"}},
		{"node", []string{"node", "server.js"}},
		{"php", []string{"php", "-S", "127.0.0.1:{port}", "-t", "."}},
	}
	for _, tt := range tests {
		t.Run(tt.app, func(t *testing.T) {
			const n = 3
			dir, base := copyApp(t, tt.app), freePorts(t, n+1)[0]
			if tt.app == "django" {
				run(t, dir, os.Environ(), tt.argv[0], "manage.py", "migrate", "--verbosity", "0")
			}
			front := base + n
			argv := []string{lbdev, "up", "-n", strconv.Itoa(n), "--base-port", strconv.Itoa(base), "-l", strconv.Itoa(front), "--"}
			env := append(os.Environ(), "XDG_RUNTIME_DIR="+t.TempDir()) // no other lbdev may have the folder's name
			p := start(t, dir, env, front, append(argv, tt.argv...)...)
			c := newClient(t)
			for i := range n { // a worker that has answered by itself is ready, or will be at once
				p.waitFor(t, base+i)
			}
			p.waitReady(t, c, front, n)
			first := int(c.json(front, "/state")["port"].(float64)) - base
			for i := 1; i <= 2*n; i++ {
				want := float64(base + (first+i)%n)
				if s := c.json(front, "/state"); s["port"] != want || s["host"] != frontHost {
					t.Errorf("request %d: %v, want port %v and host %s", i, s, want, frontHost)
				}
			}
			p.cmd.Process.Signal(os.Interrupt)
			if err := p.wait(30 * time.Second); err != nil {
				t.Fatal(err)
			}
			if code := p.cmd.ProcessState.ExitCode(); code != 130 {
				t.Errorf("exit code %d after Ctrl-C, want 130", code)
			}
			for i := range n {
				if listens(base + i) {
					t.Errorf("port %d is still in use", base+i)
				}
			}
		})
	}
}

// waitReady asks the front until n answers in a row came from n workers: all take part.
func (p *process) waitReady(t *testing.T, c *client, front, n int) {
	t.Helper()
	p.until(t, "all workers to take part", func() bool {
		seen := map[any]bool{}
		for range n {
			seen[c.json(front, "/state")["port"]] = true
		}
		return len(seen) == n
	})
}

// wait is for a process that has been asked to end.
func (p *process) wait(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.exited:
		return nil
	case <-timer.C:
		p.cmd.Process.Signal(syscall.SIGQUIT) // its goroutines show in the log
		return errors.New("it did not end after Ctrl-C")
	}
}
