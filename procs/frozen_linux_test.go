package procs

import (
	"net"
	"strconv"
	"syscall"
	"testing"

	"github.com/lbdev/lbdev/procs/misbehave"
)

// TestFrozen: what counts is who listens, in a tree of two of whom one does.
func TestFrozen(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	t.Setenv("PORT", strconv.Itoa(port))
	c := startConfig(t, Config{Argv: misbehave.Argv("reload")})
	c.awaitLine("listening on "+l.Addr().String(), 1)
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
