package procs

import (
	"strconv"
	"syscall"
	"time"
)

// Exit is how a process ended.
type Exit struct {
	Code   int            // what it gave to exit; -1 if a signal ended it
	Signal syscall.Signal // what ended it; 0 = none. On Windows always 0
	Time   time.Time      // when we saw it
	Ran    time.Duration  // since its start
}

// String says it in words: "exited", "exited with code 7", "killed by SIGKILL".
func (e Exit) String() string {
	switch {
	case e.Signal != 0:
		return "killed by " + signalName(e.Signal)
	case e.Code != 0:
		return "exited with code " + strconv.Itoa(e.Code)
	}
	return "exited"
}
