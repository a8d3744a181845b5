//go:build linux || darwin

package procs

// allStand says whether the whole tree is stopped. If a part of it is, nobody knows whether it is the part that serves.
func (p *Process) allStand() (frozen, known bool) {
	members := p.scan()
	stopped := 0
	for _, m := range members {
		if m.stopped {
			stopped++
		}
	}
	return stopped > 0 && stopped == len(members), stopped == 0 || stopped == len(members)
}
