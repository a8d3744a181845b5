//go:build unix

package main

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/lbdev/lbdev/cluster"
)

// A crowd is clients that send one request after the other until they are told to go home.
type crowd struct {
	sent, failed atomic.Int64
	first        atomic.Pointer[string] // what the first failure was
	took         func(time.Duration)    // told of each request; nil = nobody is
	stop         chan struct{}
	clients      sync.WaitGroup
}

// gather starts n clients that send what request makes. A request fails when it is not answered with 200, or takes longer
// than tooLong.
func gather(n int, request func() *http.Request, tooLong time.Duration) *crowd {
	return gatherTimed(n, request, tooLong, nil)
}

// gatherTimed is gather, and tells took how long each request took.
func gatherTimed(n int, request func() *http.Request, tooLong time.Duration, took func(time.Duration)) *crowd {
	c := &crowd{stop: make(chan struct{}), took: took}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: n}, Timeout: tooLong}
	for range n {
		c.clients.Go(func() { c.send(client, request) })
	}
	return c
}

func (c *crowd) send(client *http.Client, request func() *http.Request) {
	defer client.CloseIdleConnections()
	for {
		select {
		case <-c.stop:
			return
		default:
		}
		c.sent.Add(1)
		began := time.Now()
		err := ask(client, request())
		if c.took != nil {
			c.took(time.Since(began))
		}
		if err != nil {
			c.failed.Add(1)
			text := err.Error()
			c.first.CompareAndSwap(nil, &text)
		}
	}
}

func ask(client *http.Client, r *http.Request) error {
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %s, attempts %q: %s", resp.Status, resp.Header.Get("X-Lbdev-Attempts"), body)
	}
	return err
}

// goHome ends the crowd and returns how many requests it sent and how many failed.
func (c *crowd) goHome() (sent, failed int64, first string) {
	close(c.stop)
	c.clients.Wait()
	if text := c.first.Load(); text != nil {
		first = *text
	}
	return c.sent.Load(), c.failed.Load(), first
}

func getter(url string) func() *http.Request {
	return func() *http.Request {
		r, _ := http.NewRequest(http.MethodGet, url, nil)
		return r
	}
}

// killTree sends SIGKILL to a worker's process group, as "kill -9" by hand would.
func (u *upTest) killTree(worker int) (incarnation uint64) {
	u.Helper()
	events := u.seen(func(e upEvent) bool { return e.Event == string(cluster.Ready) && e.Worker == worker })
	last := events[len(events)-1]
	if err := syscall.Kill(-last.PID, syscall.SIGKILL); err != nil {
		u.Fatalf("cannot kill worker %d, pid %d: %v", worker, last.PID, err)
	}
	return last.Incarnation
}

// killInTurn kills one worker a second, each in turn, while a crowd of 32 sends GETs, and wants nobody to notice.
func killInTurn(u *upTest, workers, kills int, path string, kill func(worker int) uint64) {
	u.Helper()
	c := gather(32, getter(u.front+path), patience)
	for i := range kills {
		time.Sleep(time.Second)
		worker := i%workers + 1
		old := kill(worker)
		u.wantTurnSoon(u.awaitIncarnation(worker, old+1))
	}
	sent, failed, first := c.goHome()
	u.Logf("%d GETs, %d failed, %d kills", sent, failed, kills)
	if failed > 0 {
		u.Errorf("%d of %d GETs failed, the first: %s\n%s", failed, sent, first, u.dump())
	}
}

// wantTurnSoon wants a worker that has just become ready to get a request within 100 ms, as the clients never rest; on a machine
// that is too busy for that, before each client has had two answers from others.
func (u *upTest) wantTurnSoon(ready upEvent) {
	u.Helper()
	first := u.await("a request to the worker that is back", func(e upEvent) bool {
		return len(e.Attempts) > 0 && e.Attempts[0].Worker == ready.Worker && e.Attempts[0].Incarnation == ready.Incarnation
	})
	others := len(u.seen(func(e upEvent) bool {
		return e.Event == "request" && e.Time.After(ready.Time) && e.Time.Before(first.Time)
	}))
	if after := first.Time.Sub(ready.Time); after > 100*time.Millisecond && others > 2*32 {
		u.Errorf("worker %d had its first request %v after it was ready", ready.Worker, after)
	}
}

func TestUpHidesKills(t *testing.T) {
	u := startUp(t, "--sample", "-n", "4")
	u.awaitReady(4)
	killInTurn(u, 4, 8, "/", u.killTree)
	u.wantTurns(4)
}

// wantTurns sends two rounds of requests, when all workers are ready, and wants them answered in strict order.
func (u *upTest) wantTurns(workers int) {
	u.Helper()
	u.awaitSnapshot("all workers being ready", func(now cluster.Snapshot) bool { // one that was slow to answer may have been passed by
		return !slices.ContainsFunc(now.Workers, func(w cluster.WorkerSnapshot) bool { return w.State != cluster.Ready })
	})
	first, _ := u.get("/")
	for i := 1; i < 2*workers; i++ {
		port, _ := u.get("/")
		if want := u.base + (first-u.base+i)%workers; port != want {
			u.Fatalf("request %d after %d was answered by %d, want %d", i, first, port, want)
		}
	}
}

func TestUpRoundRobinIsStrictFromTheFirst(t *testing.T) {
	u := startUp(t, "--sample", "-n", "4")
	u.awaitReady(4)
	for i := range 8 {
		if port, _ := u.get("/"); port != u.base+i%4 {
			t.Fatalf("request %d was answered by %d, want %d", i+1, port, u.base+i%4)
		}
		if resp, err := http.Get(u.front + "/favicon.ico"); err == nil {
			resp.Body.Close() // takes no turn
		}
	}
}

func TestUpHoldsWhenAllAreKilledAtOnce(t *testing.T) {
	u := startUp(t, "--sample", "-n", "4")
	u.awaitReady(4)
	c := gather(32, getter(u.front+"/"), patience)
	for range 3 {
		time.Sleep(time.Second)
		var old [5]uint64
		for worker := 1; worker <= 4; worker++ {
			old[worker] = u.killTree(worker)
		}
		for worker := 1; worker <= 4; worker++ {
			u.awaitIncarnation(worker, old[worker]+1)
		}
	}
	sent, failed, first := c.goHome()
	t.Logf("%d GETs, %d failed, all workers killed three times", sent, failed)
	if failed > 0 {
		t.Errorf("%d of %d GETs failed, the first: %s\n%s", failed, sent, first, u.dump())
	}
}

// TestUpNeverRunsAPostTwice lets 32 clients post numbers while workers are killed. The workers print each number when
// they begin to work on it.
func TestUpNeverRunsAPostTwice(t *testing.T) {
	u := startUp(t, "-n", "4", "--", self(t), "serve-posts", "{port}")
	u.awaitReady(4)
	var next atomic.Int64
	c := gather(32, func() *http.Request {
		id := next.Add(1)
		r, _ := http.NewRequest(http.MethodPost, u.front+"/post", strings.NewReader(fmt.Sprintf("post %d", id)))
		return r
	}, patience)
	killed := map[upAttempt]bool{}
	for i := range 8 {
		time.Sleep(time.Second)
		worker := i%4 + 1
		old := u.killTree(worker)
		killed[upAttempt{Worker: worker, Incarnation: old, Sent: true}] = true
		u.awaitIncarnation(worker, old+1)
	}
	sent, failed, _ := c.goHome()
	u.cmd.Process.Signal(syscall.SIGTERM)
	u.exitCode()
	runs := map[string]int{}
	for _, e := range u.seen(func(e upEvent) bool { return strings.HasPrefix(e.Line, "post ") }) {
		if runs[e.Line]++; runs[e.Line] > 1 {
			t.Errorf("%q was run %d times", e.Line, runs[e.Line])
		}
	}
	t.Logf("%d POSTs, %d failed, %d run, 8 kills", sent, failed, len(runs))
	for _, e := range u.seen(func(e upEvent) bool { return e.Event == "request" && e.Outcome == "failed" }) {
		if n := len(e.Attempts); n == 0 || !killed[e.Attempts[n-1]] {
			t.Errorf("a POST failed that no killed worker had: %+v", e)
		}
	}
	if int64(len(runs)) < sent-failed {
		t.Errorf("%d POSTs were answered and only %d were run", sent-failed, len(runs))
	}
}
