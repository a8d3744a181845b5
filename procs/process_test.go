package procs

import (
	"os"
	"testing"

	"github.com/lbdev/lbdev/procs/misbehave"
)

func TestMain(m *testing.M) {
	misbehave.Main()
	os.Exit(m.Run())
}

func TestSmoke(t *testing.T) {
	for _, pty := range []bool{false, true} {
		p, err := Start(Config{Argv: misbehave.Argv("lines", "3"), PTY: pty, Output: func(l []Line) { t.Log(l) }})
		if err != nil {
			t.Fatal(err)
		}
		<-p.Done()
		<-p.Drained()
		t.Log(p.Exit(), p.End(t.Context(), os.Interrupt, 1))
	}
}
