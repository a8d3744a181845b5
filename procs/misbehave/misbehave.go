// Package misbehave makes a test binary play the children that a supervisor must cope with.
//
//	func TestMain(m *testing.M) {
//		misbehave.Main() // plays the child, if that is what this process is
//		os.Exit(m.Run())
//	}
//
//	procs.Config{Argv: misbehave.Argv("exit", "7")}
//
// A child that waits says "up" first, on a line of its own, once its signal handlers are in place. A child that starts
// others says "child PID" for each. None lives longer than two minutes, whatever the test forgets.
package misbehave

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// marker is the first argument of a child.
const marker = "misbehave"

// lifetime bounds the life of a child that waits.
const lifetime = 2 * time.Minute

// modes says what each mode does, with its arguments. Durations are in milliseconds.
var modes = map[string]func(args []string){
	// What it says, and how it ends.
	"exit":      exit,     // N: exits with code N
	"kill-self": killSelf, // kills itself with SIGKILL
	"boot":      boot,     // [TEXT]: fails as an app does that cannot start: a traceback, code 1
	"lines":     lines,    // N [TEXT]: writes "TEXT 1" … "TEXT N" and exits; TEXT is "line" if not given
	"words":     words,    // MS TEXT: writes TEXT without a newline, waits MS and exits with code 3
	"long":      long,     // N: writes a line of N bytes, then "end"
	"junk":      junk,     // writes JunkIn, which should be seen as JunkOut
	"prompt":    prompt,   // asks "Name: " without a newline, waits for its stdin to say something, or to be ended
	"flood":     flood,    // writes "flood 1", "flood 2", … until it is ended
	"report":    report,   // writes its arguments, folder, terminal and the environment that it has, each on a line

	// How it takes being ended.
	"wait":        wait,       // waits to be ended
	"ignore-term": ignoreTerm, // ignores SIGTERM
	"ignore-hup":  ignoreHup,  // ignores SIGHUP
	"deaf":        deaf,       // [N]: ignores SIGHUP and SIGTERM, and starts N children that do
	"slow-term":   slowTerm,   // MS: on SIGTERM says "ending" and takes MS to exit with code 0
	"count":       count,      // MS: counts its SIGTERMs for MS after the first, says "signals N", exits
	"stdin":       stdin,      // says "up", reads stdin to its end, says "end of input" and exits

	// Whom it brings along.
	"tree":         tree,        // starts a child that starts a child; all wait
	"session":      session,     // starts a child in a session of its own; both wait
	"session-deaf": sessionDeaf, // the same, and the child ignores SIGTERM
	"leave":        leave,       // starts a child that holds stdout, and exits with code 5
	"daemon":       daemon,      // starts a child in a session of its own by way of one that exits; waits
	"leave-daemon": leaveDaemon, // the same, and exits with code 5
	"leave-lost":   leaveLost,   // leave-daemon without its environment, which nobody can find; it ends after 20 s
	"middle":       middle,      // MODE [ARG…]: starts a child in a session of its own and exits
	"linger":       linger,      // MS: lives for MS, whatever comes, and exits
	"breed":        breed,       // N: starts a child every 5 ms, N in all, each waits and ignores SIGTERM

	// HTTP on 127.0.0.1:PORT. It answers "port PORT pid PID"; GET /crash exits with code 1, /slow?ms= takes its time,
	// /hang never answers, /seen tells the X-Forwarded fields, /moved leads there by the worker's own address.
	"serve":        serve,       // [MS]: waits MS before it listens
	"serve-crash":  serveCrash,  // MS: exits with code 1 after MS
	"serve-v6":     serveV6,     // on ::1 only
	"serve-other":  serveOther,  // on another port, which it says: "listening on ADDRESS"
	"serve-never":  wait,        // never listens
	"serve-deaf":   serveDeaf,   // ignores SIGTERM and SIGHUP
	"serve-held":   serveHeld,   // a child that is in a session of its own listens; both wait
	"reload":       reload,      // a child serves; SIGTERM takes it along, SIGKILL leaves it
	"serve-single": serveSingle, // one connection at a time; says "ran PATH" of each request
	"serve-alone":  serveAlone,  // DIR: claims its worker's file there; a second one at the same time leaves worker-N.twice
	"serve-tcp":    serveTCP,    // no HTTP: it says "port PORT pid PID", and gives back what comes, in a loop per connection
	"serve-refuse": serveRefuse, // answers 503 to everything
	"serve-tape":   serveTape,   // answers each request with the bytes that it came as
}

// Main plays the child that the arguments name and exits; it returns at once in a process that is no such child. Call it
// first in TestMain.
func Main() {
	if len(os.Args) < 3 || os.Args[1] != marker {
		// A program built with -race sleeps for a second before it exits, and these exit often.
		os.Setenv("GORACE", strings.TrimSpace(os.Getenv("GORACE")+" atexit_sleep_ms=0"))
		return
	}
	mode, ok := modes[os.Args[2]]
	if !ok {
		fmt.Fprintf(os.Stderr, "cannot misbehave by %q: modes are %s\n", os.Args[2], strings.Join(Modes(), ", "))
		os.Exit(2)
	}
	time.AfterFunc(lifetime, func() { os.Exit(99) })
	mode(os.Args[3:])
	os.Exit(0)
}

// Argv is the command line of a child: this very program, playing mode with args.
func Argv(mode string, args ...string) []string {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	return append([]string{self, marker, mode}, args...)
}

// Modes lists all modes.
func Modes() []string {
	var names []string
	for name := range modes {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// number is args[i] or else.
func number(args []string, i, or int) int {
	if i >= len(args) {
		return or
	}
	n, err := strconv.Atoi(args[i])
	if err != nil {
		fmt.Fprintf(os.Stderr, "cannot misbehave: %q is not a number\n", args[i])
		os.Exit(2)
	}
	return n
}

func pause(ms int) { time.Sleep(time.Duration(ms) * time.Millisecond) }

// up says that the child is ready to be ended, and waits for that.
func up() {
	fmt.Println("up")
	select {}
}

func wait([]string) { up() }
