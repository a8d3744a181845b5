package misbehave

import (
	"os/exec"
	"syscall"
)

// inSession comes as near to a session of its own as Windows knows: a group, which no CTRL_BREAK of another reaches.
func inSession(cmd *exec.Cmd) *exec.Cmd {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
	return cmd
}
