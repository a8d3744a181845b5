package cluster

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// placeholders are the names that Expand replaces.
var placeholders = []string{"port", "socket", "worker", "host", "front"}

// HasPort says whether any of the arguments names the worker's port by a placeholder.
func HasPort(args []string) bool {
	return slices.ContainsFunc(args, func(arg string) bool {
		return strings.Contains(arg, "{port}") || strings.Contains(arg, "%port%")
	})
}

// HasPlaceholder says whether a text has something in it that is another for each worker.
func HasPlaceholder(s string) bool {
	return slices.ContainsFunc(placeholders, func(name string) bool {
		return strings.Contains(s, "{"+name+"}") || strings.Contains(s, "%"+name+"%")
	})
}

// seat is what one worker is told about itself.
type seat struct {
	worker, port   int
	socket         string // empty = it listens on its port
	front, cluster string
}

// workerHost is the address that every worker is told to listen on.
const workerHost = "127.0.0.1"

// expand replaces {port}, {socket}, {worker}, {host} and {front}, also spelt %port% for shells in which braces mean something.
// Anything else in braces or percent signs stays as it is.
func (s seat) expand(text string) string {
	if !strings.ContainsAny(text, "{%") {
		return text
	}
	var pairs []string
	for _, name := range placeholders {
		value := s.value(name)
		pairs = append(pairs, "{"+name+"}", value, "%"+name+"%", value)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

func (s seat) value(placeholder string) string {
	switch placeholder {
	case "port":
		return strconv.Itoa(s.port)
	case "socket":
		return s.socket
	case "worker":
		return strconv.Itoa(s.worker)
	case "host":
		return workerHost
	case "front":
		return s.front
	}
	panic("cluster: unknown placeholder " + placeholder)
}

// argv is the command line of this worker.
func (s seat) argv(command []string) []string {
	argv := make([]string, len(command))
	for i, arg := range command {
		argv[i] = s.expand(arg)
	}
	return argv
}

// environ is the environment of this worker: what lbdev itself has, the env file, what the worker is told, and last what
// the user asked for by name. The file comes before PORT: a PORT in .env is meant for one server, not for four.
func (s seat) environ(c *Config) []string {
	env := slices.Clone(c.environ())
	for _, key := range slices.Sorted(maps.Keys(c.EnvFile)) {
		env = append(env, key+"="+s.expand(c.EnvFile[key]))
	}
	port := strconv.Itoa(s.port)
	env = append(env,
		"PORT="+port,
		"HOST="+workerHost,
		"LBDEV_WORKER="+strconv.Itoa(s.worker),
		"LBDEV_PORT="+port,
		"LBDEV_FRONT="+s.front,
		"LBDEV_CLUSTER="+s.cluster,
	)
	if s.socket != "" {
		env = append(env, "LBDEV_SOCKET="+s.socket)
	}
	if !c.PTY {
		// Python buffers its output in blocks when it is no terminal: the last words would be lost and all others late.
		env = append(env, "PYTHONUNBUFFERED=1")
		if c.Colour {
			env = append(env, "FORCE_COLOR=1", "CLICOLOR_FORCE=1")
		}
	}
	for _, kv := range c.Env {
		env = append(env, s.expand(kv))
	}
	return env
}
