package fronts

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lbdev/lbdev/procs"
	"github.com/lbdev/lbdev/proxy"
)

// A Program is one of them as it is installed here.
type Program struct {
	Name    string // as people type it: nginx
	Title   string // as it calls itself: HAProxy
	Path    string
	Version string // 1.22.1; empty = it does not tell
	kind    *kind
}

// Names are what Find finds.
func Names() []string { return []string{"nginx", "haproxy", "apache", "caddy"} }

// A MissingError says that a program is not installed.
type MissingError struct {
	Name  string
	Tried []string // what it was looked for as
	Where []string // beside PATH
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("cannot find %s: there is no %s in PATH, nor in %s", e.Name, strings.Join(e.Tried, " or "), strings.Join(e.Where, ", "))
}

// ErrUnsupported says that this system lacks what is needed to run any of them.
var ErrUnsupported = errors.New("cannot run another program as the front on this system")

// A State is what a program is doing.
type State struct {
	Name     string // starting, ready, reloading, backoff, stopped
	PID      int    // 0 = it has no process
	Restarts int
}

// The names of states.
const (
	Starting  = "starting"
	Ready     = "ready"
	Reloading = "reloading"
	Backoff   = "backoff"
	Stopped   = "stopped"
)

// A Config says what to run and who is told. The functions may be called from any goroutine until Close has returned; none may be nil.
type Config struct {
	Program  *Program
	Dir      func() (string, error) // a folder of its own, which nobody else may enter; asked for once, when it is needed
	Observed func(*proxy.Access)    // a request is over
	Said     func([]procs.Line)     // it has printed something that people should see
	Is       func(s State, why string)
}
