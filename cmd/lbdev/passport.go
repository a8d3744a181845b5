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
	words []string // what names it: a program, or what follows python; the second, if there is one, may come after options
	flag  string   // the option that takes the port; empty: it is an argument
	add   []string // what is added
	off   string   // the argument that switches its autoreload off
	on    string   // the argument that switches it on, which is left out
	said  string   // what people are told
}

var knownCommands = []knownCommand{
	{words: []string{"manage.py", "runserver"}, add: []string{"127.0.0.1:{port}"}, off: "--noreload", said: "port added as runserver's argument"},
	{words: []string{"flask", "run"}, flag: "--port", add: []string{"--port", "{port}"}, off: "--no-reload", said: "port added as flask's --port"},
	{words: []string{"uvicorn"}, flag: "--port", add: []string{"--port", "{port}"}, on: "--reload", said: "port added as uvicorn's --port"},
	{words: []string{"http.server"}, add: []string{"{port}", "--bind", "127.0.0.1"}, said: "port added as http.server's argument"},
}

// fixedPort is an address or port given as an argument of its own.
var fixedPort = regexp.MustCompile(`^([0-9.]+:|localhost:|\[[0-9a-f:]+\]:)?[0-9]{1,5}$`)

// passPort returns the command with the worker's port in it, and how it got there. A command that names {port} or {socket} is left
// alone, so is one that nobody knows: it finds its port in the environment. A port that is given would be the same for all
// workers and is replaced.
func passPort(argv, env []string) (command []string, said string) {
	if cluster.HasPort(argv) || cluster.HasSocket(argv) || cluster.HasSocket(env) {
		return argv, ""
	}
	for _, k := range knownCommands {
		if at := k.find(argv); at > 0 {
			return k.complete(slices.Clone(argv), at)
		}
	}
	return argv, "port passed in the environment as PORT; if your server wants it otherwise, write {port} into the command"
}

// find returns the index behind the words that name the command, or -1. The first is the program itself, or what python
// runs: a script, or a module after -m.
func (k *knownCommand) find(argv []string) int {
	at := 0
	if strings.HasPrefix(filepath.Base(argv[0]), "python") || filepath.Base(argv[0]) == "py" {
		for at = 1; at < len(argv) && strings.HasPrefix(argv[at], "-"); at++ {
		}
	}
	if at >= len(argv) || filepath.Base(argv[at]) != k.words[0] {
		return -1
	}
	if len(k.words) == 1 {
		return at + 1
	}
	if i := slices.Index(argv[at:], k.words[1]); i > 0 {
		return at + i + 1
	}
	return -1
}

// complete puts the port behind the words that end at at, in place of one that is given, and switches autoreload off: a
// reloader is a second process for each worker.
func (k *knownCommand) complete(argv []string, at int) ([]string, string) {
	said := k.said
	head, rest := argv[:at:at], slices.Clone(argv[at:])
	rest, old := k.withoutPort(rest)
	if old != "" {
		said += " in place of " + old
	}
	reloads := k.off != "" && !slices.Contains(rest, k.off)
	if i := slices.Index(rest, k.on); k.on != "" && i >= 0 {
		rest, reloads = slices.Delete(rest, i, i+1), true
	}
	if reloads {
		said += ", autoreload switched off (--watch restarts all in turn)"
		if k.off != "" {
			rest = append(rest, k.off)
		}
	}
	return slices.Concat(head, k.add, rest), said
}

// withoutPort takes a port that is given out of a command's arguments and returns it.
func (k *knownCommand) withoutPort(args []string) (rest []string, old string) {
	for i, arg := range args {
		value, joined := strings.CutPrefix(arg, k.flag+"=")
		switch {
		case k.flag == "" && fixedPort.MatchString(arg) && !isOptionsValue(args, i):
			return slices.Delete(args, i, i+1), arg
		case k.flag != "" && joined:
			return slices.Delete(args, i, i+1), value
		case k.flag != "" && (arg == k.flag || arg == "-p") && i+1 < len(args):
			old = args[i+1]
			return slices.Delete(args, i, i+2), old
		}
	}
	return args, ""
}

// isOptionsValue says whether the i-th argument may belong to the option before it, as 2 does in "-v 2". A port has four
// digits or more, or an address before it.
func isOptionsValue(args []string, i int) bool {
	return i > 0 && strings.HasPrefix(args[i-1], "-") && len(args[i]) < 4
}
