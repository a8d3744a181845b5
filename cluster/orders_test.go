package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lbdev/lbdev/procs/misbehave"
	"github.com/lbdev/lbdev/proxy"
)

// ordersInAll is how many orders TestOrders gives, ordersAtOnce how many of them to one cluster.
const ordersInAll, ordersAtOnce = 1000, 50

// TestOrders gives random orders to clusters of real processes, and holds:
//
//   - there are never two live incarnations of a worker (each claims a file, see serve-alone),
//   - never a worker on another's port (what it answers names its port),
//   - the proxy never picks a worker that is not ready,
//   - every order ends, and so does the cluster.
func TestOrders(t *testing.T) {
	given := 0
	rapid.Check(t, func(rt *rapid.T) {
		if given >= ordersInAll {
			return
		}
		o := newOrders(t, rt)
		for range ordersAtOnce {
			o.give()
			given++
		}
		o.end()
	})
	if given < ordersInAll {
		t.Errorf("only %d orders were given", given)
	}
}

// orders is one cluster that gets them.
type orders struct {
	*rapid.T
	c       *Cluster
	dir     string
	client  *http.Client
	access  func(path string) *proxy.Access
	pending sync.WaitGroup
	crowd   sync.WaitGroup
	over    atomic.Bool
	wrong   atomic.Pointer[string]
	asked   int
	log     []string
}

func newOrders(t *testing.T, rt *rapid.T) *orders {
	o := &orders{T: rt, dir: t.TempDir(), client: &http.Client{Timeout: patience}}
	var seen sync.Map
	o.access = func(path string) *proxy.Access {
		for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			if a, ok := seen.LoadAndDelete(path); ok {
				return a.(*proxy.Access)
			}
		}
		return nil
	}
	base := freePorts(t, 7)
	c, err := New(Config{
		Command: misbehave.Argv("serve-alone", o.dir), Workers: 3, BasePort: base, Listen: fmt.Sprintf("127.0.0.1:%d", base+6),
		StopTimeout: 2 * time.Second, Hold: 300 * time.Millisecond,
		OnAccess: func(a *proxy.Access) {
			if strings.HasPrefix(a.Path, "/?n=") {
				record := *a
				record.Attempts = append([]proxy.Attempt(nil), a.Attempts...)
				seen.Store(a.Path, &record)
			}
		},
	})
	if err == nil {
		err = c.Open()
	}
	if err != nil {
		rt.Fatal(err)
	}
	o.c = c
	for range 4 {
		o.crowd.Go(o.visit)
	}
	return o
}

// visit is a client that sends requests until the end. They may fail, as all workers may be stopped.
func (o *orders) visit() {
	for !o.over.Load() {
		o.get("/")
	}
}

// get sends a request and looks whether the one who answered is who lbdev says it was.
func (o *orders) get(path string) {
	resp, err := o.client.Get(o.c.FrontURL() + path)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return
	}
	if port := resp.Header.Get("X-Lbdev-Worker"); !strings.HasPrefix(string(body), "port "+port+" ") {
		o.wrong.Store(new(fmt.Sprintf("X-Lbdev-Worker is %s and the answer %q", port, body)))
	}
}

// give draws an order, gives it, and looks at what it left.
func (o *orders) give() {
	id := rapid.IntRange(1, 6).Draw(o.T, "worker")
	verb := rapid.SampledFrom([]string{
		"start", "start", "stop", "restart", "kill", "pause", "resume", "resume", "drain", "undrain", "undrain", "scale", "rolling", "look", "look",
	}).Draw(o.T, "order")
	o.log = append(o.log, fmt.Sprintf("%s %d", verb, id))
	var err error
	switch verb {
	case "start":
		err = o.c.Start(id)
	case "stop":
		err = o.c.Stop(id)
	case "restart":
		err = o.c.Restart(id)
	case "kill":
		err = o.c.Kill(id)
	case "pause":
		err = o.c.Pause(id)
	case "resume":
		err = o.c.Resume(id)
	case "drain":
		err = o.c.Drain(id)
	case "undrain":
		err = o.c.Undrain(id)
	case "scale":
		o.long(func(ctx context.Context) error { return o.c.Scale(ctx, id, nil) })
	case "rolling":
		o.long(func(ctx context.Context) error { return o.c.RollingRestart(ctx, nil) })
	case "look":
		time.Sleep(time.Duration(rapid.IntRange(1, 40).Draw(o.T, "ms")) * time.Millisecond)
	}
	o.check(err)
	o.look()
}

// long gives an order that takes its time, and does not wait for it.
func (o *orders) long(order func(context.Context) error) {
	o.pending.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		o.check(order(ctx))
	})
}

// check takes note of an error that no order should have.
func (o *orders) check(err error) {
	_, noWorker := errors.AsType[*NoWorkerError](err)
	_, state := errors.AsType[*StateError](err)
	_, scale := errors.AsType[*ScaleError](err)
	_, back := errors.AsType[*ComeBackError](err) // a worker was taken away, or killed too often, while it was waited for
	taken, ok := errors.AsType[*PortTakenError](err)
	passing := ok && taken.Holder.PID == 0 // another test that looks for free ports has it for a moment
	if err != nil && !noWorker && !state && !scale && !back && !passing && !errors.Is(err, ErrRolling) && !errors.Is(err, errEnding) {
		o.wrong.Store(new(err.Error()))
	}
}

// look sends a request, and holds that it went to no worker that was not ready all the while.
func (o *orders) look() {
	o.asked++
	path := "/?n=" + strconv.Itoa(o.asked)
	last := o.c.Events().Last()
	before, ready := map[int]State{}, []int{}
	for _, w := range o.c.Snapshot().Workers {
		if before[w.Port] = w.State; w.State == Ready {
			ready = append(ready, w.Port)
		}
	}
	o.get(path)
	a := o.access(path)
	if a == nil {
		o.fail("a request has left no record")
	}
	for _, at := range a.Attempts {
		gone := func(port int) bool { return o.changed(port, last) }
		if before[at.Port] == Unresponsive && (len(ready) == 0 || slices.ContainsFunc(ready, gone)) {
			continue // better than nobody
		}
		if state, ok := before[at.Port]; ok && state != Ready && !o.changed(at.Port, last) {
			o.fail("a request went to worker %d, which was %s: %+v", at.Worker, state, a)
		}
	}
	if twice, _ := filepath.Glob(filepath.Join(o.dir, "*.twice")); len(twice) > 0 {
		o.fail("two incarnations lived at once: %v", twice)
	}
	if text := o.wrong.Load(); text != nil {
		o.fail("%s", *text)
	}
}

// changed says whether something happened to the worker with this port since the event with number last. The event comes
// a moment after the proxy has been told.
func (o *orders) changed(port int, last uint64) bool {
	for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		events, _, _ := o.c.Events().Reader(last, false).Take(nil, 0)
		for _, e := range events {
			if e.Port == port {
				return true
			}
		}
	}
	return false
}

func (o *orders) fail(format string, args ...any) {
	o.over.Store(true)
	o.c.Hurry()
	o.c.Shutdown(context.Background())
	o.Fatalf(format+"\norders: %s", append(args, strings.Join(o.log, ", "))...)
}

// end wants every order to end, every worker to be startable, and the cluster to leave nothing.
func (o *orders) end() {
	done := make(chan struct{})
	go func() { defer close(done); o.pending.Wait() }()
	select {
	case <-done:
	case <-time.After(2 * patience):
		o.fail("an order does not end")
	}
	for _, w := range o.c.Snapshot().Workers {
		o.c.Resume(w.Worker) // these two have errors where there is nothing to do
		o.c.Undrain(w.Worker)
		if err := o.c.Start(w.Worker); err != nil {
			o.fail("worker %d cannot be started: %v", w.Worker, err)
		}
	}
	deadline := time.Now().Add(patience)
	for _, w := range o.c.all() {
		for w.seen.Load().State != Ready {
			if time.Now().After(deadline) {
				o.fail("worker %d does not become ready: %s", w.worker, w.seen.Load().State)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	o.look()
	o.over.Store(true)
	report := o.c.Shutdown(context.Background())
	o.crowd.Wait()
	o.client.CloseIdleConnections()
	if len(report.Left) > 0 || report.Stopped+len(report.Killed) == 0 { // an order to kill may have had its effect just now
		o.Fatalf("the end: %+v", report)
	}
}
