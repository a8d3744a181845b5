package export

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestProcfileRuns has foreman run an exported Procfile: each process gets its port and its number, and its arguments as they were.
func TestProcfileRuns(t *testing.T) {
	c := plain()
	base := freePort(t)
	for i := range c.Workers {
		c.Workers[i].Port = base + i
	}
	c.Command = []string{"/bin/sh", "-c", `printf '%s|' "$@" >"said-$1.new"; mv "said-$1.new" "said-$1"; exec sleep 60`, "-", "{port}", `a 'b' "c" $HOME \d`, "w{worker}", "%host%:{port}", ""}
	dir := write(t, "procfile", c, Options{})
	words := strings.Fields(NextOf("procfile", c, Options{}).Run)
	foreman := exec.Command(program(t, words[0]), words[1:]...)
	foreman.Dir = dir
	foreman.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var said bytes.Buffer
	foreman.Stdout, foreman.Stderr = &said, &said
	if err := foreman.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		syscall.Kill(-foreman.Process.Pid, syscall.SIGTERM)
		foreman.Wait()
		if t.Failed() {
			t.Logf("foreman said:\n%s", said.String())
		}
	}()
	deadline := time.Now().Add(30 * time.Second)
	for i, w := range c.Workers {
		want := fmt.Sprintf(`%d|a 'b' "c" $HOME \d|w%d|127.0.0.1:%d||`, w.Port, i+1, w.Port)
		for {
			got, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("said-%d", w.Port)))
			if err == nil {
				if string(got) != want {
					t.Errorf("worker %d has %s, want %s", i+1, got, want)
				}
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("worker %d did not start", i+1)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}
