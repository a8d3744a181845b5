package procs

import "time"

const (
	hasMarks   = false
	diesWithUs = false
)

// isDeaf gives a guardian a second to come so far that it ignores signals, as nothing shows that here.
func isDeaf(pid int) bool {
	p, ok := look(pid)
	return ok && time.Since(began(p.start)) > time.Second
}
