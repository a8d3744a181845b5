package procs

// frozenNow can't know: a process of which each thread is suspended looks like one that waits.
func (p *Process) frozenNow(int) (frozen, known bool) { return false, false }
