package procs

import (
	"bytes"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// snapshot reads /proc/PID/stat of every process; settled says that none vanished meanwhile. It is nil if it can see
// nobody.
func snapshot() (all []proc, settled bool) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, false
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, false
	}
	settled = true
	for _, name := range names {
		if name[0] < '1' || name[0] > '9' {
			continue
		}
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if p, ok := look(pid); ok {
			all = append(all, p)
		} else {
			settled = false
		}
	}
	return all, settled
}

// look reads what /proc/PID/stat says of one process. Raw system calls: three per process are what a snapshot costs, and
// os.File would add two more, for a poller that has no use for the file.
func look(pid int) (proc, bool) {
	var buf [1024]byte
	b := append(buf[:0], "/proc/"...)
	b = strconv.AppendInt(b, int64(pid), 10)
	b = append(b, "/stat"...)
	fd, err := openRetry(string(b))
	if err != nil {
		return proc{}, false
	}
	defer unix.Close(fd)
	n, err := readRetry(fd, buf[:])
	if err != nil {
		return proc{}, false // ESRCH: it went away after the open
	}
	return parseStat(pid, buf[:n])
}

// parseStat takes apart /proc/PID/stat, see proc_pid_stat(5). The second field is the program's name in parentheses, and
// may have spaces and parentheses in it.
func parseStat(pid int, stat []byte) (proc, bool) {
	name := bytes.LastIndexByte(stat, ')')
	if name < 0 || len(stat) < name+3 {
		return proc{}, false
	}
	rest := stat[name+2:]
	state := rest[0]
	const ppid, pgrp, session, threads, start = 4, 5, 6, 20, 22
	var field [start + 1]uint64
	for i := 3; i <= start; i++ {
		var one []byte
		one, rest, _ = bytes.Cut(rest, []byte{' '})
		for _, c := range one {
			if c >= '0' && c <= '9' { // those that may be negative are none of ours
				field[i] = field[i]*10 + uint64(c-'0')
			}
		}
	}
	// A process whose first thread has ended shows as a zombie, although others of its threads go on.
	headless := state == 'Z' || state == 'X'
	return proc{
		pid: pid, ppid: int(field[ppid]), pgid: int(field[pgrp]), sid: int(field[session]),
		start: field[start], alive: !headless || field[threads] > 1, stopped: state == 'T',
		// D is an uninterruptible call, such as vfork until the child has called exec; t is a debugger's stop. Of a process
		// without its first thread it cannot be seen, as that thread never stops.
		frozen: state == 'T' || state == 't' || state == 'D' || headless,
	}, true
}

// marked says whether the process was started with mark in its environment. We may read that of our own user's processes
// (root: of all); those of others are not marked for us. It is not sure of an environment without a byte: it is seen so
// while execve has let go of the old one and not filled in the new one.
func marked(pid int, mark []byte) (yes, sure bool) {
	fd, err := openRetry("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return false, true
	}
	defer unix.Close(fd)
	buf := make([]byte, 16<<10)
	kept := 0
	for sum := 0; ; {
		n, err := readRetry(fd, buf[kept:])
		if err != nil || n <= 0 {
			return false, sum > 0
		}
		sum += n
		got := buf[:kept+n]
		if bytes.Contains(got, mark) { // 128 random bits: wherever they are, they are ours
			return true, true
		}
		kept = copy(buf, got[max(0, len(got)-len(mark)+1):]) // the mark may lie across two reads
	}
}

func openRetry(path string) (fd int, err error) {
	for {
		if fd, err = unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0); err != unix.EINTR {
			return fd, err
		}
	}
}

func readRetry(fd int, b []byte) (n int, err error) {
	for {
		if n, err = unix.Read(fd, b); err != unix.EINTR {
			return n, err
		}
	}
}

// signalOne sends sig to m and to nobody else: a pidfd stays with its process, so once the start time has been compared,
// the pid cannot become another's.
func signalOne(m member, sig syscall.Signal) error {
	fd, err := unix.PidfdOpen(m.pid, 0)
	if err == nil {
		defer unix.Close(fd)
	} else if err == unix.ESRCH {
		return err
	}
	if p, ok := look(m.pid); !ok || p.start != m.start {
		return unix.ESRCH
	}
	if err == nil {
		err = unix.PidfdSendSignal(fd, sig, nil, 0)
	}
	if err == unix.ENOSYS || fd < 0 { // before Linux 5.3, or forbidden by a sandbox, or no descriptor left
		err = syscall.Kill(m.pid, sig)
	}
	return err
}
