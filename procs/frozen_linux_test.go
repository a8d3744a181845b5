package procs

import (
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/lbdev/lbdev/procs/misbehave"
)

// TestFrozen: what counts is who listens, in a tree of two of whom one does.
func TestFrozen(t *testing.T) {
	t.Setenv("PORT", "0") // whichever is free when it listens
	c := startConfig(t, Config{Argv: misbehave.Argv("reload")})
	_, text, _ := strings.Cut(c.awaitLine("listening on ", 1)[0], ":")
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	want := func(what string, frozen bool) {
		t.Helper()
		if got, known := c.Frozen(port); got != frozen || !known {
			t.Errorf("%s: frozen %v, known %v", what, got, known)
		}
	}
	server := Listener(port)
	want("it runs", false)
	if frozen, known := c.Frozen(port + 1); frozen || !known {
		t.Errorf("a port of others: frozen %v, known %v", frozen, known)
	}
	if err := c.Pause(); err != nil {
		t.Fatal(err)
	}
	want("all are stopped", true)
	if err := c.Resume(); err != nil {
		t.Fatal(err)
	}
	awaitStopped(t, false, c.Tree()...)
	want("all go on", false)
	syscall.Kill(c.Pid(), syscall.SIGSTOP)
	awaitStopped(t, true, c.Pid())
	want("the one that does not listen is stopped", false)
	syscall.Kill(server, syscall.SIGSTOP)
	awaitStopped(t, true, server)
	syscall.Kill(c.Pid(), syscall.SIGCONT)
	awaitStopped(t, false, c.Pid())
	want("the one that listens is stopped", true)
}
