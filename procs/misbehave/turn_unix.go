//go:build linux || darwin

package misbehave

import (
	"os"
	"syscall"
)

// Turn waits until no other test of this user has it, and returns what gives it back. Tests take it that end whatever
// crashed lbdevs have left on the machine, as they would end that of each other; so do those that leave something. What is
// locked is the folder of temporary files, so nothing of it remains.
func Turn() (done func(), err error) {
	f, err := os.Open(os.TempDir())
	if err != nil {
		return nil, err
	}
	for {
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != syscall.EINTR {
			return func() { f.Close() }, err
		}
	}
}
