//go:build unix

package cluster

import "syscall"

// openFiles is how many files this process may have open; 0 = unknown. Go's runtime has raised the soft limit to the hard one
// when the program began, and gives the processes that it starts the one that it found.
func openFiles() int {
	var files syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) != nil {
		return 0
	}
	return int(min(files.Cur, 1<<30))
}
