package cluster

import "syscall"

// Windows has no signals that freeze and wake a process; the test that uses these does not get so far there.
const (
	stopSignal     = syscall.SIGKILL
	continueSignal = syscall.SIGKILL
)
