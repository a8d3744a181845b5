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
	"github.com/lbdev/lbdev/rundir"
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
		dir, err := rundir.Make(parent)
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
