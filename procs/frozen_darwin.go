package procs

// frozenNow does without knowing who listens: that is found by asking for every socket of every process, which takes too long
// to be asked often.
func (p *Process) frozenNow(int) (frozen, known bool) { return p.allStand() }
