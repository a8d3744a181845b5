package procs

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// freezePatience is how long it may take to suspend a tree that goes on starting others.
const freezePatience = time.Second

var (
	ntdll            = windows.NewLazySystemDLL("ntdll.dll")
	ntSuspendProcess = ntdll.NewProc("NtSuspendProcess")
	ntResumeProcess  = ntdll.NewProc("NtResumeProcess")
)

// freeze suspends all threads of all processes of the job, until no new one is found. Windows counts suspensions, so each
// process is suspended once, and the handle kept that undoes it: a pid may be another's later.
func (p *Process) freeze() error {
	if err := errors.Join(ntSuspendProcess.Find(), ntResumeProcess.Find()); err != nil {
		return fmt.Errorf("%w: %w", err, errors.ErrUnsupported)
	}
	over := time.Now().Add(freezePatience)
	for {
		if p.ending.Load() {
			return errEnding
		}
		members := p.scan()
		if len(members) == 0 {
			return os.ErrProcessDone
		}
		fresh, err := p.group.suspend(pids(members))
		if err != nil || fresh == 0 {
			return err
		}
		if time.Now().After(over) {
			return errors.New("it starts others faster than they can be suspended")
		}
	}
}

// thaw undoes freeze.
func (p *Process) thaw(bool) error {
	p.group.mu.Lock()
	gone := p.group.job == 0
	p.group.mu.Unlock()
	if gone || len(p.scan()) == 0 {
		p.group.wake(nil) // lets the handles go
		return os.ErrProcessDone
	}
	return p.group.resumeAll()
}

// suspend suspends those that are not yet, and says how many these were.
func (g *group) suspend(pids []int) (fresh int, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, pid := range pids {
		if _, ok := g.suspended[pid]; ok {
			continue
		}
		handle, err := windows.OpenProcess(windows.PROCESS_SUSPEND_RESUME, false, uint32(pid))
		if err == windows.ERROR_INVALID_PARAMETER { // it has ended
			continue
		}
		if err != nil {
			return fresh, fmt.Errorf("process %d: %w", pid, err)
		}
		if err := ntStatus(ntSuspendProcess.Call(uintptr(handle))); err != nil {
			windows.CloseHandle(handle)
			if err == windows.STATUS_PROCESS_IS_TERMINATING {
				continue
			}
			return fresh, fmt.Errorf("process %d: %w", pid, err)
		}
		if g.suspended == nil {
			g.suspended = map[int]windows.Handle{}
		}
		g.suspended[pid] = handle
		fresh++
	}
	return fresh, nil
}

// resumeAll lets all run on that were suspended.
func (g *group) resumeAll() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	var errs []error
	for pid, handle := range g.suspended {
		err := ntStatus(ntResumeProcess.Call(uintptr(handle)))
		if err != nil && err != windows.STATUS_PROCESS_IS_TERMINATING {
			errs = append(errs, fmt.Errorf("process %d: %w", pid, err))
		}
		windows.CloseHandle(handle)
	}
	g.suspended = nil
	return errors.Join(errs...)
}

// ntStatus is the error in what a function of ntdll returns.
func ntStatus(status, _ uintptr, _ error) error {
	if status == 0 {
		return nil
	}
	return windows.NTStatus(status)
}
