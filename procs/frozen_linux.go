package procs

import "strconv"

// frozenNow looks at those who were found to listen before. That they all are stopped counts only if there is nobody else by
// now; that one of them runs is enough.
func (p *Process) frozenNow(port int) (frozen, known bool) {
	s := &p.servers
	if s.port == port && len(s.pids) > 0 {
		if stopped, gone := standing(s.pids); !stopped && !gone {
			return false, true
		}
	}
	s.port, s.pids = port, p.listeners(port)
	if len(s.pids) == 0 {
		return p.allStand() // it listens on no port, but on a unix socket
	}
	stopped, gone := standing(s.pids)
	return stopped, !gone
}

// standing says whether all of them are stopped, and whether one of them is no more.
func standing(all []member) (stopped, gone bool) {
	stopped = true
	for _, m := range all {
		now, ok := look(m.pid)
		if !ok || now.start != m.start || !now.alive {
			gone = true
		}
		stopped = stopped && now.stopped
	}
	return stopped, gone
}

// listeners are those of the tree who listen on a port.
func (p *Process) listeners(port int) []member {
	sockets := listening()
	var found []member
	for _, m := range p.scan() {
		for _, inode := range socketsOf(strconv.Itoa(m.pid)) {
			if listens, ok := sockets[inode]; ok && listens == port {
				found = append(found, m)
				break
			}
		}
	}
	return found
}
