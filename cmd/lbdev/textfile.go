package main

import (
	"io/fs"
	"os"

	"github.com/lbdev/lbdev/templates/presets"
)

// readText reads a file that its user has written, under the same rules as a preset of theirs: nothing but a regular file, nor a huge one.
// Whoever names the null device wants none, as elsewhere.
func readText(name string) ([]byte, error) {
	if name == os.DevNull {
		return nil, nil
	}
	return presets.ReadFile(anywhere{}, name)
}

// anywhere is an fs.FS whose names are those of the system.
type anywhere struct{}

func (anywhere) Open(name string) (fs.File, error)     { return os.Open(name) }
func (anywhere) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }
