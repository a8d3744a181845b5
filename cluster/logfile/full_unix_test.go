//go:build !windows

package logfile

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// limited is set in the process that has a limit on the size of files.
const limited = "LOGFILE_TEST_LIMITED"

// TestFileThatMayNotGrow has a limit on the size of files, which takes half of a line just as a full disk does. The limit
// is that of a process of its own, as go test writes a file too.
func TestFileThatMayNotGrow(t *testing.T) {
	if os.Getenv(limited) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestFileThatMayNotGrow$", "-test.v")
		cmd.Env = append(os.Environ(), limited+"=1")
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestFileThatMayNotGrow") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	few := before
	few.Cur = 100_000
	b := newBench(t, Config{MaxSize: -1})
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &few); err != nil {
		t.Fatal(err)
	}
	b.fillAndFree(func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
			t.Error(err)
		}
	})
}

// fillAndFree writes more than there is room for, makes room, and checks that what is missing is told and nothing else is.
func (b *bench) fillAndFree(free func()) {
	b.Helper()
	const lines = 20_000
	for i := range lines {
		b.line(8001, "line %d %s", i, strings.Repeat("x", i%50))
	}
	for deadline := time.Now().Add(patience); len(b.warnings()) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatal("nobody was warned")
		}
	}
	b.line(8001, "one more")
	free()
	b.line(8001, "again")
	b.await("worker-8001.log", "| again")
	b.close()
	texts := b.texts("worker-8001.log")
	missing, next := 0, -1
	for _, text := range texts {
		if strings.HasPrefix(text, "lbdev: ") {
			n := b.missing([]string{text})
			if n == 0 {
				b.Errorf("the supervisor says %q", text)
			}
			missing += n
			next = -1
			continue
		}
		var n int
		if _, err := fmt.Sscanf(text, "| line %d", &n); err == nil {
			if next >= 0 && n != next {
				b.Fatalf("line %d follows %d, and nothing says that lines are missing", n, next-1)
			}
			if len(text) != len("| line  ")+len(strconv.Itoa(n))+n%50 {
				b.Fatalf("line %d is not whole: %q", n, text)
			}
			next = n + 1
		}
	}
	written := 0
	for _, text := range texts {
		if strings.HasPrefix(text, "| ") {
			written++
		}
	}
	if missing == 0 || missing+written != lines+2 {
		b.Errorf("%d lines are there and %d said to be missing, want %d together", written, missing, lines+2)
	}
	if w := b.warnings(); len(w) != 1 {
		b.Errorf("warned of %v, want one warning", w)
	}
}
