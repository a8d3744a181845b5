package main

import (
	"fmt"
	"os"

	"github.com/lbdev/lbdev/cluster/control"
	"github.com/lbdev/lbdev/rundir"
)

// private is a folder for files of this run, which nobody else may enter. It is made when it is first asked for, and removed when
// the session ends.
func (s *session) private() (string, error) {
	if s.folder != "" {
		return s.folder, nil
	}
	parent := os.TempDir()
	if dir, err := control.Default(); err == nil && dir.Probe() == nil { // it makes the folder
		parent = string(dir)
	}
	folder, err := rundir.Make(parent)
	if err != nil {
		return "", fmt.Errorf("cannot make a folder for this run: %w", err)
	}
	s.folder = folder
	return folder, nil
}

// removePrivate removes it, and what workshop has made.
func (s *session) removePrivate() {
	for _, folder := range s.moreFolders {
		os.RemoveAll(folder)
	}
	if s.folder != "" {
		os.RemoveAll(s.folder) // its error is a file that is left, which the next lbdev removes
	}
}
