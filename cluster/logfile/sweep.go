package logfile

import (
	"cmp"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	gz = ".gz"
	// unfinished is the end of the name of a file that is being compressed.
	unfinished = ".gz.tmp"
)

// A sweeper removes the backups that are too many or too old, and compresses the others. It works behind the writers, as
// compressing takes a while.
type sweeper struct {
	dir      string
	ours     func(name string) bool
	backups  int           // of each file; negative = all
	age      time.Duration // 0 = any
	compress bool
	wanted   chan struct{} // has room for one
	done     chan struct{}
}

// want asks for a sweep; it never waits.
func (s *sweeper) want() {
	select {
	case s.wanted <- struct{}{}:
	default:
	}
}

// run is the sweeper's goroutine. It ends when wanted is closed, after a last sweep if one is due.
func (s *sweeper) run() {
	defer close(s.done)
	for range s.wanted {
		s.sweep(time.Now())
	}
}

type backup struct {
	name string // in dir
	of   string
	time time.Time
}

// sweep looks at all there is. What goes wrong is left for the next time: a log that can't be thinned out is still a log.
func (s *sweeper) sweep(now time.Time) {
	for _, b := range s.excess(s.list(), now) {
		os.Remove(filepath.Join(s.dir, b.name))
	}
	if !s.compress {
		return
	}
	for _, b := range s.list() {
		if !strings.HasSuffix(b.name, gz) {
			compress(filepath.Join(s.dir, b.name))
			for _, b := range s.excess(s.list(), time.Now()) { // more may have come meanwhile
				os.Remove(filepath.Join(s.dir, b.name))
			}
		}
	}
}

// list is the backups, newest first.
func (s *sweeper) list() []backup {
	entries, _ := os.ReadDir(s.dir)
	var all []backup
	for _, e := range entries {
		of, t, ok := backupOf(e.Name())
		if ok && s.ours(of) && e.Type().IsRegular() {
			all = append(all, backup{e.Name(), of, t})
		}
		if plain, ok := strings.CutSuffix(e.Name(), unfinished); ok {
			if of, _, ok := backupOf(plain); ok && s.ours(of) { // from when lbdev was killed
				os.Remove(filepath.Join(s.dir, e.Name()))
			}
		}
	}
	slices.SortFunc(all, func(a, b backup) int {
		return cmp.Or(b.time.Compare(a.time), cmp.Compare(a.name, b.name))
	})
	return all
}

// ours says whether a file in a folder of logs is one that this package writes.
func ours(name string) bool {
	return name == accessName || strings.HasPrefix(name, workerPrefix) && strings.HasSuffix(name, logSuffix)
}

// excess is those that are to be removed.
func (s *sweeper) excess(all []backup, now time.Time) []backup {
	count := map[string]int{}
	var excess []backup
	for _, b := range all {
		count[b.of]++
		if s.backups >= 0 && count[b.of] > s.backups || s.age > 0 && now.Sub(b.time) > s.age {
			excess = append(excess, b)
		}
	}
	return excess
}

// compress replaces a file by its gzip, which has its name only when it is complete.
func compress(path string) (err error) {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(path+unfinished, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	zip := gzip.NewWriter(out)
	_, err = io.Copy(zip, in)
	if e := zip.Close(); err == nil {
		err = e
	}
	if e := out.Close(); err == nil {
		err = e
	}
	if err != nil {
		os.Remove(path + unfinished)
		return err
	}
	if err := os.Rename(path+unfinished, path+gz); err != nil {
		return err
	}
	in.Close() // Windows removes no open file
	return os.Remove(path)
}
