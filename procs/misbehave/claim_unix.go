//go:build unix

package misbehave

import (
	"os"
	"syscall"
)

// claim locks a file until the process ends, however it ends.
func claim(path string) bool {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return false
	}
	claimed = f
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}

// claimed keeps the file open.
var claimed *os.File
