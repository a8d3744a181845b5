package procs

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
)

const (
	// markName is the variable that a tree's processes bear, whatever becomes of their parents, groups and sessions. Its
	// value is a list: the marks of outer trees, our own, the tree's.
	markName = "LBDEV_MARK"

	// guardsName is the variable that tells a guardian's lbdev from others: its OurMark without the prefix.
	guardsName = "LBDEV_GUARDS"

	// maxMarks bounds how many marks of outer trees are handed on, in bytes.
	maxMarks = 1 << 10

	// ownPrefix is how the mark of a lbdev can be told from that of a tree.
	ownPrefix = "lbdev-"

	markBytes = 16 // 128 random bits: wherever they are found, they are meant
)

// OurMark is in the environment of every process that we start, as one of those in LBDEV_MARK. It is random, made once, and
// the same as long as this process lives. It also says which process we are, see Owner: whoever finds it knows whether we
// live, whatever became of our files. Windows has no use for it.
func OurMark() string { return ourMark() }

var ourMark = sync.OnceValue(func() string {
	mark := ownPrefix + newMark()
	if start, ok := StartTime(os.Getpid()); ok {
		mark += fmt.Sprintf("-%d-%d", os.Getpid(), start)
	}
	return mark
})

// Owner is the lbdev whose OurMark mark is. It is not ok if mark doesn't tell.
func Owner(mark string) (lbdev Leader, ok bool) {
	fields := strings.Split(mark, "-") // lbdev, the random part, pid and start
	if !isMark(mark) || len(fields) != 4 {
		return Leader{}, false
	}
	lbdev.Pid, _ = strconv.Atoi(fields[2]) // isMark has seen that they are numbers
	lbdev.Start, _ = strconv.ParseUint(fields[3], 10, 64)
	return lbdev, true
}

func newMark() string {
	var random [markBytes]byte
	rand.Read(random[:]) // never fails
	return hex.EncodeToString(random[:])
}

// isMark says whether mark may be one of ours. Another string could be in anybody's environment.
func isMark(mark string) bool {
	random, ours := strings.CutPrefix(mark, ownPrefix)
	random, who, told := strings.Cut(random, "-")
	b, err := hex.DecodeString(random)
	if err != nil || len(b) != markBytes || told && !ours {
		return false
	}
	pid, start, _ := strings.Cut(who, "-")
	return !told || isNumber(pid, 31) && isNumber(start, 64)
}

func isNumber(text string, bits int) bool {
	n, err := strconv.ParseUint(text, 10, bits)
	return err == nil && n > 0
}
