package cluster

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/lbdev/lbdev/procs/misbehave"
)

func TestMain(m *testing.M) {
	misbehave.Main()
	if len(os.Args) == 3 && os.Args[1] == "serve" {
		serve(os.Args[2])
	}
	if len(os.Args) == 3 && os.Args[1] == "tell" {
		tell(os.Args[2])
	}
	// The goroutine that forks never returns: children with a parent-death signal die with the thread that made them.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/lbdev/lbdev/procs.(*forker).run"))
}

// patience is how long a test waits for something that takes no time when all is well.
const patience = 30 * time.Second

// A real is a cluster of real processes on ports of its own.
type real struct {
	*testing.T
	*Cluster
	base int
}

// open runs a cluster until the end of the test. A base port that is not given is chosen.
func open(t *testing.T, config Config) *real {
	t.Helper()
	if config.BasePort == 0 {
		config.BasePort = freePorts(t, 21)
	}
	if config.Listen == "" {
		config.Listen = fmt.Sprintf("127.0.0.1:%d", config.BasePort+20)
	}
	c, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Open(); err != nil {
		t.Fatal(err)
	}
	r := &real{T: t, Cluster: c, base: config.BasePort}
	t.Cleanup(func() { r.close() })
	return r
}

func (r *real) close() Report {
	report := r.Shutdown(context.Background())
	if len(report.Left) > 0 {
		r.Errorf("these could not be ended: %v", report.Left)
	}
	return report
}

// Other packages' tests, which run at the same time, have other ranges.
const firstPort, lastPort = 10000, 12999

// blocks are the ports that tests have got: those from firstPort to next, and then from the beginning again. Tests that run side by
// side would find the same ones free, as processes listen on them only later; and whoever looks listens there for a moment himself.
var blocks struct {
	sync.Mutex
	next int
}

// freePorts returns the first of n free ports in a row, below the range from which the kernel takes those of clients.
func freePorts(t *testing.T, n int) int {
	t.Helper()
	blocks.Lock()
	defer blocks.Unlock()
	if blocks.next == 0 {
		blocks.next = firstPort + rand.IntN(lastPort-firstPort)
	}
	for range 1000 {
		base := blocks.next
		if base+n-1 > lastPort {
			base = firstPort
		}
		blocks.next = base + n
		if bad, _ := firstBad(base, n, nil, nil); bad == 0 {
			return base
		}
	}
	t.Fatal("found no free ports")
	return 0
}

// await waits for a worker to be in a state, in an incarnation from the given one on.
func (r *real) await(worker int, state State, incarnation uint64) WorkerSnapshot {
	r.Helper()
	events := r.Events().Reader(0, false)
	defer events.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		w := r.worker(worker)
		if w.State == state && w.Incarnation >= incarnation {
			return w
		}
		if _, _, err := events.Next(ctx, nil); err != nil {
			r.Fatalf("worker %d is %s in incarnation %d, want %s in %d (%v)\n%s", worker, w.State, w.Incarnation, state, incarnation, err, r.log())
		}
	}
}

func (r *real) awaitAll(n int, state State) {
	r.Helper()
	for worker := 1; worker <= n; worker++ {
		r.await(worker, state, 0)
	}
}

func (r *real) worker(number int) WorkerSnapshot {
	r.Helper()
	for _, w := range r.Snapshot().Workers {
		if w.Worker == number {
			return w
		}
	}
	r.Fatalf("there is no worker %d", number)
	return WorkerSnapshot{}
}

// log is the events so far, one a line.
func (r *real) log() string {
	var b strings.Builder
	items, _, _ := r.Events().Reader(0, false).Take(nil, 0)
	for _, e := range items {
		fmt.Fprintf(&b, "%s %d %s #%d %v %s %s\n", e.Kind, e.Worker, e.State, e.Incarnation, e.Exit, e.Reason, e.Text)
	}
	return b.String()
}

// get asks the front and returns the port that answered.
func (r *real) get(path string) (port int) {
	r.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	resp, err := client.Get(r.FrontURL() + path)
	if err != nil {
		r.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		r.Fatalf("GET %s: %s\n%s", path, resp.Status, r.log())
	}
	port, _ = strconv.Atoi(resp.Header.Get("X-Lbdev-Worker"))
	return port
}

// descriptors are the files that this process has open.
func descriptors() []string {
	var open []string
	entries, _ := filepath.Glob("/proc/self/fd/*")
	for _, entry := range entries {
		if target, err := os.Readlink(entry); err == nil {
			open = append(open, target)
		}
	}
	return open
}
