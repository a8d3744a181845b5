package procs

import (
	"fmt"
	"time"

	"github.com/shirou/gopsutil/v4/process"
)

// A start is in microseconds since 1970, which the next start of the machine does not bring back.
func stamp(start uint64) uint64           { return start }
func unstamp(stamp uint64) (uint64, bool) { return stamp, true }
func began(start uint64) time.Time        { return time.UnixMicro(int64(start)) }
func marksOf(int) []string                { return nil }

func commandOf(pid int) string {
	p := process.Process{Pid: int32(pid)}
	if line, err := p.Cmdline(); err == nil && line != "" {
		return line
	}
	name, _ := p.Name()
	return fmt.Sprintf("[%s]", name)
}
