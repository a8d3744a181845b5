package procs

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
	"sync"
)

const (
	// markName is the variable that a tree's processes bear, whatever becomes of their parents, groups and sessions. Its
	// value is a list: the marks of outer trees, our own, the tree's.
	markName = "LBDEV_MARK"

	// maxMarks bounds how many marks of outer trees are handed on, in bytes.
	maxMarks = 1 << 10

	// ownPrefix is how the mark of a lbdev can be told from that of a tree.
	ownPrefix = "lbdev-"

	markBytes = 16 // 128 random bits: wherever they are found, they are meant
)

// OurMark is in the environment of every process that we start, as one of those in LBDEV_MARK. It is random, made once, and
// the same as long as this process lives. Windows has no use for it.
func OurMark() string { return ourMark() }

var ourMark = sync.OnceValue(func() string { return ownPrefix + newMark() })

func newMark() string {
	var random [markBytes]byte
	rand.Read(random[:]) // never fails
	return hex.EncodeToString(random[:])
}

// isMark says whether mark may be one of ours. Another string could be in anybody's environment.
func isMark(mark string) bool {
	b, err := hex.DecodeString(strings.TrimPrefix(mark, ownPrefix))
	return err == nil && len(b) == markBytes
}
