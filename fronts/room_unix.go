//go:build unix

package fronts

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lbdev/lbdev/proxy"
)

// furnish makes the folder, what some of the programs want to be there, and the log.
func (r *room) furnish() error {
	if err := os.MkdirAll(r.path("temp"), 0o700); err != nil {
		return err
	}
	return unix.Mkfifo(r.fifo(), 0o600)
}

// write writes files, all or none. undo puts back what was there before.
func (r *room) write(files map[string]string) (undo func(), err error) {
	before := map[string][]byte{}
	undo = func() {
		for name, text := range before {
			os.WriteFile(r.path(name), text, 0o600) // its error would be one of the next write, too
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if text, err := os.ReadFile(r.path(name)); err == nil {
			before[name] = text
		}
		if err := os.WriteFile(r.path(name), []byte(files[name]), 0o600); err != nil {
			undo()
			return nil, fmt.Errorf("cannot write a file for %s: %w", r.program.Name, err)
		}
	}
	return undo, nil
}

// argv runs the program with its stdout in the log: HAProxy and Caddy write there, and what they say of themselves to stderr. The shell is
// gone by then.
func (r *room) argv() []string {
	return append([]string{"/bin/sh", "-c", `log=$1; shift; exec "$@" >"$log"`, "sh", r.fifo()}, r.program.kind.argv(r)...)
}

// environ is ours, with a home in the folder: Caddy keeps things there.
func (r *room) environ() []string {
	return append(os.Environ(), "HOME="+r.dir, "XDG_DATA_HOME="+r.path("temp"), "XDG_CONFIG_HOME="+r.path("temp"), "LC_ALL=C")
}

// becomes is the user that a program has to be told to stay or to become, as root's would change to one that can't enter its folder;
// empty = it stays who we are.
func becomes(p *Program) string {
	if os.Geteuid() != 0 {
		return ""
	}
	if p.kind != apache {
		return "root"
	}
	for _, name := range []string{"www-data", "apache", "http", "_www", "daemon", "nobody"} { // Apache refuses to serve as root
		if _, err := user.Lookup(name); err == nil {
			return name
		}
	}
	return "nobody"
}

func (r *run) signal(sig os.Signal) error {
	p, err := os.FindProcess(r.proc.Pid())
	if err != nil {
		return err
	}
	return p.Signal(sig)
}

// A log is the program's, as we read it: a FIFO that we hold open for reading and writing. So no program waits for a reader when it opens
// it, none sees its end when we restart it, and the last line is our own.
type log struct {
	file *os.File
	run  atomic.Pointer[run] // who writes
	hear func(*run, *proxy.Access, string)
	over chan struct{}

	mu        sync.Mutex
	reader    reader
	landmarks int                   // how many there were
	awaited   map[int]chan struct{} // those that somebody waits for, by number; closed when they are read
}

// farewell is the last line. No program writes it: all of their lines have text.
const farewell = "\x00"

// landmark begins a line of ours that says how far it was read. Its number follows: one may be left from somebody who waits no more.
const landmark = "\x01"

func openLog(path string, hear func(*run, *proxy.Access, string)) (*log, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot open the front's log: %w", err)
	}
	widen(file)
	l := &log{file: file, hear: hear, over: make(chan struct{}), awaited: map[int]chan struct{}{}}
	go l.follow()
	return l, nil
}

// parse has what comes read as that program's.
func (l *log) parse(r reader) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reader = r
}

func (l *log) current() reader {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.reader
}

// linger is how long after a reload a request may still be given to a worker by the configuration before: it had come, and the log says
// nothing of it until then.
const linger = 100 * time.Millisecond

// awaitIdle is the goroutine that closes done when none of these workers has a request, by all that the log had to say until now; it ends
// with the program.
func (l *log) awaitIdle(c counter, ports []int, over <-chan struct{}, done chan<- struct{}) {
	defer close(done)
	select {
	case <-time.After(linger):
	case <-over:
		return
	}
	n, read := l.landmark()
	defer l.pass(n)
	select {
	case <-read:
	case <-over:
		return
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for c.busy(ports) {
		select {
		case <-tick.C:
		case <-over:
			return
		}
	}
}

// landmark writes one. read is closed when all that was in the log before has been read.
func (l *log) landmark() (n int, read <-chan struct{}) {
	reached := make(chan struct{})
	l.mu.Lock()
	l.landmarks++
	n = l.landmarks
	l.awaited[n] = reached
	l.mu.Unlock()
	fmt.Fprintf(l.file, "\n%s%d\n", landmark, n) // its error is that the log is closed, and the program over
	return n, reached
}

// pass is for a landmark that was read, or that nobody waits for any more.
func (l *log) pass(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if reached := l.awaited[n]; reached != nil {
		close(reached)
		delete(l.awaited, n)
	}
}

// maxLine is how long a line may be; what is longer is given up.
const maxLine = 256 << 10

// follow is the goroutine that reads the log until close.
func (l *log) follow() {
	defer close(l.over)
	in := bufio.NewReaderSize(l.file, maxLine)
	for {
		line, err := in.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = in.ReadSlice('\n')
			}
			if err != nil {
				return
			}
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return
		}
		text := strings.TrimSuffix(string(line), "\n")
		if strings.HasPrefix(text, farewell) {
			return
		}
		if mark, ok := strings.CutPrefix(text, landmark); ok {
			l.pass(number(mark))
			continue
		}
		reader := l.current()
		if reader != nil && text != "" {
			a, said := reader.read(text)
			l.hear(l.run.Load(), a, said)
		}
	}
}

// close reads what there is, and ends. Whoever wrote must be gone.
func (l *log) close() {
	if l == nil {
		return
	}
	l.file.WriteString("\n" + farewell + "\n") // its error is a reader that has ended, too
	<-l.over
	l.file.Close()
}

// groupOf is a user's group.
func groupOf(name string) int {
	if u, err := user.Lookup(name); err == nil {
		if gid, err := strconv.Atoi(u.Gid); err == nil {
			return gid
		}
	}
	return 65534
}
