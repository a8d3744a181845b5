package procs

import (
	"context"
	"os"
	"strings"
	"time"

	psprocess "github.com/shirou/gopsutil/v4/process"
)

// A Leader identifies a process for good, also in a file that outlives us: a pid alone may be another's tomorrow. In most
// cases it is the one that Start started.
type Leader struct {
	Pid   int    `json:"pid"`
	Start uint64 `json:"start"` // as StartTime gives it
}

// StartTime is a number that no other process with this pid had or will have. It is for comparing with others that this
// function gave, on the same machine, and says nothing else; it fits into a JSON number. Not ok means that there is no such
// process, or that it is not ours to see.
func StartTime(pid int) (start uint64, ok bool) { return startTime(pid) }

// Alive says whether the process with this pid and start, see StartTime, is still there. A zombie is not.
func Alive(pid int, start uint64) bool { return isAlive(pid, start) }

// Exists says whether there is a process of this number, whoever's it is, zombies among them. If that can't be told, there is.
func Exists(pid int) bool {
	there, err := psprocess.PidExists(int32(pid))
	return there || err != nil
}

// A Leftover is a process that a lbdev has started, or one that it has left behind.
type Leftover struct {
	Pid     int
	Start   uint64    // see StartTime
	Began   time.Time // when it was started; zero if that is not known
	Command string    // its command line, or its name in brackets
	Ports   []int     // the TCP ports that it listens on, ascending; nil on Windows, where Listeners is slow

	// Marks are all that it bears, the outermost first. Owners are those that are a lbdev's OurMark, so the last one is
	// the lbdev that started it, see Owner. Both are known on Linux only.
	Marks, Owners []string
}

// Marked finds the live processes that bear mark, which is an OurMark or the mark of one tree, and those of the trees with
// these leaders; never this very process. Only Linux shows the marks of processes. macOS finds those who are in the
// session or group of a leader, or descend from one; Windows the leaders alone.
func Marked(mark string, leaders ...Leader) []Leftover { return findMarked(mark, leaders) }

// EndMarked ends those whom Marked finds, and who is forked meanwhile: by sig, once for each, and SIGCONT for those that
// are stopped; by SIGKILL when grace is over or ctx cancelled; with a grace of 0 at once. Whom it cannot end it gives up
// about 2 s after that. On Windows there is only SIGKILL.
func EndMarked(ctx context.Context, mark string, leaders []Leader, sig os.Signal, grace time.Duration) Ended {
	return endMarked(ctx, mark, leaders, sig, grace)
}

// owners are those of marks that are a lbdev's.
func owners(marks []string) []string {
	var out []string
	for _, mark := range marks {
		if strings.HasPrefix(mark, ownPrefix) && isMark(mark) {
			out = append(out, mark)
		}
	}
	return out
}
