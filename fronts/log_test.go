//go:build unix

package fronts

import (
	"io"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lbdev/lbdev/proxy"
)

// plainReader is of a program of which nothing is known.
type plainReader struct{}

func (plainReader) read(line string) (*proxy.Access, string) { return nil, line }
func (plainReader) busy([]int) bool                          { return false }

// TestLandmarks: a landmark that is left in the log, because the program whose requests were waited for has died, ends nobody's wait for
// what comes after it.
func TestLandmarks(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "log")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	heard, goOn := make(chan string), make(chan struct{})
	l, err := openLog(fifo, func(_ *run, _ *proxy.Access, said string) { heard <- said; <-goOn })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	l.parse(plainReader{})
	hears := func(want string) {
		t.Helper()
		select {
		case said := <-heard:
			if said != want {
				t.Fatalf("heard %q, want %q", said, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%q was not heard", want)
		}
	}
	io.WriteString(l.file, "one\n")
	hears("one") // and is held up there
	over, done := make(chan struct{}), make(chan struct{})
	go l.awaitIdle(plainReader{}, nil, over, done)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) { // until its landmark is on its way
		l.mu.Lock()
		written := len(l.awaited)
		l.mu.Unlock()
		if written == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no landmark was written")
		}
	}
	close(over)
	<-done
	io.WriteString(l.file, "two, of the next process") // a program may be interrupted within a long line
	_, read := l.landmark()
	goOn <- struct{}{}
	hears("two, of the next process") // it is behind the first landmark
	select {
	case <-read:
		t.Error("the landmark that was left counts for what was not read yet")
	default:
	}
	goOn <- struct{}{}
	select {
	case <-read:
	case <-time.After(10 * time.Second):
		t.Error("the second landmark was not seen")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.awaited) > 0 {
		t.Errorf("somebody is waited for: %v", l.awaited)
	}
}
