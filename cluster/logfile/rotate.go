package logfile

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// stampFormat is the time in the name of a backup, in UTC: no colon in it, as Windows has none in names.
const stampFormat = "2006-01-02T15-04-05.000"

// A rotor is a file that only grows, and gives way to a new one when it is large enough. Its methods are called by one
// goroutine at a time.
type rotor struct {
	path    string
	limit   int64 // bytes; 0 = none
	rotated func()
	file    *os.File // nil until it is written to, and after an error
	size    int64
	stream  bool // it is a pipe or the like: nothing in it can be looked at or taken back
	torn    bool // and a line in it was left without its end
}

// streamPatience is how long a write into a pipe may take. Whoever is to read it may be gone for good.
const streamPatience = 2 * time.Second

// write appends whole lines. n says how many bytes of them are in the file, which always ends with a newline: a line that
// did not fit is taken back.
func (r *rotor) write(block []byte) (n int, err error) {
	if err := r.open(); err != nil {
		return 0, err
	}
	if r.limit > 0 && r.size > 0 && r.size+int64(len(block)) > r.limit {
		if err := r.rotate(); err != nil {
			return 0, err
		}
	}
	if r.stream {
		r.file.SetWriteDeadline(time.Now().Add(streamPatience)) // its error is a file that never makes anybody wait
	}
	n, err = r.file.Write(block)
	if err == nil {
		r.size += int64(n)
		return n, nil
	}
	whole := bytes.LastIndexByte(block[:n], '\n') + 1
	r.torn = r.stream && whole < n
	if whole < n && !r.stream {
		r.file.Truncate(r.size + int64(whole)) // if it can't, open sees to it
	}
	r.close() // what is wrong may be over when it is opened again
	return whole, err
}

// open sees to it that the file is there and is the one that we have: somebody may have removed or moved it.
func (r *rotor) open() error {
	if r.file != nil {
		if r.current() {
			return nil
		}
		r.close()
	}
	file, err := openLog(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.Mkdir(filepath.Dir(r.path), 0o700); err != nil {
			return err
		}
		file, err = openLog(r.path)
	}
	if err != nil {
		return err
	}
	if err = r.begin(file); err != nil {
		file.Close()
		return err
	}
	r.file = file
	return nil
}

// openLog opens a file to append to. That it can be read too is for repair, and keeps a pipe without a reader from making us
// wait for one.
func openLog(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
}

// begin finds out what the file is, and ends what was left unfinished in it.
func (r *rotor) begin(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if r.stream = !info.Mode().IsRegular(); r.stream {
		if r.torn {
			file.SetWriteDeadline(time.Now().Add(streamPatience))
			_, err = file.Write(newline)
			r.torn = err != nil
		}
		return err
	}
	if r.size, err = file.Seek(0, io.SeekEnd); err != nil {
		return err
	}
	return r.repair(file)
}

// current says whether our file is still the one of this name.
func (r *rotor) current() bool {
	ours, err := r.file.Stat()
	if err != nil {
		return false
	}
	theirs, err := os.Stat(r.path)
	return err == nil && os.SameFile(ours, theirs)
}

// repair ends a line that was cut short when lbdev was killed, or the power failed.
func (r *rotor) repair(file *os.File) error {
	if r.size == 0 {
		return nil
	}
	var last [1]byte
	if _, err := file.ReadAt(last[:], r.size-1); err != nil || last[0] == '\n' {
		return err
	}
	n, err := file.Write([]byte{'\n'})
	r.size += int64(n)
	return err
}

// rotate gives the file a name with the time in it, and opens a new one. Two in one millisecond get two names. A file that
// can't be renamed, as somebody on Windows looks at it, grows on.
func (r *rotor) rotate() error {
	r.close() // before: Windows does not rename an open file
	for now := time.Now().UTC(); ; now = now.Add(time.Millisecond) {
		name := backupName(r.path, now)
		if exists(name) || exists(name+gz) {
			continue
		}
		if err := os.Rename(r.path, name); err == nil {
			r.rotated()
		}
		return r.open()
	}
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

func (r *rotor) close() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file = nil
	return err
}

// backupName is the name that path gets when it is rotated.
func backupName(path string, t time.Time) string {
	ext := filepath.Ext(path)
	return strings.TrimSuffix(path, ext) + "-" + t.Format(stampFormat) + ext
}

// backupOf takes the name of a backup apart: of which file it is, and from when. A file's name may have no ending.
func backupOf(name string) (path string, t time.Time, ok bool) {
	plain := strings.TrimSuffix(name, gz)
	for _, ext := range []string{filepath.Ext(plain), ""} {
		stem := strings.TrimSuffix(plain, ext)
		cut := len(stem) - len(stampFormat) - 1
		if cut < 1 || stem[cut] != '-' {
			continue
		}
		if t, err := time.Parse(stampFormat, stem[cut+1:]); err == nil {
			return stem[:cut] + ext, t, true
		}
	}
	return "", time.Time{}, false
}
