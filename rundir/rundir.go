// Package rundir makes folders that live as long as one lbdev: for its workers' sockets, the files of a balancer that it runs,
// what a framework wants per worker. Nobody else may enter them. Whoever made one removes it; what an lbdev that was killed
// has left there is removed by the next one, and by lbdev prune.
package rundir

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/lbdev/lbdev/procs"
)

// Prefix begins the name of such a folder; the pid of its lbdev follows.
const Prefix = "lbdev-w"

// Make makes a folder below parent, after removing what killed lbdevs have left there.
func Make(parent string) (string, error) {
	for _, dir := range Left(parent) {
		os.RemoveAll(dir) // its error is a file that somebody else put there; it stays
	}
	return os.MkdirTemp(parent, Prefix+strconv.Itoa(os.Getpid())+"-") // made with mode 0700
}

// Left are the folders below parent that killed lbdevs have left behind, as far as they are ours. One with a socket at which somebody
// listens is not among them, whatever its pid says: it may belong to another container's lbdev.
func Left(parent string) (left []string) {
	dirs, _ := filepath.Glob(filepath.Join(parent, Prefix+"[0-9]*-*"))
	for _, dir := range dirs {
		if pid := Owner(dir); pid == 0 || procs.Exists(pid) {
			continue
		}
		entries, err := os.ReadDir(dir)
		if err != nil { // somebody else's
			continue
		}
		if !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return answers(filepath.Join(dir, e.Name())) }) {
			left = append(left, dir)
		}
	}
	return left
}

// Owner is the pid of the lbdev that made a folder; 0 = its name does not tell.
func Owner(dir string) int {
	number, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), Prefix), "-")
	pid, _ := strconv.Atoi(number) // its error is that it is no number
	return pid
}

// answers says whether somebody listens on a unix socket.
func answers(path string) bool {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}
