package procs

import (
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// A forker is the one thread that starts all processes. Pdeathsig is sent when the thread that forked ends, see prctl(2),
// and the Go runtime ends threads as it likes. So this one belongs to a goroutine that never returns.
type forker struct {
	jobs chan *exec.Cmd
	errs chan error
	busy sync.Mutex // one job at a time
}

var theForker = sync.OnceValue(func() *forker {
	f := &forker{jobs: make(chan *exec.Cmd), errs: make(chan error)}
	go f.run()
	return f
})

func (f *forker) run() {
	runtime.LockOSThread()
	for cmd := range f.jobs {
		f.errs <- cmd.Start()
	}
}

// fork starts cmd.
func fork(cmd *exec.Cmd) error {
	f := theForker()
	f.busy.Lock()
	defer f.busy.Unlock()
	f.jobs <- cmd
	return <-f.errs
}

// dieWithUs has the kernel kill the process when we die, however we do.
func dieWithUs(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
