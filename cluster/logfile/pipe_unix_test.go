//go:build unix

package logfile

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lbdev/lbdev/proxy"
)

// TestPipe: a reader gets the lines as they come. Without one, or with one that has stopped, neither a request nor the end
// waits for ever.
func TestPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f := openOne(t, Config{AccessFile: path, MaxSize: 10})
	f.Access(&proxy.Access{Path: "/before"})
	reader, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	f.Access(&proxy.Access{Path: "/after"})
	in := bufio.NewReader(reader)
	reader.SetReadDeadline(time.Now().Add(patience))
	for _, want := range []string{"/before\n", "/after\n"} {
		if line, err := in.ReadString('\n'); line != want {
			t.Fatalf("got %q, want %q (%v)", line, want, err)
		}
	}
	for range 100 { // more than a pipe holds, and nobody reads
		f.Access(&proxy.Access{Path: "/" + strings.Repeat("x", 2000)})
	}
	done := make(chan error)
	go func() { done <- f.Close() }()
	select {
	case err := <-done:
		if err == nil || !strings.Contains(err.Error(), "cannot write the last") {
			t.Errorf("what was lost is not told: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("Close waits for a reader that does not read")
	}
	if info, err := os.Lstat(path); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		t.Errorf("it is %v now, %v", info, err)
	}
}

// TestOneFileThatIsALink: what it leads to gets the lines, and it stays a link.
func TestOneFileThatIsALink(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target.log"), filepath.Join(dir, "link.log")
	if err := os.WriteFile(target, []byte("before\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	f := openOne(t, Config{AccessFile: link, MaxSize: 100})
	for range 100 {
		f.Access(&proxy.Access{Path: "/x"})
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if text := readFile(t, target); text != "before\n"+strings.Repeat("/x\n", 100) {
		t.Errorf("the target has %d bytes", len(text))
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is %v, %v", info, err)
	}
}
