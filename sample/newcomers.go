package sample

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// newcomerPatience is how long a connection may still bring its first request when the copy is asked to end. A front sends it as soon as it
// is connected; browsers, and some fronts, open connections in advance.
const newcomerPatience = 250 * time.Millisecond

// newcomers are the connections that have sent nothing yet. http.Server's Shutdown waits 5 s for them (go.dev/issue/22682).
type newcomers struct {
	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

// note is the server's ConnState.
func (n *newcomers) note(c net.Conn, state http.ConnState) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if state != http.StateNew {
		delete(n.conns, c)
		return
	}
	if n.conns == nil {
		n.conns = map[net.Conn]struct{}{}
	}
	n.conns[c] = struct{}{}
}

// close closes those that there are. They stay noted until the server has seen it.
func (n *newcomers) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.conns {
		c.Close()
	}
}
