package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

func init() {
	// Children ask for a signal when their parent *thread* dies (prctl(2), PR_SET_PDEATHSIG): all are started from the
	// main goroutine, and this keeps it on the main thread.
	runtime.LockOSThread()
}

func main() {
	if runChild(os.Args[1:]) {
		return
	}
	only := flag.String("only", "", "measure some `PARTS` only: fronts,logs,start,memory,idle,control,failover,dashboard,page")
	rounds := flag.Int("rounds", 3, "measure fronts, logs and start `N` times and take medians")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Minute, errors.New("the time of ten minutes is over"))
	defer cancel()
	fail(run(ctx, *only, max(*rounds, 1)))
}

// runChild makes this process a child of another run, if the arguments say so.
func runChild(args []string) bool {
	switch {
	case len(args) == 1 && args[0] == workerWord:
		fail(runWorker())
	case len(args) == 2 && args[0] == backendWord:
		fail(runBackend(args[1]))
	case len(args) == 4 && args[0] == audienceWord:
		fail(runAudience(args[1], args[2], args[3]))
	default:
		return false
	}
	return true
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run.
type bench struct {
	ctx     context.Context // of the whole run
	dir     string          // temporary, removed at the end
	lbdev   string          // the built program
	self    string          // this program, which is also the worker
	nginx   string
	haproxy string
	rounds  int
	lines   int // of all workers' logs together
}

// run builds lbdev into a temporary folder and measures part after part. A part that fails does not keep the others from
// being measured.
func run(ctx context.Context, only string, rounds int) error {
	b := &bench{ctx: ctx, rounds: rounds, lines: 1_000_000}
	parts := []struct {
		name    string
		measure func() error
	}{
		{"fronts", b.fronts}, {"logs", b.logs}, {"start", b.start}, {"memory", b.memory}, {"idle", b.idle}, {"control", b.control}, {"failover", b.failover},
		{"dashboard", b.dashboard}, {"page", b.page},
	}
	if err := b.prepare(); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	b.printMachine()
	var failed []error
	for _, p := range parts {
		if only != "" && !strings.Contains(","+only+",", ","+p.name+",") {
			continue
		}
		if ctx.Err() != nil {
			failed = append(failed, fmt.Errorf("cannot measure %s: %w", p.name, context.Cause(ctx)))
			break
		}
		if err := p.measure(); err != nil {
			failed = append(failed, fmt.Errorf("cannot measure %s: %w", p.name, err))
		}
	}
	return errors.Join(failed...)
}

func (b *bench) prepare() (err error) {
	if b.self, err = os.Executable(); err != nil {
		return fmt.Errorf("cannot find this program's file: %w", err)
	}
	for name, path := range map[string]*string{"nginx": &b.nginx, "haproxy": &b.haproxy} {
		if *path, err = findRival(name); err != nil {
			return err
		}
	}
	if b.dir, err = os.MkdirTemp("", "lbdev-bench-"); err != nil {
		return fmt.Errorf("cannot make a temporary folder: %w", err)
	}
	b.lbdev = filepath.Join(b.dir, "lbdev")
	build := exec.CommandContext(b.ctx, "go", "build", "-trimpath", "-o", b.lbdev, "github.com/lbdev/lbdev/cmd/lbdev")
	if out, err := build.CombinedOutput(); err != nil {
		os.RemoveAll(b.dir)
		return fmt.Errorf("cannot build lbdev: %w\n%s", err, out)
	}
	return nil
}

// findRival finds a program that Debian keeps out of a user's PATH.
func findRival(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + name)
	}
	if err != nil {
		return "", fmt.Errorf("cannot compare: %w", err)
	}
	return path, nil
}

func (b *bench) printMachine() {
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease") // only shown
	version, _ := exec.Command(b.nginx, "-v").CombinedOutput()
	_, nginx, _ := strings.Cut(strings.TrimSpace(string(version)), ": ")
	fmt.Printf("%d CPUs, Linux %s, %s, %s\n", runtime.NumCPU(), strings.TrimSpace(string(kernel)), runtime.Version(), nginx)
}
