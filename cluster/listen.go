package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"
)

// ErrPrivileged says that the system gives the front's port to privileged users only.
var ErrPrivileged = errors.New("only a privileged user may listen on this port")

// A FrontError says why an address of the front cannot be opened, where it is not another program's port.
type FrontError struct {
	Address string // host:port or unix:PATH
	Err     error
}

func (e *FrontError) Error() string {
	return fmt.Sprintf("cannot open the front on %q: %v", e.Address, e.Err)
}
func (e *FrontError) Unwrap() error { return e.Err }

// unixPrefix begins an address that is a unix socket's path.
const unixPrefix = "unix:"

// listen opens an address of the front: host:port, or unix:PATH.
func listen(address string) (net.Listener, error) {
	if path, ok := strings.CutPrefix(address, unixPrefix); ok {
		return listenUnix(path)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, listenError(address, err)
	}
	return l, nil
}

// listenUnix opens a unix socket. One that a program left behind when it was killed is in the way of the next bind; nobody
// answers there, and it is removed. Who may connect is what the umask says, as for any file.
func listenUnix(path string) (net.Listener, error) {
	l, err := net.Listen("unix", path)
	if err == nil || !isAddrInUse(err) {
		return l, unixError(path, err)
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() != fs.ModeSocket {
		return nil, &FrontError{unixPrefix + path, errors.New("there is a file that is no socket")}
	}
	if conn, err := net.Dial("unix", path); err == nil {
		conn.Close()
		return nil, &FrontError{unixPrefix + path, errors.New("another program listens there")}
	} else if !isConnRefused(err) {
		return nil, unixError(path, err)
	}
	os.Remove(path) // if it fails, so does what follows
	l, err = net.Listen("unix", path)
	return l, unixError(path, err)
}

// maxUnixPath is the room for a socket's path in the smallest of the systems' structures (BSD's 104 bytes with the zero).
const maxUnixPath = 103

func unixError(path string, err error) error {
	if err == nil {
		return nil
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	if len(path) > maxUnixPath {
		err = fmt.Errorf("the path is longer than the system allows: %w", err)
	}
	return &FrontError{unixPrefix + path, err}
}

func listenError(address string, err error) error {
	_, portText, _ := net.SplitHostPort(address)
	if port, convErr := strconv.Atoi(portText); convErr == nil && isAddrInUse(err) {
		return &PortTakenError{Port: port, Holder: holderOf(port, longLook)}
	}
	if errors.Is(err, fs.ErrPermission) {
		return &FrontError{address, ErrPrivileged}
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	return &FrontError{address, err}
}

// urlOf is where people on this machine open an address.
func urlOf(scheme string, addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return unixPrefix + addr.String()
	}
	host := tcp.IP.String()
	if tcp.IP.IsUnspecified() {
		host = workerHost
	}
	return scheme + "://" + net.JoinHostPort(host, strconv.Itoa(tcp.Port))
}
