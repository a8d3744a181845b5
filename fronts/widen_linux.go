package fronts

import (
	"os"

	"golang.org/x/sys/unix"
)

// widen gives the log room for some thousand lines: a program waits when it is full.
func widen(fifo *os.File) {
	if c, err := fifo.SyscallConn(); err == nil {
		c.Control(func(fd uintptr) { unix.FcntlInt(fd, unix.F_SETPIPE_SZ, 1<<20) }) // its error is a limit; 64 KiB do, too
	}
}
