//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestPipes: somebody who has yet to write is waited for, and told of; what was read stays, as it comes no second time.
func TestPipes(t *testing.T) {
	name := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	write := func(text string) { os.WriteFile(name, []byte(text), 0o600) } // ends early where nobody reads on
	told := make(chan string, 3)
	p := &pipes{contents: map[string][]byte{}, waits: func(name string) {
		told <- name
		write("A=one\n")
	}}
	for range 2 {
		if text, err := p.read(name); err != nil || string(text) != "A=one\n" {
			t.Errorf("read %q, %v", text, err)
		}
	}
	if len(told) != 1 || <-told != name {
		t.Errorf("it was told that %d are silent", len(told))
	}
	delete(p.contents, name)
	go write(strings.Repeat("A=one\n", maxPipe/6+1))
	if text, err := p.read(name); err == nil || err.Error() != "it has more than 1048576 bytes" {
		t.Errorf("read %d bytes, %v", len(text), err)
	}
}
