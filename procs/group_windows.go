package procs

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// A group is the job that a tree's processes are in, whatever becomes of their parents: nobody leaves it. Its end ends
// them all.
type group struct {
	leader int
	mu     sync.Mutex
	job    windows.Handle // 0 once it was released

	suspended map[int]windows.Handle // by Pause, by pid
}

func newGroup() (*group, error) {
	job, err := newJob()
	return &group{job: job}, err
}

// newJob makes a job whose processes end when its last handle is closed: with us, however we end.
func newJob() (windows.Handle, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return 0, fmt.Errorf("no job object: %w", err)
	}
	var limits windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	limits.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits)))
	if err != nil {
		windows.CloseHandle(job)
		return 0, fmt.Errorf("no job object that ends with us: %w", err)
	}
	return job, nil
}

// prepare has cmd start suspended, as it must be in the job before it can start others; and in a console group of its own,
// as CTRL_BREAK goes to groups and must not reach us.
func (g *group) prepare(cmd *exec.Cmd, _ bool) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	cmd.SysProcAttr.CreationFlags |= windows.CREATE_SUSPENDED | windows.CREATE_NEW_PROCESS_GROUP
}

// start starts cmd in the job.
func (g *group) start(cmd *exec.Cmd) (member, error) {
	if err := cmd.Start(); err != nil {
		return member{}, err
	}
	var err error
	handleErr := cmd.Process.WithHandle(func(h uintptr) {
		err = windows.AssignProcessToJobObject(g.job, windows.Handle(h))
	})
	if err = errors.Join(handleErr, err); err == nil {
		err = resume(uint32(cmd.Process.Pid))
	}
	if err != nil {
		cmd.Process.Kill()
		cmd.Wait()
		return member{}, fmt.Errorf("not put in its job: %w", err)
	}
	g.leader = cmd.Process.Pid
	return member{pid: g.leader}, nil
}

// resume lets a process run that was started suspended. os/exec closes the handle of its first thread, so that is looked
// for in a list of all threads.
func resume(pid uint32) error {
	all, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPTHREAD, 0)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(all)
	entry := windows.ThreadEntry32{Size: uint32(unsafe.Sizeof(windows.ThreadEntry32{}))}
	resumed := false
	for err = windows.Thread32First(all, &entry); err == nil; err = windows.Thread32Next(all, &entry) {
		if entry.OwnerProcessID != pid {
			continue
		}
		thread, err := windows.OpenThread(windows.THREAD_SUSPEND_RESUME, false, entry.ThreadID)
		if err != nil {
			return err
		}
		_, err = windows.ResumeThread(thread)
		windows.CloseHandle(thread)
		if err != nil {
			return err
		}
		resumed = true
	}
	if !resumed {
		return errors.New("its first thread was not found")
	}
	return nil
}

// scan gives the processes in the job.
func (g *group) scan(member, bool, map[member]bool) []member {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.job == 0 {
		return nil
	}
	var members []member
	for _, pid := range inJob(g.job) {
		members = append(members, member{pid: int(pid)})
	}
	return members
}

// inJob lists the pids in job.
func inJob(job windows.Handle) []uintptr {
	const head = 8 / unsafe.Sizeof(uintptr(0)) // two DWORDs come first: how many there are, how many are listed
	for room := uintptr(64); ; room *= 2 {
		list := make([]uintptr, head+room)
		err := windows.QueryInformationJobObject(job, windows.JobObjectBasicProcessIdList,
			uintptr(unsafe.Pointer(&list[0])), uint32(len(list))*uint32(unsafe.Sizeof(list[0])), nil)
		if err == windows.ERROR_MORE_DATA {
			continue
		}
		if err != nil {
			return nil
		}
		counts := (*[2]uint32)(unsafe.Pointer(&list[0]))
		return list[head:][:counts[1]]
	}
}

// signal ends the job for SIGKILL, and sends CTRL_BREAK for SIGTERM and SIGINT. That is for the console group of the leader;
// it fails where there is no console, and where the leader is gone: its number may be another's.
func (g *group) signal(members []member, sig os.Signal) error {
	switch sig {
	case os.Kill:
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.job == 0 {
			return os.ErrProcessDone
		}
		return windows.TerminateJobObject(g.job, 1)
	case os.Interrupt, syscall.SIGTERM:
		if !slices.Contains(pids(members), g.leader) {
			return fmt.Errorf("cannot send CTRL_BREAK: the leader of the group is gone: %w", os.ErrProcessDone)
		}
		if err := windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, uint32(g.leader)); err != nil {
			return fmt.Errorf("cannot send CTRL_BREAK: %w", err)
		}
		return nil
	}
	return fmt.Errorf("cannot send %v: Windows has no such signal: %w", sig, errors.ErrUnsupported)
}

// signalEach has nothing to do: CTRL_BREAK goes to groups only.
func (g *group) signalEach([]member, os.Signal) {}

// wake lets those hear CTRL_BREAK whom Pause has suspended; who is gone needs it no more.
func (g *group) wake([]member) { g.resumeAll() }

// anyAlive says whether any of members is still in the job.
func (g *group) anyAlive(members []member, _ bool) bool {
	now := pids(g.scan(member{}, false, nil))
	return slices.ContainsFunc(members, func(m member) bool { return slices.Contains(now, m.pid) })
}

// release closes the job, and ends whoever is in it still.
func (g *group) release() {
	g.wake(nil)
	g.close()
}

func (g *group) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.job != 0 {
		windows.CloseHandle(g.job)
		g.job = 0
	}
}

// ourJob is the job that we are in ourselves. Its handle is never closed: the end of the process does that, and so ends
// all others in it.
var ourJob = sync.OnceValue(func() error {
	job, err := newJob()
	if err != nil {
		return fmt.Errorf("cannot end children with us: %w", err)
	}
	if err := windows.AssignProcessToJobObject(job, windows.CurrentProcess()); err != nil {
		windows.CloseHandle(job)
		return fmt.Errorf("cannot end children with us: %w", err)
	}
	return nil
})

// gone has nobody to tell: the job knows.
func (g *group) gone(member) {}
