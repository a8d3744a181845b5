package cluster

import (
	"fmt"
	"net/http"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	psprocess "github.com/shirou/gopsutil/v4/process"

	"github.com/lbdev/lbdev/procs/misbehave"
)

// A usage is what this process has.
type usage struct{ goroutines, descriptors, children int }

func usageNow(t *testing.T) usage {
	t.Helper()
	us, err := psprocess.NewProcess(int32(os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	children, _ := us.Children() // its error is that there is none
	return usage{runtime.NumGoroutine(), len(descriptors()), len(children)}
}

// wantNoMore waits until there is no more than before.
func wantNoMore(t *testing.T, before usage) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		now := usageNow(t)
		if now.goroutines <= before.goroutines && now.descriptors <= before.descriptors && now.children <= before.children {
			t.Logf("%+v, %+v before", now, before)
			return
		}
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%+v, %+v before: %v\n%s", now, before, descriptors(), stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// TestRestartsLeakNothing restarts 100 times.
func TestRestartsLeakNothing(t *testing.T) {
	c := open(t, Config{Command: misbehave.Argv("serve"), Workers: 2})
	c.awaitAll(2, Ready)
	c.get("/")
	before := usageNow(t)
	for i := range 50 {
		for worker := 1; worker <= 2; worker++ {
			if err := c.Restart(worker); err != nil {
				t.Fatal(err)
			}
		}
		for worker := 1; worker <= 2; worker++ {
			c.await(worker, Ready, uint64(i+2))
		}
	}
	wantNoMore(t, before)
}

// TestKillsLeakNothing kills 1,000 workers while clients send requests, none of which may fail.
func TestKillsLeakNothing(t *testing.T) {
	const workers, kills = 8, 1000
	c := open(t, Config{Command: misbehave.Argv("serve"), Workers: workers})
	c.awaitAll(workers, Ready)
	c.get("/")
	before := usageNow(t)
	var over atomic.Bool
	var sent, failed atomic.Int64
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() { knock(c.FrontURL(), &over, &sent, &failed) })
	}
	for i := range kills {
		worker := i%workers + 1
		c.await(worker, Ready, uint64(i/workers+1))
		if err := c.Kill(worker); err != nil {
			t.Fatal(err)
		}
	}
	for worker := 1; worker <= workers; worker++ {
		c.await(worker, Ready, kills/workers+1)
	}
	over.Store(true)
	clients.Wait()
	t.Logf("%d kills, %d GETs, %d failed", kills, sent.Load(), failed.Load())
	if failed.Load() > 0 {
		t.Errorf("%d of %d GETs failed", failed.Load(), sent.Load())
	}
	wantNoMore(t, before)
}

// knock sends requests to an address until it is over.
func knock(url string, over *atomic.Bool, sent, failed *atomic.Int64) {
	client := &http.Client{Transport: &http.Transport{}, Timeout: patience}
	defer client.CloseIdleConnections()
	for !over.Load() {
		sent.Add(1)
		resp, err := client.Get(url)
		if err != nil || resp.StatusCode != http.StatusOK {
			failed.Add(1)
			fmt.Fprintln(os.Stderr, "a request failed:", err, resp)
		}
		if err == nil {
			resp.Body.Close()
		}
	}
}
