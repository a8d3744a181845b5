//go:build unix

package main

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts runs the scripts of testdata/script. $BASE is a port with four free ones after it, $FRONT the next, $OTHER one
// with another one after it, and then comes $OTHERFRONT. Besides testscript's own commands they have
//
//	exits CODE COMMAND [ARG…]
//
// which runs a command and wants it to end with this exit code.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:  "../../testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		Setup: func(e *testscript.Env) error {
			base := freePorts(t, 9)
			e.Setenv(asLbdev, "1")
			e.Setenv("XDG_RUNTIME_DIR", e.WorkDir+"/run")
			e.Setenv("GORACE", os.Getenv("GORACE")) // see misbehave.Main
			if cache, err := os.UserCacheDir(); err == nil {
				e.Setenv("GOCACHE", cache+"/go-build") // else what is built in a script is built from nothing
			}
			for name, offset := range map[string]int{"BASE": 0, "FRONT": 5, "OTHER": 6, "OTHERFRONT": 8} {
				e.Setenv(name, strconv.Itoa(base+offset))
			}
			return os.Symlink(os.Args[0], e.WorkDir+"/lbdev")
		},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARG…]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	program := args[1]
	if program == "lbdev" {
		program = ts.Getenv("WORK") + "/lbdev"
	}
	code := 0
	if err := ts.Exec(program, args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("cannot run %v: %v", args[1:], err)
		}
		code = exit.ExitCode()
	}
	if code != want {
		ts.Fatalf("%v ended with exit code %d, want %d", args[1:], code, want)
	}
}
