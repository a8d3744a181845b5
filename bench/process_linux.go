package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is a child of this run. The one who started it calls stop.
type process struct {
	cmd    *exec.Cmd
	exe    string
	talk   bytes.Buffer // what it said on stderr; read it after exited
	exited chan struct{}
}

// launch starts argv with stdout going to out (nil: nowhere). It is called from the main goroutine only, see init.
func launch(out *os.File, env []string, argv ...string) (*process, error) {
	p := &process{cmd: exec.Command(argv[0], argv[1:]...)}
	p.cmd.Env = append(os.Environ(), env...)
	if out != nil {
		p.cmd.Stdout = out
	}
	return p, p.start()
}

// launchCopy starts a program that copies from one file to another. The caller closes its own ends.
func launchCopy(from, to *os.File, argv ...string) (*process, error) {
	p := &process{cmd: exec.Command(argv[0], argv[1:]...)}
	p.cmd.Stdin, p.cmd.Stdout = from, to
	return p, p.start()
}

func (p *process) start() error {
	p.exited = make(chan struct{})
	p.cmd.Stderr = &p.talk
	// Its own session, so that Ctrl-C reaches only this program, which then ends the others in order. Should this program be
	// killed, TERM lets nginx and lbdev end their own children; KILL would leave nginx's behind.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGTERM}
	p.cmd.WaitDelay = 5 * time.Second
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("cannot start %q: %w", p.cmd.Path, err)
	}
	p.exe = exeOf(p.pid())
	go p.wait()
	return nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// wait is the process's goroutine; it ends with the process, which stop sees to.
func (p *process) wait() {
	p.cmd.Wait() // how it ended does not matter: measuring code asks for what it needs
	close(p.exited)
}

// stop asks the process to end and kills its group if it does not within five seconds.
func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	t := time.NewTimer(5 * time.Second)
	defer t.Stop()
	select {
	case <-p.exited:
	case <-t.C:
		syscall.Kill(-p.pid(), syscall.SIGKILL)
		<-p.exited
	}
}

// stopAll stops processes at the same time.
func stopAll(all []*process) {
	var wg sync.WaitGroup
	for _, p := range all {
		wg.Go(p.stop)
	}
	wg.Wait()
}

// own lists the process and those of its descendants that run the same program: nginx's workers, lbdev's guardian, but not
// the app.
func (p *process) own() (pids []int) {
	for _, pid := range p.family() {
		if exeOf(pid) == p.exe {
			pids = append(pids, pid)
		}
	}
	return pids
}

// family lists the process and its descendants.
func (p *process) family() (pids []int) {
	parents := map[int]int{}
	names, _ := filepath.Glob("/proc/[0-9]*/stat") // fails on a bad pattern only
	for _, name := range names {
		pid, _ := strconv.Atoi(strings.Split(name, "/")[2])
		if parent, err := readParent(pid); err == nil {
			parents[pid] = parent
		}
	}
	for pid := range parents {
		for up := pid; up > 1; up = parents[up] {
			if up == p.pid() {
				pids = append(pids, pid)
				break
			}
		}
	}
	return pids
}

// cpu is the time that the process's own programs have used, user and system. The clock of a process (clock_getcpuclockid(3)) counts
// nanoseconds, where /proc/PID/stat has ticks of 10 ms: one per cent of a short round.
func (p *process) cpu() time.Duration {
	var sum time.Duration
	for _, pid := range p.own() {
		var t unix.Timespec
		if err := unix.ClockGettime(int32(^pid<<3|cpuClockSched), &t); err == nil { // it may have ended since
			sum += time.Duration(t.Nano())
		}
	}
	return sum
}

// cpuClockSched is CPUCLOCK_SCHED, which the C library's clock_getcpuclockid has in its clocks too.
const cpuClockSched = 2

// memory reads a line of a file in /proc/PID, such as VmRSS or VmHWM of status, summed over the process's own programs, in
// bytes.
func (p *process) memory(file, field string) int64 {
	var sum int64
	for _, pid := range p.own() {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file)) // it may have ended since
		sum += statusBytes(string(text), field)
	}
	return sum
}

func statusBytes(status, field string) int64 {
	for line := range strings.Lines(status) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			kb, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kb << 10
		}
	}
	return 0
}

func exeOf(pid int) string {
	name, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)) // empty for a process that has ended
	return name
}

func readParent(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseParent(string(text))
}

// parseParent reads field 4 (ppid) of proc(5). Field 2, the name, may hold spaces and brackets, so counting begins after the last
// bracket.
func parseParent(stat string) (int, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return 0, fmt.Errorf("cannot read process status %q", stat)
	}
	return strconv.Atoi(fields[1])
}

// until polls ok every few milliseconds; it gives up when ctx ends, the process ends, or d has passed.
func (p *process) until(ctx context.Context, d time.Duration, what string, ok func() bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, d, fmt.Errorf("not within %v", d))
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-p.exited:
			return fmt.Errorf("%s: %s ended: %v\n%s", what, filepath.Base(p.exe), p.cmd.ProcessState, p.talk.Bytes())
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, context.Cause(ctx))
		}
	}
	return nil
}

// freeBlock finds n ports in a row that nothing listens on. They lie below the range from which the kernel gives clients
// theirs (ip(7), ip_local_port_range): there, the load's own connections could take one that a worker is to have.
func freeBlock(n int) (int, error) {
	for range 1000 {
		if first := 11000 + rand.IntN(9000); blockIsFree(first, n) {
			return first, nil
		}
	}
	return 0, fmt.Errorf("cannot find %d free ports in a row", n)
}

func blockIsFree(first, n int) bool {
	for p := first; p < first+n; p++ {
		l, err := net.Listen("tcp", address(p))
		if err != nil {
			return false
		}
		defer l.Close() // all are held at once
	}
	return true
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// get fetches a short page from a worker itself, on a connection of its own.
func get(ctx context.Context, port int, path string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address(port)+path, nil)
	if err != nil {
		return "", err
	}
	r.Close = true
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK {
		err = errors.Join(err, errors.New(resp.Status))
	}
	return string(body), err
}
