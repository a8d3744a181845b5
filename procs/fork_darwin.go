package procs

import (
	"os/exec"
	"syscall"
)

func fork(cmd *exec.Cmd) error { return cmd.Start() }

// dieWithUs can do nothing: macOS has no such thing. The hang-up of the pseudo terminal reaches most.
func dieWithUs(*syscall.SysProcAttr) {}
