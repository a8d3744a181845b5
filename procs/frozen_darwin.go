package procs

// frozenNow does without knowing who listens: that is found by asking for every socket of every process, which takes too long
// to be asked often.
func (p *Process) frozenNow(int) (frozen, known bool) {
	members := p.scan()
	stopped := 0
	for _, m := range members {
		if m.stopped {
			stopped++
		}
	}
	return stopped > 0 && stopped == len(members), stopped == 0 || stopped == len(members)
}
