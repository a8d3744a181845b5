//go:build linux || darwin

package main

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"github.com/creack/pty"
)

const (
	// A request under way takes two descriptors, a worker about ten; with fewer than tooFew a browser's page load may fail,
	// with fewer than enough a load test does.
	tooFew = 256
	enough = 4096
)

// checkOpenFiles says how many lbdev may open, which is what the hard limit allows, as Go raises the soft one by itself; and
// how many a worker, for which it is put back.
func checkOpenFiles(_ *examination, ctx context.Context) []finding {
	const name = "open files"
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return []finding{{name, notable, fmt.Sprintf("the limit is not known: %v", err), ""}}
	}
	text := thousands(limit.Cur) + " for lbdev"
	if out, err := exec.CommandContext(ctx, "sh", "-c", "ulimit -Sn").Output(); err == nil {
		worker := strings.TrimSpace(string(out))
		if n, err := strconv.ParseUint(worker, 10, 64); err == nil {
			worker = thousands(n)
		}
		text += ", " + worker + " for a worker"
	}
	switch {
	case limit.Cur < tooFew:
		return []finding{{name, problem, text + ": each request takes two", fmt.Sprintf("raise the limit:  ulimit -n %d  , if need be as root", enough)}}
	case limit.Cur < enough:
		return []finding{{name, notable, text + ": each request takes two", fmt.Sprintf("before a load test:  ulimit -n %d", enough)}}
	}
	return []finding{{name, fine, text, ""}}
}

// checkTerminals opens a pseudo terminal, as up does for each worker when it runs in a terminal.
func checkTerminals(*examination, context.Context) []finding {
	master, slave, err := pty.Open()
	if err != nil {
		return []finding{{"terminals", problem, fmt.Sprintf("workers can't get one: %v", err), "mount /dev/pts, or run them without:  lbdev up --pty off …"}}
	}
	master.Close()
	slave.Close()
	return []finding{{"terminals", fine, "workers can get one", ""}}
}
