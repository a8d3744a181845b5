package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// enoughWatches is how many folders a project with all its dependencies may have; older kernels allow 8,192 in all.
const enoughWatches = 16384

// checkWatches is for --watch, which needs an inotify instance and a watch for each folder.
func checkWatches(*examination, context.Context) []finding {
	const name = "file watches"
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		hint := "end what watches files (editors, bundlers), or  sudo sysctl fs.inotify.max_user_instances=512"
		if !errors.Is(err, unix.EMFILE) {
			hint = "without it  up --watch  can't work"
		}
		return []finding{{name, notable, fmt.Sprintf("none can be had: %v", err), hint}}
	}
	unix.Close(fd)
	most, ok := readNumber("/proc/sys/fs/inotify/max_user_watches")
	switch {
	case !ok:
		return []finding{{name, fine, "work; how many there may be is not known", ""}}
	case most < enoughWatches:
		return []finding{{name, notable, fmt.Sprintf("%s for all your programs; a large project takes more with  up --watch", thousands(most)),
			"sudo sysctl fs.inotify.max_user_watches=524288"}}
	}
	return []finding{{name, fine, thousands(most) + " for  up --watch", ""}}
}

func readNumber(path string) (n uint64, ok bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	n, err = strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil
}
