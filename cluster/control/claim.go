package control

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Info is what the state file tells of a running cluster.
type Info struct {
	Name      string    `json:"name"`
	PID       int       `json:"pid"`                  // of the lbdev that runs it; Claim fills in ours if it is 0
	ProcStart uint64    `json:"proc_start,omitempty"` // when that process started, in the system's own count
	Folder    string    `json:"folder"`               // from which it was started
	Front     string    `json:"front"`                // its URL; empty until it is open
	BasePort  int       `json:"base_port"`
	Ports     []int     `json:"ports"` // of the workers
	Started   time.Time `json:"started"`
	Socket    string    `json:"socket"`              // its path, on Windows its address
	Mark      string    `json:"mark,omitempty"`      // what the processes of this lbdev carry in their environment
	Token     string    `json:"token,omitempty"`     // on Windows
	Dashboard string    `json:"dashboard,omitempty"` // its URL, with the token that lets in
	Version   string    `json:"version"`
}

// A NameTakenError says that a cluster of this name is running. Of Info only the Socket is known where the state file can't
// be read.
type NameTakenError struct {
	Info
}

func (e *NameTakenError) Error() string {
	text := fmt.Sprintf("cannot start cluster %q: it is running already", e.Name)
	if e.PID == 0 {
		return text
	}
	text += fmt.Sprintf(" (pid %d", e.PID)
	if e.Folder != "" {
		text += " in " + e.Folder
	}
	if e.Front != "" {
		text += ", " + e.Front
	}
	return text + ", since " + e.Started.Local().Format("15:04:05") + ")"
}

// A Claim is the right to a cluster's name, with the socket and the state file that go with it. Its methods are for one
// goroutine at a time.
type Claim struct {
	dir      Dir
	stem     string
	info     Info
	listener net.Listener
	socket   os.FileInfo // which file is ours; nil on Windows
	closed   bool
}

// Claim takes a name: it opens the socket and writes the state file. A cluster that runs under this name is a
// *NameTakenError; what one that has crashed left behind is removed. The caller owes a Close.
func (d Dir) Claim(info Info) (*Claim, error) {
	info.Name = valid(info.Name)
	info.Folder = valid(info.Folder)
	if info.Name == "" {
		return nil, errors.New("cannot claim a cluster's name: it is empty")
	}
	if info.PID == 0 {
		info.PID = os.Getpid()
	}
	if info.Started.IsZero() {
		info.Started = time.Now()
	}
	unlock, err := d.lock(true)
	if err != nil {
		return nil, err
	}
	defer unlock()
	c := &Claim{dir: d, stem: stem(info.Name), info: info}
	if err := c.evict(); err != nil {
		return nil, err
	}
	if err := c.open(); err != nil {
		return nil, err
	}
	if err := c.write(); err != nil {
		c.listener.Close()
		os.Remove(d.path(c.stem + socketEnd))
		return nil, err
	}
	return c, nil
}

// evict removes what a cluster of this name that has ended left behind.
func (c *Claim) evict() error {
	was, err := c.dir.read(c.stem)
	if err != nil {
		was = Info{Name: c.info.Name, Socket: c.dir.socket(c.stem)}
	}
	if occupied(c.dir, c.stem, was) {
		return &NameTakenError{was}
	}
	return c.dir.remove(c.stem)
}

// remove removes all files of one stem; the lock is held.
func (d Dir) remove(stem string) error {
	names := []string{d.path(stem + socketEnd), d.path(stem + stateEnd)}
	temps, _ := filepath.Glob(filepath.Join(quoteGlob(string(d)), "."+stem+".*"+tempEnd))
	for _, name := range append(names, temps...) {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot remove what an earlier cluster left: %w", err)
		}
	}
	return nil
}

// quoteGlob is a path that filepath.Glob takes as it is.
func quoteGlob(path string) string {
	if filepath.Separator == '\\' {
		return path // where there is no way to quote
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// open opens the socket.
func (c *Claim) open() error {
	listener, err := listen(c.dir, c.stem)
	if err != nil {
		return err
	}
	c.listener = listener
	c.info.Socket = c.dir.socket(c.stem)
	if wantsToken {
		c.info.Socket = listener.Addr().String()
		c.info.Token = rand.Text()
		return nil
	}
	c.socket, err = os.Lstat(c.info.Socket)
	if err != nil {
		listener.Close()
	}
	return err
}

// Listener is the socket; give it to Server.Open.
func (c *Claim) Listener() net.Listener { return c.listener }

// Token is what Server.Token must be: empty where the system guards the socket.
func (c *Claim) Token() string { return c.info.Token }

// Info is what the state file says now.
func (c *Claim) Info() Info { return c.info }

// Update changes what the state file says. Name, PID, Started, Socket and Token stay as they are.
func (c *Claim) Update(change func(*Info)) error {
	info := c.info
	info.Ports = append([]int(nil), c.info.Ports...)
	change(&info)
	info.Name, info.PID, info.Started, info.Socket, info.Token = c.info.Name, c.info.PID, c.info.Started, c.info.Socket, c.info.Token
	info.Folder = valid(info.Folder)
	if string(line(info)) == string(line(c.info)) {
		return nil
	}
	c.info = info
	return c.write()
}

// write replaces the state file in one step: whoever reads it, and whatever happens to us, it is the old one or the new.
func (c *Claim) write() error {
	temp, err := os.CreateTemp(string(c.dir), "."+c.stem+".*"+tempEnd) // with mode 0600
	if err != nil {
		return fmt.Errorf("cannot write the state file: %w", err)
	}
	_, err = temp.Write(line(c.info))
	err = errors.Join(err, temp.Sync(), temp.Close())
	if err == nil {
		err = replace(temp.Name(), c.dir.path(c.stem+stateEnd))
	}
	if err != nil {
		os.Remove(temp.Name())
		return fmt.Errorf("cannot write the state file: %w", err)
	}
	return nil
}

// Close closes the listener, if the server has not, and removes the files, unless they are another cluster's by now: of one
// that took the name after our socket was closed, or lost. A second call does nothing.
func (c *Claim) Close() error {
	if c.closed {
		return nil
	}
	c.closed = true
	c.listener.Close() // its error is that the server has closed it
	unlock, err := c.dir.lock(false)
	if err != nil {
		return err
	}
	defer unlock()
	now, err := c.dir.read(c.stem)
	if err == nil && (now.PID != c.info.PID || !now.Started.Equal(c.info.Started)) {
		return nil
	}
	if socket, err := os.Lstat(c.info.Socket); err == nil && c.socket != nil && !os.SameFile(socket, c.socket) {
		return nil
	}
	return c.dir.remove(c.stem)
}

// read reads the state file of a stem. Its errors are fs.ErrNotExist, or that it is no such file.
func (d Dir) read(of string) (Info, error) {
	var info Info
	name := d.path(of + stateEnd)
	stat, err := os.Lstat(name)
	if err != nil {
		return info, err
	}
	if !stat.Mode().IsRegular() || !ownFile(stat) || stat.Size() > maxState {
		return info, errors.New("it is no state file of ours")
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return info, err
	}
	if err := json.Unmarshal(text, &info); err != nil {
		return Info{}, fmt.Errorf("it can't be read: %w", err)
	}
	if stem(info.Name) != of || info.PID <= 0 {
		return Info{}, errors.New("it is the state file of something else")
	}
	if !wantsToken {
		info.Socket = d.socket(of) // whatever the file says, nobody is sent elsewhere
	}
	return info, nil
}
