//go:build unix

package main

import (
	"context"
	"errors"
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
	p := &pipes{known: map[string]*pipe{}, waits: func(name string) {
		told <- name
		write("A=one\n")
	}}
	for range 2 {
		if text, err := p.read(t.Context(), name); err != nil || string(text) != "A=one\n" {
			t.Errorf("read %q, %v", text, err)
		}
	}
	if len(told) != 1 || <-told != name {
		t.Errorf("it was told that %d are silent", len(told))
	}
	p.forget(p.known[name])
	go write(strings.Repeat("A=one\n", 1<<20/6+1))
	if text, err := p.read(t.Context(), name); err == nil || err.Error() != "it has more than 1048576 bytes" {
		t.Errorf("read %d bytes, %v", len(text), err)
	}
}

// TestPipeThatIsLate: who waits no longer goes, and what comes later is the next one's.
func TestPipeThatIsLate(t *testing.T) {
	name := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	p := &pipes{known: map[string]*pipe{}, waits: func(string) {}}
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(enough)
	if text, err := p.read(ctx, name); !errors.Is(err, enough) {
		t.Errorf("read %q, %v", text, err)
	}
	if err := os.WriteFile(name, []byte("A=late\n"), 0o600); err != nil { // there is somebody who reads
		t.Fatal(err)
	}
	if text, err := p.read(t.Context(), name); err != nil || string(text) != "A=late\n" {
		t.Errorf("then read %q, %v", text, err)
	}
}
