// Package procs runs one child process tree: its start on a pseudo terminal or pipes, its output as lines, its stop, its
// death.
package procs
