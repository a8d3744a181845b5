package main

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/lbdev/lbdev/cluster"
)

// A knownCommand is a server whose way to take a port lbdev knows.
type knownCommand struct {
	words []string // it is recognised by these, in this order; the first one by its base name
	port  []string // what is added
	off   string   // the argument that switches its autoreload off
	said  string   // what people are told
}

var knownCommands = []knownCommand{
	{[]string{"manage.py", "runserver"}, []string{"127.0.0.1:{port}"}, "--noreload", "port added as runserver's argument"},
	{[]string{"flask", "run"}, []string{"--port", "{port}"}, "--no-reload", "port added as flask's --port"},
	{[]string{"uvicorn"}, []string{"--port", "{port}"}, "", "port added as uvicorn's --port"},
	{[]string{"-m", "uvicorn"}, []string{"--port", "{port}"}, "", "port added as uvicorn's --port"},
	{[]string{"-m", "http.server"}, []string{"{port}", "--bind", "127.0.0.1"}, "", "port added as http.server's argument"},
}

// fixedPort is an address or port given as an argument of its own.
var fixedPort = regexp.MustCompile(`^([0-9.]+:|localhost:|\[[0-9a-f:]+\]:)?[0-9]{1,5}$`)

// passPort returns the command with the worker's port in it, and how it got there. A command that names {port} is left
// alone, so is one that nobody knows: it finds its port in the environment. An address that is given in place of the
// port would be the same for all workers and is replaced.
func passPort(argv []string) (command []string, said string) {
	if cluster.HasPort(argv) {
		return argv, ""
	}
	for _, k := range knownCommands {
		at := k.find(argv)
		if at < 0 {
			continue
		}
		return k.complete(slices.Clone(argv), at)
	}
	return argv, "port passed in the environment as PORT; if your server wants it otherwise, write {port} into the command"
}

// find returns the index behind the last of the words that name the command, or -1. Options of the program may stand
// between them.
func (k *knownCommand) find(argv []string) int {
	next := 0
	for i, arg := range argv {
		if arg == k.words[next] || next == 0 && filepath.Base(arg) == k.words[0] {
			if next++; next == len(k.words) {
				return i + 1
			}
		}
	}
	return -1
}

func (k *knownCommand) complete(argv []string, at int) ([]string, string) {
	said := k.said
	if at < len(argv) && fixedPort.MatchString(argv[at]) && !strings.HasPrefix(k.port[0], "-") {
		said += " in place of " + argv[at]
		argv = slices.Delete(argv, at, at+1)
	}
	argv = slices.Insert(argv, at, k.port...)
	if k.off != "" && !slices.Contains(argv, k.off) {
		argv = append(argv, k.off)
		said += ", autoreload switched off"
	}
	return argv, said
}
