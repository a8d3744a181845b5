//go:build unix

package misbehave

import (
	"os"
	"syscall"
)

// claimed keeps files from the collector, which would close them.
var claimed []*os.File

// claim locks a file until the process ends, however it ends.
func claim(path string) bool {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return false
	}
	claimed = append(claimed, f)
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}
