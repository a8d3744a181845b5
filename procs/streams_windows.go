package procs

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

// HasPTY says whether Config.PTY works on this system.
const HasPTY = false

// streams are the ends of what connects us to a process.
type streams struct {
	childIn, childOut *os.File // the child's ends; closed once it has them
	input             *os.File // held open, nothing is ever written
	output            *os.File // the reader's
}

func openStreams(config Config) (*streams, error) {
	if config.PTY {
		return nil, fmt.Errorf("no pseudo terminals on Windows: %w", errors.ErrUnsupported)
	}
	s := new(streams)
	var err error
	if s.childIn, s.input, err = os.Pipe(); err != nil {
		return nil, err
	}
	if s.output, s.childOut, err = pipe(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// pipe is os.Pipe with a read end that has deadlines and can be closed under a Read. Windows has that (overlapped I/O) for
// named pipes only. The write end is an ordinary one, as a child expects.
func pipe() (r, w *os.File, err error) {
	var random [16]byte
	rand.Read(random[:])
	name := `\\.\pipe\lbdev-` + hex.EncodeToString(random[:])
	path, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return nil, nil, err
	}
	const mode = windows.PIPE_ACCESS_INBOUND | windows.FILE_FLAG_FIRST_PIPE_INSTANCE | windows.FILE_FLAG_OVERLAPPED
	in, err := windows.CreateNamedPipe(path, mode, windows.PIPE_TYPE_BYTE|windows.PIPE_REJECT_REMOTE_CLIENTS,
		1, readSize, readSize, 0, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("no pipe: %w", err)
	}
	out, err := windows.CreateFile(path, windows.GENERIC_WRITE, 0, nil, windows.OPEN_EXISTING, 0, 0)
	if err != nil {
		windows.CloseHandle(in)
		return nil, nil, fmt.Errorf("no pipe: %w", err)
	}
	return os.NewFile(uintptr(in), name), os.NewFile(uintptr(out), name), nil
}

// started closes what only the child needs.
func (s *streams) started() {
	s.childIn.Close()
	s.childOut.Close()
}

// hangUp closes our ends once the leader has been reaped; only the reader has one then.
func (s *streams) hangUp(<-chan struct{}) { s.input.Close() }

// close closes all, for a process that never was.
func (s *streams) close() {
	for _, f := range []*os.File{s.childIn, s.input, s.output, s.childOut} {
		if f != nil {
			f.Close()
		}
	}
}
