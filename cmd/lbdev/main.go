// Command lbdev runs several copies of an app server behind a built-in round-robin proxy and shows which copy served
// each request:
//
//	lbdev up -n 4 -- python manage.py runserver
//
// One file per command: flags, then a call into package cluster, then what people see. Colours, prefixes and hints live
// here and nowhere else. stdout is data, stderr is talk.
package main

import (
	"os"
	"runtime/debug"

	"github.com/lbdev/lbdev/procs"
)

// version is set by the linker for a release.
var version = "devel"

// gcPercent lets the heap grow to five times what is live before it is collected. lbdev has a few MB live, and a front that
// is busy would collect them many times a second: measured, 4 % of its CPU.
const gcPercent = 400

func main() {
	procs.GuardianMain()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	os.Exit(run(os.Args, os.Stdout, os.Stderr))
}

// run is main without the exit: it returns the exit code.
func run(args []string, stdout, stderr *os.File) int {
	app := newApp(stdout, stderr)
	args = flagsFirst(app.Commands, args)
	app.Metadata = map[string]any{wordsKey: args}
	err := app.Run(args)
	explain(stderr, err)
	return exitCode(err)
}
