package control

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// wantsToken says whether a token guards the socket, because the system doesn't: Go can't ask who is at the other end of a
// socket here.
const wantsToken = true

const errLocked = windows.ERROR_LOCK_VIOLATION

func tryLock(f *os.File) error {
	return windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, new(windows.Overlapped))
}

// replace is os.Rename that waits for readers of the old file: while one has it open, it can't be replaced.
func replace(from, to string) (err error) {
	for deadline := time.Now().Add(lockPatience); ; time.Sleep(lockPoll) {
		if err = os.Rename(from, to); err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// ownFile and openToOthers have no modes to look at: the folder is in the user's profile, which the system guards.
func ownFile(fs.FileInfo) bool      { return true }
func openToOthers(fs.FileInfo) bool { return false }

func listen(Dir, string) (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }

func dial(ctx context.Context, info Info) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", info.Socket)
}

// occupied says whether the cluster of a state file still runs. A port alone says nothing: it may be another program's by
// now, to which our token means nothing.
func occupied(d Dir, stem string, info Info) bool {
	if info.Socket == "" || info.PID == 0 {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), probePatience)
	defer cancel()
	found := d.visit(ctx, stem)
	return found.Status == Running || found.Status == Silent
}

// nobody says whether an error of dial means that nobody is there.
func nobody(err error) bool { return !errors.Is(err, context.DeadlineExceeded) }

func ownPeer(net.Conn) bool { return true }
