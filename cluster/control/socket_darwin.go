package control

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// linkTo returns a short path that leads to a folder, until done is called: a symbolic link in a folder of our own, as there
// is no /proc. TMPDIR is 49 bytes long here, /tmp is a link to a folder with the sticky bit.
func linkTo(dir string) (link string, done func(), err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return "", nil, err
	}
	temp, err := os.MkdirTemp("/tmp", "lbdev")
	if err != nil {
		return "", nil, err
	}
	link = filepath.Join(temp, "d")
	if err := os.Symlink(dir, link); err != nil {
		os.RemoveAll(temp)
		return "", nil, err
	}
	return link, func() { os.RemoveAll(temp) }, nil
}

// peerUID is the user at the other end of a unix socket.
func peerUID(fd int) (int, error) {
	cred, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return -1, err
	}
	return int(cred.Uid), nil
}
