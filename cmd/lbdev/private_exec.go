package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/lbdev/lbdev/cluster/control"
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
	for _, dir := range workshops() {
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

// workshops are the folders below which a workshop may be, besides the runtime folder. That for temporary files is taken as it is: only its
// sticky bit keeps others from putting a program of theirs where ours is.
func workshops() []string {
	dirs := []string{os.TempDir()}
	if cache, err := os.UserCacheDir(); err == nil {
		dirs = slices.Insert(dirs, 0, filepath.Join(cache, "lbdev"))
	}
	return dirs
}

// leftFolders are private folders that killed lbdevs have left behind in the runtime folder, dir, and in the cache folder. What is among the
// temporary files of all users goes with those.
func leftFolders(dir control.Dir) []string {
	left := rundir.Left(string(dir))
	if cache, err := os.UserCacheDir(); err == nil {
		if other := filepath.Join(cache, "lbdev"); other != string(dir) {
			left = append(left, rundir.Left(other)...)
		}
	}
	return left
}

// probePatience is how long an empty script may take in a folder that programs can be run in.
const probePatience = 10 * time.Second

// runsPrograms tries whether a program in a folder can be run.
func runsPrograms(folder string) bool {
	if runtime.GOOS == "windows" {
		return true
	}
	script := filepath.Join(folder, "probe")
	defer os.Remove(script)
	ctx, cancel := context.WithTimeout(context.Background(), probePatience)
	defer cancel()
	return os.WriteFile(script, []byte("#!/bin/sh\n"), 0o700) == nil && exec.CommandContext(ctx, script).Run() == nil
}
