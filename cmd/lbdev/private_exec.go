package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/lbdev/lbdev/rundir"
)

// workshop is a private folder in which programs may be run. The runtime folder lies on a disk of its own on Linux, which some systems
// mount noexec; then it is one in the cache folder.
func (s *session) workshop() (string, error) {
	if s.shop != "" {
		return s.shop, nil
	}
	folder, err := s.private()
	if err != nil {
		return "", err
	}
	if runsPrograms(folder) {
		s.shop = folder
		return folder, nil
	}
	for _, parent := range []func() (string, error){os.UserCacheDir, func() (string, error) { return os.TempDir(), nil }} {
		dir, err := parent()
		if err != nil {
			continue
		}
		dir = filepath.Join(dir, "lbdev")
		if os.MkdirAll(dir, 0o700) != nil {
			continue
		}
		folder, err := rundir.Make(dir)
		if err != nil {
			continue
		}
		s.shop, s.moreFolders = folder, append(s.moreFolders, folder)
		if runsPrograms(folder) {
			return folder, nil
		}
	}
	return "", &commandError{
		code: exitFailed, err: fmt.Errorf("cannot run programs in %q, nor in the folders for caches and temporary files", folder),
		hint: "they are mounted noexec: set XDG_CACHE_HOME to a folder on another disk",
	}
}

// runsPrograms tries whether a program in a folder can be run.
func runsPrograms(folder string) bool {
	if runtime.GOOS == "windows" {
		return true
	}
	script := filepath.Join(folder, "probe")
	defer os.Remove(script)
	return os.WriteFile(script, []byte("#!/bin/sh\n"), 0o700) == nil && exec.Command(script).Run() == nil
}
