package logfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/proxy"
)

const (
	accessName   = "access.log"
	workerPrefix = "worker-"
	logSuffix    = ".log"
)

// Config says where the files are and how large they get. Dir or AccessFile is all that must be set.
type Config struct {
	// Dir is the folder of the files. It is made if it is not there, for its owner alone (mode 0700).
	Dir string
	// AccessFile, in place of Dir, is the path of the one file that is kept then: that of the requests. One that exists and is
	// no regular file (a pipe, /dev/stderr, a link) is written to as it is, and never rotated.
	AccessFile string
	// MaxSize is the size in bytes at which a file is rotated. Zero means 10 MiB, negative never. Only a line that is
	// larger by itself makes a larger file.
	MaxSize int64
	// Backups is how many rotated files are kept of each file. Zero means 5, negative all.
	Backups int
	// MaxAge is how old a rotated file gets before it is removed. Zero and negative mean any age.
	MaxAge time.Duration
	// Compress makes rotated files .gz files.
	Compress bool
	// AppendRequest appends to buf one request as one line, with its newline. It is called from one goroutine; the record is
	// valid during the call. Nil writes no access.log.
	AppendRequest func(buf []byte, a *proxy.Access) []byte
	// AppendMissing appends the line which says how many requests are missing, and why. Nil means a line of JSON.
	AppendMissing func(buf []byte, missing uint64, reason string) []byte
	// Warn is told, from one of two goroutines, when the files cannot be written: a *WriteError, once until they all could
	// be again. Nil means nobody is.
	Warn func(error)

	oneFile bool // AccessFile was given
}

func (c *Config) maxSize() int64 {
	if c.MaxSize == 0 {
		return 10 << 20
	}
	return max(c.MaxSize, 0)
}

func (c *Config) backups() int {
	if c.Backups == 0 {
		return 5
	}
	return c.Backups
}

// A WriteError says that a log file cannot be written; the others may have the same trouble.
type WriteError struct {
	File string
	Err  error
}

func (e *WriteError) Error() string {
	return fmt.Sprintf("cannot write %q, lines are lost: %v", e.File, e.Err)
}

func (e *WriteError) Unwrap() error { return e.Err }

// Files are the log files of one cluster. Open makes them.
type Files struct {
	config  Config
	trouble trouble
	sweeper sweeper
	queue   *queue
	writers sync.WaitGroup
	closing chan struct{}
	once    sync.Once
	err     error // of Close

	mu    sync.Mutex // guards fault
	fault error      // what was lost for good
}

// Open makes the folder, if it is not there, and proves that files in it can be written. The caller owes a Close.
func Open(config Config) (*Files, error) {
	if err := config.prove(); err != nil {
		return nil, err
	}
	f := &Files{
		config:  config,
		trouble: trouble{warn: config.Warn, files: map[string]bool{}},
		sweeper: sweeper{
			dir: config.Dir, ours: config.ours(), backups: config.backups(), age: config.MaxAge, compress: config.Compress,
			wanted: make(chan struct{}, 1), done: make(chan struct{}),
		},
		closing: make(chan struct{}),
	}
	go f.sweeper.run()
	f.sweeper.want() // what an earlier lbdev has left
	if config.AppendRequest != nil {
		f.queue = newQueue()
		f.writers.Go(f.writeRequests)
	}
	return f, nil
}

// prove sees to it that the files can be written, and makes the paths absolute: the program may change its folder.
func (c *Config) prove() error {
	if c.oneFile = c.AccessFile != ""; c.oneFile {
		path, err := filepath.Abs(c.AccessFile)
		if err == nil {
			err = proveFile(path)
		}
		if err != nil {
			return fmt.Errorf("cannot write %q: %w", c.AccessFile, err)
		}
		c.AccessFile, c.Dir = path, filepath.Dir(path)
		return nil
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil || c.Dir == "" {
		return fmt.Errorf("cannot keep logs in %q: no such folder", c.Dir)
	}
	c.Dir = dir
	if err := prove(dir); err != nil {
		return fmt.Errorf("cannot keep logs in %q: %w", dir, err)
	}
	c.AccessFile = filepath.Join(dir, accessName)
	return nil
}

// ours says which files belong to this package: others in the folder are not touched.
func (c *Config) ours() func(name string) bool {
	if c.oneFile {
		access := filepath.Base(c.AccessFile)
		return func(name string) bool { return name == access }
	}
	return ours
}

// prove makes the folder and a file in it. The error is without the path: the caller names it.
func prove(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return cause(err)
	}
	probe, err := os.CreateTemp(dir, ".lbdev-")
	if err != nil {
		return cause(err)
	}
	probe.Close()
	return os.Remove(probe.Name())
}

// proveFile makes the file, if it is not there.
func proveFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return cause(err)
	}
	file, err := openLog(path)
	if err != nil {
		return cause(err)
	}
	return file.Close()
}

func cause(err error) error {
	if pathError, ok := errors.AsType[*os.PathError](err); ok {
		return pathError.Err
	}
	return err
}

// AccessFile is the file of the requests, as an absolute path.
func (f *Files) AccessFile() string { return f.config.AccessFile }

// Dir is the folder of the files, as an absolute path.
func (f *Files) Dir() string { return f.config.Dir }

// Follow writes what the feeds have and get, until they are closed or Close is called. Call it once, before the cluster is
// opened.
func (f *Files) Follow(logs *cluster.Feed[cluster.LogLine], events *cluster.Feed[cluster.Event]) {
	w := &follower{
		files: f, logs: logs, events: events,
		lines:  logs.Reader(0, true),
		happen: events.Reader(0, false), // a lossless one would make the workers' loops wait for the disk
		sinks:  map[int]*sink{},
	}
	f.writers.Go(w.run)
}

// Access notes a request. The proxy calls it from the goroutine that served it: it takes no lock, waits for nothing, and
// allocates nothing unless the request took more than two attempts.
func (f *Files) Access(a *proxy.Access) {
	if f.queue != nil {
		f.queue.put(a)
	}
}

// Close writes all that was published before the call, and lets the files go. Its error says what could not be written.
func (f *Files) Close() error {
	f.once.Do(func() {
		close(f.closing)
		f.writers.Wait()
		close(f.sweeper.wanted)
		<-f.sweeper.done
		f.err = f.fault
	})
	return f.err
}

// sink makes the log file of this path.
func (f *Files) sink(path string, note func([]byte, uint64, error) []byte) *sink {
	limit := f.config.maxSize()
	if irregular(path) {
		limit = 0
	}
	block := blockSize
	if limit > 0 {
		block = int(min(int64(block), limit/2))
	}
	return &sink{
		rotor: rotor{path: path, limit: limit, rotated: f.sweeper.want},
		name:  path, trouble: &f.trouble, note: note, block: block,
	}
}

// irregular says whether there is something of this name that is no file like any other. Who has put it there wants it to stay:
// to give /dev/stderr another name would take it from everybody.
func irregular(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && !info.Mode().IsRegular()
}

// closeSink keeps what was lost for the error of Close.
func (f *Files) closeSink(s *sink) {
	lost, err := s.close()
	if lost == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = errors.Join(f.fault, fmt.Errorf("cannot write the last %d lines of %q: %w", lost, s.name, err))
}

func workerFile(port int) string { return workerPrefix + strconv.Itoa(port) + logSuffix }
