package watch

import (
	"hash/maphash"
	"io"
	"os"
	"time"
)

const (
	// hashFile is the size up to which files are compared by content.
	hashFile = 1 << 20
	// hashAll bounds what is read of a project in the beginning; what goes beyond is compared by time.
	hashAll = 64 << 20
)

// A state is what is known of a file; the zero state is "not there". Files are compared by content, where both were read.
type state struct {
	there bool
	size  int64
	time  time.Time
	sum   uint64
	read  bool // sum is known
}

func (s state) same(t state) bool {
	if s.there != t.there || s.size != t.size {
		return false
	}
	if s.read && t.read {
		return s.sum == t.sum
	}
	return s.time.Equal(t.time)
}

// stat is the state of a file that has not been read. What is neither a file nor a link to one is not there, but for a
// link that leads to something else: its state is its text.
func stat(name string, seed maphash.Seed) state {
	info, err := os.Lstat(name)
	if err != nil {
		return state{}
	}
	if info.Mode()&os.ModeSymlink != 0 {
		if info, err = os.Stat(name); err != nil || info.IsDir() {
			text, _ := os.Readlink(name)
			return state{there: true, size: -1, sum: maphash.String(seed, text), read: true}
		}
	}
	if !info.Mode().IsRegular() {
		return state{}
	}
	return state{there: true, size: info.Size(), time: info.ModTime()}
}

// look is the state of a file, with its content if it is small.
func look(name string, seed maphash.Seed) state {
	s := stat(name, seed)
	if !s.there || s.read || s.size > hashFile {
		return s
	}
	f, err := os.Open(name)
	if err != nil {
		return s
	}
	defer f.Close()
	var h maphash.Hash
	h.SetSeed(seed)
	n, err := io.Copy(&h, io.LimitReader(f, hashFile+1))
	if err == nil && n == s.size { // else it is being written: an event will follow
		s.sum, s.read = h.Sum64(), true
	}
	return s
}
