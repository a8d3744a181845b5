package main

import (
	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/templates/presets"
)

// passPort returns the command with the worker's port in it, and how it got there. A command that names {port} or {socket} is left
// alone, so is one that nobody knows: it finds its port in the environment. A port that is given would be the same for all
// workers and is replaced.
func passPort(set *presets.Set, argv, env []string, place presets.Place) (command []string, said string) {
	if cluster.HasPort(argv) || cluster.HasSocket(argv) || cluster.HasSocket(env) {
		return argv, ""
	}
	if found, ok := set.Complete(argv, place); ok {
		return found.Command, found.Said
	}
	return argv, "port passed in the environment as PORT; if your server wants it otherwise, write {port} into the command"
}
