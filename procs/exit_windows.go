package procs

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

func exitOf(state *os.ProcessState) Exit { return Exit{Code: state.ExitCode()} }

func signalName(sig syscall.Signal) string { return sig.String() }

// SignalName is what SignalByName understands, such as "TERM".
func SignalName(sig os.Signal) string {
	switch sig {
	case syscall.SIGTERM:
		return "TERM"
	case os.Interrupt:
		return "INT"
	case os.Kill:
		return "KILL"
	}
	return sig.String()
}

// SignalByName understands "TERM", "SIGTERM", "int" and "9", as far as Windows has the like: TERM and INT are sent as
// CTRL_BREAK.
func SignalByName(name string) (os.Signal, error) {
	switch strings.TrimPrefix(strings.ToUpper(name), "SIG") {
	case "TERM", "15":
		return syscall.SIGTERM, nil
	case "INT", "BREAK", "2":
		return os.Interrupt, nil
	case "KILL", "9":
		return os.Kill, nil
	}
	return nil, fmt.Errorf("cannot send %q: Windows knows only TERM, INT and KILL", name)
}
