package control

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// lockPatience is how long a claim waits for one that is under way, which takes milliseconds.
	lockPatience = 5 * time.Second
	lockPoll     = 5 * time.Millisecond
	maxState     = 1 << 20
	stateEnd     = ".json"
	socketEnd    = ".sock"
	lockFile     = ".lock"
	tempEnd      = ".tmp"
)

// A Dir is a runtime folder: where the sockets and state files of one user's clusters lie. Nobody else may enter it.
type Dir string

// Default is $XDG_RUNTIME_DIR/lbdev, or lbdev in the user's cache folder where that is not set, not there or, as sudo leaves
// it, somebody else's.
func Default() (Dir, error) {
	if xdg := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(xdg) {
		os.MkdirAll(xdg, 0o700) // what it had against that shows in the next line
		if info, err := os.Stat(xdg); err == nil && info.IsDir() && ownFile(info) {
			return Dir(filepath.Join(xdg, "lbdev")), nil
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", &PlaceError{Why: err.Error(), Hint: "set XDG_RUNTIME_DIR to a folder of yours"}
	}
	return Dir(filepath.Join(cache, "lbdev")), nil
}

// A PlaceError says why a runtime folder can't be used, and what to do.
type PlaceError struct {
	Dir  string
	Why  string
	Hint string
}

func (e *PlaceError) Error() string {
	return fmt.Sprintf("cannot use the runtime folder %q: %s", e.Dir, e.Why)
}

func (d Dir) fault(why, hint string) error { return &PlaceError{Dir: string(d), Why: why, Hint: hint} }

// create makes the folder if it is not there, and checks it.
func (d Dir) create() error {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return d.fault(err.Error(), "set XDG_RUNTIME_DIR to a folder of yours")
	}
	return d.check()
}

// check refuses a folder in which others could have put a socket, or can connect to ours.
func (d Dir) check() error {
	info, err := os.Lstat(string(d))
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return d.fault("it is no folder", "remove it, or set XDG_RUNTIME_DIR to a folder of yours")
	case !ownFile(info):
		return d.fault("it belongs to another user", "set XDG_RUNTIME_DIR to a folder of yours")
	case openToOthers(info):
		return d.fault(fmt.Sprintf("others may enter it (%v)", info.Mode().Perm()), fmt.Sprintf("look at what is in it, then  chmod 700 %s", string(d)))
	}
	return nil
}

// Probe tries out what a cluster needs of the folder, which is made if it is not there: nobody else may enter it, a file can
// be written, a socket opened and connected to. An error is a *PlaceError. It may block as long as the file system does.
func (d Dir) Probe() error {
	if err := d.create(); err != nil {
		return err
	}
	temp, err := os.CreateTemp(string(d), ".probe~*"+tempEnd)
	if err != nil {
		return d.fault(err.Error(), "is its disk full or mounted for reading only?")
	}
	_, err = temp.WriteString("probe\n")
	if err = errors.Join(err, temp.Close(), os.Remove(temp.Name())); err != nil {
		return d.fault(err.Error(), "is its disk full?")
	}
	probe := strings.TrimSuffix(filepath.Base(temp.Name()), tempEnd) // hidden, so that nobody takes it for a cluster's
	l, err := listen(d, probe)
	if err != nil {
		return d.fault(err.Error(), "set XDG_RUNTIME_DIR to a folder on a local disk")
	}
	defer os.Remove(d.socket(probe))
	defer l.Close()
	ctx, cancel := context.WithTimeout(context.Background(), probePatience)
	defer cancel()
	at := Info{Socket: d.socket(probe)}
	if wantsToken {
		at.Socket = l.Addr().String()
	}
	conn, err := dial(ctx, at)
	if err != nil {
		return d.fault("a socket in it can't be connected to: "+err.Error(), "set XDG_RUNTIME_DIR to a folder on a local disk")
	}
	return conn.Close()
}

func (d Dir) path(name string) string { return filepath.Join(string(d), name) }

// stem is what the files of a cluster are called: something of its name for people, and what tells it from every other
// name, also where the system takes a and A for the same.
func stem(name string) string {
	const readable = 24
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		if b.Len() == readable {
			break
		}
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	sum := sha256.Sum256([]byte(name))
	return strings.Trim(b.String(), "-") + "~" + hex.EncodeToString(sum[:8])
}

// valid writes bytes that are no UTF-8 as \xNN: folders may be named so, JSON can't say it.
func valid(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for i, r := range text {
		if r == utf8.RuneError && !strings.HasPrefix(text[i:], string(utf8.RuneError)) {
			fmt.Fprintf(&b, `\x%02x`, text[i])
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// lock lets one claim at a time look and act. The lock file stays: removing it would leave two locks.
func (d Dir) lock(create bool) (unlock func(), err error) {
	if create {
		err = d.create()
	} else {
		err = d.check()
	}
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(d.path(lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, d.fault(err.Error(), "is its disk full or mounted for reading only?")
	}
	// A lock can't be waited for with a deadline, and an lbdev that was stopped may hold it for ever.
	for deadline := time.Now().Add(lockPatience); ; time.Sleep(lockPoll) {
		if err = tryLock(f); err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, errLocked) || time.Now().After(deadline) {
			f.Close()
			return nil, d.fault(fmt.Sprintf("cannot lock it: %v", err), "is there an lbdev that was stopped (Ctrl-Z)?")
		}
	}
}

// socket is the path of a cluster's socket.
func (d Dir) socket(stem string) string { return d.path(stem + socketEnd) }
