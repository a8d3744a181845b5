package misbehave

import (
	"fmt"
	"os"
	"path/filepath"
)

// serveAlone claims its worker's file in a folder before it serves. A second one that lives at the same time finds the
// file claimed, says so in another file, which the test looks for, and exits with code 3.
func serveAlone(args []string) {
	path := filepath.Join(args[0], "worker-"+os.Getenv("LBDEV_WORKER"))
	if !claim(path) {
		os.WriteFile(path+".twice", fmt.Appendf(nil, "pid %d\n", os.Getpid()), 0o600)
		os.Exit(3)
	}
	serve(nil)
}
