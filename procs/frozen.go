package procs

import "sync"

// servers remembers who of a tree serves a port, so that asking often costs little.
type servers struct {
	mu   sync.Mutex
	port int
	pids []member
}

// Frozen says whether nobody of the tree can answer on a port, because each process that listens on it is stopped, by SIGSTOP or
// by Ctrl-Z. known is false where that can't be told: then it may be frozen or busy. On Linux it is exact, and cheap when
// asked again; on macOS, and where nobody listens on the port, it is known if all processes of the tree are stopped, or none is; on
// Windows never.
func (p *Process) Frozen(port int) (frozen, known bool) {
	p.servers.mu.Lock()
	defer p.servers.mu.Unlock()
	return p.frozenNow(port)
}
