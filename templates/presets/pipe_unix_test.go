//go:build unix

package presets

import (
	"syscall"
	"testing"
)

// makePipe makes a pipe: whoever opens it waits.
func makePipe(t *testing.T, name string) {
	t.Helper()
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
}
