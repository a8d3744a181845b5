package procs

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// A stamp is the time of start in clock ticks since the machine was started, and in front of it some bits of the
	// name of that start, as a pid and a time may come again after the next. 53 bits in all: what a JSON number holds.
	tickBits = 40
	bootBits = 13

	// userHz is how many ticks a second has: the kernel shows this many on all platforms of ours, see proc_pid_stat(5).
	userHz = 100
)

// boot is the number that stands for this start of the machine.
var boot = sync.OnceValue(func() uint64 {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil || len(id) < 4 {
		return 0
	}
	n, _ := strconv.ParseUint(string(id[:4]), 16, 16) // 0 if it is no hexadecimal
	return n & (1<<bootBits - 1)
})

func stamp(ticks uint64) uint64 { return boot()<<tickBits | ticks }

func unstamp(start uint64) (ticks uint64, ok bool) {
	return start & (1<<tickBits - 1), start>>tickBits == boot()
}

// began is the time of day of a start.
func began(ticks uint64) time.Time {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return time.Time{}
	}
	return time.Now().Add(time.Duration(ticks)*(time.Second/userHz) - time.Duration(now.Nano()))
}

func commandOf(pid int) string {
	folder := "/proc/" + strconv.Itoa(pid)
	line, _ := os.ReadFile(folder + "/cmdline")
	if line = bytes.TrimRight(line, "\x00"); len(line) > 0 {
		return strings.ReplaceAll(string(line), "\x00", " ")
	}
	name, _ := os.ReadFile(folder + "/comm")
	return fmt.Sprintf("[%s]", bytes.TrimSpace(name))
}

// marksOf are the marks in the environment that the process was started with. Nobody's but our user's are ours to see.
func marksOf(pid int) []string {
	if list := environOf(pid).value(markName); list != "" {
		return strings.Split(list, ",")
	}
	return nil
}

// An environ is the environment that a process was started with, as /proc shows it.
type environ []byte

// environOf is empty for processes of other users.
func environOf(pid int) environ {
	text, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	return text
}

// value is the first that name has.
func (e environ) value(name string) string {
	for kv := range bytes.SplitSeq(e, []byte{0}) {
		if value, ok := bytes.CutPrefix(kv, []byte(name+"=")); ok {
			return string(value)
		}
	}
	return ""
}

// isOurs says whether the process is our user's. root can see others' marks, but a leftover of theirs is theirs.
func isOurs(pid int) bool {
	info, err := os.Stat("/proc/" + strconv.Itoa(pid))
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}
