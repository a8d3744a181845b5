package procs

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const getTermios, setTermios = unix.TIOCGETA, unix.TIOCSETA

// readPatience is how long the reader may take for what a dead process wrote to its terminal.
const readPatience = time.Second

// awaitRead waits until nothing that was written to the terminal is unread, or no more will be read, or readPatience is
// over: macOS discards the rest when the last of the child's ends is closed.
func awaitRead(terminal *os.File, drained <-chan struct{}) {
	over := time.NewTimer(readPatience)
	defer over.Stop()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for {
		if n, err := unix.IoctlGetInt(int(terminal.Fd()), unix.TIOCOUTQ); err != nil || n == 0 {
			return
		}
		select {
		case <-drained:
			return
		case <-over.C:
			return
		case <-look.C:
		}
	}
}
