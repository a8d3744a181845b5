// Package misbehave makes a test binary play the children that a supervisor must cope with.
package misbehave

// Main plays the child that the arguments name and exits; it returns at once in a test binary that is no such child.
// Call it first in TestMain.
func Main() {}

// Argv is the command line of a child: this very program, playing the mode with its arguments.
func Argv(mode string, args ...string) []string { return nil }
