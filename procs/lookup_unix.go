//go:build linux || darwin

package procs

import (
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

const slashes = "/"

// executable returns path if we may execute it.
func executable(path string, _ []string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.IsDir() {
		return "", syscall.EISDIR
	}
	// Eaccess, and not the mode bits alone: it knows of ACLs and of mounts without exec. Root passes it without any bit.
	if err := unix.Faccessat(unix.AT_FDCWD, path, unix.X_OK, unix.AT_EACCESS); err != nil {
		return "", err
	}
	if info.Mode()&0o111 == 0 {
		return "", fs.ErrPermission
	}
	return path, nil
}

func sameName(a, b string) bool { return a == b }
