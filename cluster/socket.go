package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/lbdev/lbdev/proxy"
)

// An Upstream is the protocol that workers are spoken to in.
type Upstream string

// The protocols.
const (
	UpstreamHTTP1 Upstream = "http1" // HTTP/1.1
	UpstreamH2C   Upstream = "h2c"   // HTTP/2 without TLS, from the first byte: what gRPC servers speak
)

// maxSocketPath is how long a path of a unix socket may be: sun_path of the systems has 108 bytes, or 104, with a zero.
const maxSocketPath = 103

// socketsPrefix begins the name of a folder with sockets; the pid of its lbdev follows.
const socketsPrefix = "lbdev-w"

// HasSocket says whether any of the texts names the worker's socket by a placeholder.
func HasSocket(texts []string) bool {
	return slices.ContainsFunc(texts, func(text string) bool {
		return strings.Contains(text, "{socket}") || strings.Contains(text, "%socket%")
	})
}

// usesSockets says whether workers are told to listen on a unix socket.
func (c *Config) usesSockets() bool {
	if HasSocket(c.Command) || HasSocket(c.Env) {
		return true
	}
	for _, value := range c.EnvFile {
		if HasSocket([]string{value}) {
			return true
		}
	}
	return false
}

// validateUpstream reports faults of how workers are reached.
func (c *Config) validateUpstream(fault func(field, format string, args ...any)) {
	switch c.Upstream {
	case "", UpstreamHTTP1, UpstreamH2C:
	default:
		fault("Upstream", "cannot speak %q to workers: it must be http1 or h2c", c.Upstream)
	}
	if runtime.GOOS == "windows" && c.usesSockets() {
		fault("Command", "cannot use {socket} on Windows: hardly a server there listens on a unix socket")
	}
}

// openSockets makes the folder for the workers' sockets, which nobody else may enter, if they use any.
func (c *Cluster) openSockets() error {
	if !c.config.usesSockets() {
		return nil
	}
	var faults []error
	for _, parent := range []string{c.config.SocketDir, os.TempDir()} {
		if parent == "" {
			continue
		}
		removeLeftSockets(parent)
		dir, err := os.MkdirTemp(parent, socketsPrefix+strconv.Itoa(os.Getpid())+"-") // made with mode 0700
		if err != nil {
			faults = append(faults, err)
			continue
		}
		if longest := filepath.Join(dir, "65535"); len(longest) > maxSocketPath {
			os.Remove(dir)
			faults = append(faults, fmt.Errorf("%q has %d bytes, and a socket's path at most %d", longest, len(longest), maxSocketPath))
			continue
		}
		c.sockets = dir
		return nil
	}
	return fmt.Errorf("cannot make a folder for the workers' sockets: %w", errors.Join(faults...))
}

// closeSockets removes it.
func (c *Cluster) closeSockets() {
	if c.sockets != "" {
		os.RemoveAll(c.sockets)
	}
}

// removeLeftSockets removes the folders of lbdevs that were killed.
func removeLeftSockets(parent string) {
	for _, dir := range LeftSockets(parent) {
		os.RemoveAll(dir)
	}
}

// LeftSockets are the folders for sockets that lbdevs have left behind which were killed, as far as they are ours. One in which somebody
// listens is not among them, whatever its pid says: it may belong to another container's lbdev.
func LeftSockets(parent string) (left []string) {
	dirs, _ := filepath.Glob(filepath.Join(parent, socketsPrefix+"[0-9]*-*"))
	for _, dir := range dirs {
		if pid := SocketsOwner(dir); pid == 0 || processLives(pid) {
			continue
		}
		entries, err := os.ReadDir(dir)
		if err != nil { // somebody else's
			continue
		}
		if !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return socketAnswers(filepath.Join(dir, e.Name())) }) {
			left = append(left, dir)
		}
	}
	return left
}

// SocketsOwner is the pid of the lbdev that made a folder for sockets; 0 = its name does not tell.
func SocketsOwner(dir string) int {
	number, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), socketsPrefix), "-")
	pid, _ := strconv.Atoi(number) // its error is that it is no number
	return pid
}

// socketAnswers says whether somebody listens on a unix socket.
func socketAnswers(path string) bool {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// socketOf is the path of the socket of the worker with this port; empty = workers have none.
func (c *Cluster) socketOf(port int) string {
	if c.sockets == "" {
		return ""
	}
	return filepath.Join(c.sockets, strconv.Itoa(port))
}

// wire is how the proxy reaches the worker.
func (w *worker) wire() proxy.Wire {
	return proxy.Wire{Socket: w.socket, HTTP2: w.cluster.config.Upstream == UpstreamH2C}
}

// removeSocket makes place for the next process: binding to a path at which a file lies fails, also if nobody listens there.
func (w *worker) removeSocket() {
	if w.socket != "" {
		os.Remove(w.socket) // its error is that there is none
	}
}

// dial connects to the worker: to its socket, or to its port on either loopback, as some servers listen on ::1 only.
func (w *worker) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	var d net.Dialer
	if w.socket != "" {
		return d.DialContext(ctx, "unix", w.socket)
	}
	port := strconv.Itoa(w.port)
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		conn, err = d.DialContext(ctx, "tcp", net.JoinHostPort("::1", port))
	}
	if err == nil && conn.LocalAddr().String() == conn.RemoteAddr().String() {
		conn.Close() // TCP's simultaneous open: we met ourselves
		return nil, fmt.Errorf("cannot connect to port %s: connection refused", port)
	}
	return conn, err
}

// client asks the worker itself, each time over a connection of its own, in the protocol that it is spoken to in.
func (w *worker) client() *http.Client {
	t := &http.Transport{DisableKeepAlives: true, DialContext: w.dial, Protocols: new(http.Protocols)}
	if w.cluster.config.Upstream == UpstreamH2C {
		t.Protocols.SetUnencryptedHTTP2(true)
	} else {
		t.Protocols.SetHTTP1(true)
	}
	return &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
