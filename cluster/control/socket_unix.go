//go:build linux || darwin

package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// wantsToken says whether a token guards the socket, because the system doesn't.
const wantsToken = false

var errLocked = unix.EWOULDBLOCK

func tryLock(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) }

func replace(from, to string) error { return os.Rename(from, to) }

// ownFile says whether a file is ours.
func ownFile(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// openToOthers says whether anybody but the owner may do anything with a file.
func openToOthers(info fs.FileInfo) bool { return info.Mode().Perm()&0o077 != 0 }

// listen opens the socket of a stem. Nobody else can enter the folder, so there is no moment in which others could connect;
// changing the umask instead would change it for workers that are being started.
func listen(d Dir, stem string) (net.Listener, error) {
	path := d.socket(stem)
	short, done, err := shorten(path)
	if err != nil {
		return nil, d.fault(err.Error(), "set XDG_RUNTIME_DIR to a folder with a shorter path")
	}
	defer done()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: short, Net: "unix"})
	if err != nil {
		if op, ok := errors.AsType[*net.OpError](err); ok {
			err = op.Err
		}
		return nil, fmt.Errorf("cannot open the control socket %q: %w", path, err)
	}
	l.SetUnlinkOnClose(false) // the claim removes it, unless it is another's by then
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("cannot open the control socket: %w", err)
	}
	return l, nil
}

// dial connects to the socket of a cluster.
func dial(ctx context.Context, info Info) (net.Conn, error) {
	short, done, err := shorten(info.Socket)
	if err != nil {
		return nil, err
	}
	defer done()
	var d net.Dialer
	return d.DialContext(ctx, "unix", short)
}

// occupied says whether someone listens on the socket, whether it answers or not: an lbdev that was stopped has its name.
// A full backlog is EAGAIN, and no sign of nobody.
func occupied(_ Dir, _ string, info Info) bool {
	ctx, cancel := context.WithTimeout(context.Background(), probePatience)
	defer cancel()
	conn, err := dial(ctx, info)
	if err == nil {
		conn.Close()
		return true
	}
	return !nobody(err)
}

// nobody says whether an error of dial means that nobody is there.
func nobody(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTSOCK)
}

// ownPeer says whether a connection comes from our own user.
func ownPeer(conn net.Conn) bool {
	c, ok := conn.(*net.UnixConn)
	if !ok {
		return true // the token guards it
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	own := false
	err = raw.Control(func(fd uintptr) {
		uid, err := peerUID(int(fd))
		own = err == nil && uid == os.Geteuid()
	})
	return err == nil && own
}

// longestSocket is the size of sun_path without the NUL at its end.
const longestSocket = len(unix.RawSockaddrUnix{}.Path) - 1

// shorten returns a path for the same socket that the kernel takes; done is to be called when it was used.
func shorten(path string) (short string, done func(), err error) {
	if len(path) <= longestSocket {
		return path, func() {}, nil
	}
	link, done, err := linkTo(filepath.Dir(path))
	if err != nil {
		return "", nil, fmt.Errorf("its path is too long for a socket (%d bytes, at most %d)", len(path), longestSocket)
	}
	return filepath.Join(link, filepath.Base(path)), done, nil
}
