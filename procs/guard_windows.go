package procs

import (
	"fmt"
	"os"
)

// A Guard has our trees end with us; see EndWithUs.
type Guard struct{}

func endWithUs(func(error)) (*Guard, error) {
	if err := ourJob(); err != nil {
		return nil, err
	}
	return new(Guard), nil
}

// Release has nothing to do: the job ends with us.
func (*Guard) Release() {}

// KeepTerminal and TerminalIsBack have nothing to do: a console's mode is set back by the shell.
func (*Guard) KeepTerminal(*os.File) error { return nil }

// TerminalIsBack: see KeepTerminal.
func (*Guard) TerminalIsBack() {}

// Guardians are none: Windows needs no process for that.
func (*Guard) Guardians() []int { return nil }

// GuardianMain returns at once: there are no guardians on Windows. If somebody wants this process to be one, it says so and
// exits with code 2.
func GuardianMain() {
	if len(os.Args) >= 2 && os.Args[1] == "guardian" {
		fmt.Fprintln(os.Stderr, "cannot guard: Windows ends everything with lbdev by itself")
		os.Exit(2)
	}
}
