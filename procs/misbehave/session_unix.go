//go:build linux || darwin

package misbehave

import (
	"os/exec"
	"syscall"
)

// inSession gives cmd a session of its own.
func inSession(cmd *exec.Cmd) *exec.Cmd {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}
