package watch

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// childDir is the variable that makes this test binary open a Watcher on its folder with few descriptors.
const childDir = "WATCH_TEST_DIR"

// playChild is that child: it prints what Open says when no more files can be opened.
func playChild() {
	dir := os.Getenv(childDir)
	if dir == "" {
		return
	}
	os.Pipe() // makes Go's own descriptors, without which it cannot go on
	few := syscall.Rlimit{Cur: 3, Max: 3}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	_, err := Open(Config{Dir: dir})
	_, isLimit := errors.AsType[*LimitError](err)
	fmt.Println(isLimit, err)
	os.Exit(0)
}

func TestOpenFilesAreNamedAsTheLimit(t *testing.T) {
	p := newProject(t, "a/x.py")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+p.dir)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "true cannot watch") || !strings.Contains(string(out), "open files") {
		t.Errorf("%v: %s", err, out)
	}
}
