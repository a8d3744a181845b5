//go:build unix

package rundir

import (
	"errors"
	"syscall"
)

// processLives says whether there is a process of this number, whoever's it is.
func processLives(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }
