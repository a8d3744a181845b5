package procs

const (
	hasMarks   = false
	diesWithUs = false
)
