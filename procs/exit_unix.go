//go:build linux || darwin

package procs

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

func exitOf(state *os.ProcessState) Exit {
	status, ok := state.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() {
		return Exit{Code: state.ExitCode()}
	}
	return Exit{Code: -1, Signal: status.Signal()}
}

func signalName(sig syscall.Signal) string {
	if name := unix.SignalName(sig); name != "" {
		return name
	}
	return "signal " + strconv.Itoa(int(sig)) // a real-time one
}

// SignalName is what SignalByName understands, such as "TERM".
func SignalName(sig os.Signal) string {
	if s, ok := sig.(syscall.Signal); ok {
		return strings.TrimPrefix(signalName(s), "SIG")
	}
	return sig.String()
}

// SignalByName understands "TERM", "SIGTERM", "int" and "9".
func SignalByName(name string) (os.Signal, error) {
	const last = 64 // SIGRTMAX on Linux
	if n, err := strconv.Atoi(name); err == nil && n >= 1 && n <= last {
		return syscall.Signal(n), nil
	}
	full := strings.ToUpper(name)
	if !strings.HasPrefix(full, "SIG") {
		full = "SIG" + full
	}
	if sig := unix.SignalNum(full); sig != 0 {
		return sig, nil
	}
	return nil, fmt.Errorf("cannot send %q: no such signal", name)
}
