package logfile

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/procs/misbehave"
	"github.com/lbdev/lbdev/proxy"
)

// openFiles are the log files that this process has open; where that can't be told there are none.
func openFiles(t *testing.T) []string {
	t.Helper()
	var open []string
	entries, _ := filepath.Glob("/proc/self/fd/*")
	for _, entry := range entries {
		if target, err := os.Readlink(entry); err == nil && strings.HasSuffix(target, logSuffix) && strings.Contains(target, workerPrefix) {
			open = append(open, target)
		}
	}
	return open
}

// TestRequestsOfManyClients sends requests from 32 clients to a real cluster; each must be in the log, once.
func TestRequestsOfManyClients(t *testing.T) {
	const clients, each = 32, 100
	b := newBench(t, Config{MaxSize: 200_000, Backups: -1})
	c := b.open(cluster.Config{Command: misbehave.Argv("serve"), Workers: 2, OnAccess: b.files.Access})
	var wait sync.WaitGroup
	for client := range clients {
		wait.Go(func() {
			h := &http.Client{Transport: &http.Transport{}}
			defer h.CloseIdleConnections()
			for i := range each {
				resp, err := h.Get(fmt.Sprintf("%s/c%d/r%d", c.FrontURL(), client, i))
				if err != nil {
					t.Error(err)
					return
				}
				resp.Body.Close()
			}
		})
	}
	wait.Wait()
	c.Shutdown(t.Context())
	b.close()
	seen := map[string]int{}
	for _, line := range readLog(t, b.files.Dir(), accessName) {
		var a proxy.Access
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if a.Status != http.StatusOK || len(a.Attempts) == 0 || a.Attempts[0].Port == 0 {
			t.Errorf("%+v", a)
		}
		seen[a.Path]++
	}
	for client := range clients {
		for i := range each {
			if path := fmt.Sprintf("/c%d/r%d", client, i); seen[path] != 1 {
				t.Errorf("%s is there %d times", path, seen[path])
			}
		}
	}
}

func TestRequestsAreCopied(t *testing.T) {
	b := newBench(t, Config{})
	a := &proxy.Access{Path: "/x", Attempts: make([]proxy.Attempt, 5)}
	for i := range a.Attempts {
		a.Attempts[i].Port = 8000 + i
	}
	b.files.Access(a)
	clear(a.Attempts) // as the proxy does for the next request
	a.Attempts = a.Attempts[:1]
	a.Attempts[0].Port = 9000
	b.files.Access(a)
	b.close()
	lines := readLog(t, b.files.Dir(), accessName)
	for i, want := range []string{"[8000 8001 8002 8003 8004]", "[9000]"} {
		var got proxy.Access
		if err := json.Unmarshal([]byte(lines[i]), &got); err != nil {
			t.Fatal(err)
		}
		var ports []int
		for _, at := range got.Attempts {
			ports = append(ports, at.Port)
		}
		if fmt.Sprint(ports) != want {
			t.Errorf("request %d has attempts on %v, want %s", i, ports, want)
		}
	}
}

// TestRequestsDontWaitForTheDisk has a writer that is held up: what there is no room for is counted, and told.
func TestRequestsDontWaitForTheDisk(t *testing.T) {
	held, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	b := newBench(t, Config{MaxSize: -1, AppendRequest: func(buf []byte, a *proxy.Access) []byte {
		once.Do(func() { close(held); <-release })
		return appendRequest(buf, a)
	}})
	const more = 1000
	b.files.Access(&proxy.Access{Path: "/first"})
	<-held
	began := time.Now()
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for range (queueSize + more) / 4 {
				b.files.Access(&proxy.Access{Path: "/x"})
			}
		})
	}
	clients.Wait()
	if took := time.Since(began); took > patience/6 {
		t.Errorf("the requests waited: %v", took)
	}
	close(release)
	b.close()
	written, lost := 0, 0
	for _, line := range readLog(t, b.files.Dir(), accessName) {
		var l struct {
			Event, What, Reason, Path string
			Count                     int
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if l.Event == "lost" {
			lost += l.Count
		} else {
			written++
		}
	}
	// The slot of the first one is free again only when it has been written.
	if lost < more || written+lost != 1+queueSize+more {
		t.Errorf("%d requests were written and %d lost, want %d lost", written, lost, more+1)
	}
}

func TestAccessAllocatesNothing(t *testing.T) {
	q := newQueue()
	a := &proxy.Access{Path: "/x", Attempts: make([]proxy.Attempt, inPlace)}
	if n := testing.AllocsPerRun(queueSize/2, func() { q.put(a) }); n > 0 {
		t.Errorf("a request allocates %v times", n)
	}
}

func TestQueueKeepsOrderOfEachWriter(t *testing.T) {
	q := newQueue()
	const writers, each = 8, 20_000
	var wait sync.WaitGroup
	for w := range writers {
		wait.Go(func() {
			a := &proxy.Access{Worker: w}
			for i := range each {
				a.Port = i
				q.put(a)
			}
		})
	}
	done := make(chan struct{})
	go func() { wait.Wait(); close(done) }()
	last, taken := [writers]int{}, 0
	check := func(a *proxy.Access) {
		if a.Port < last[a.Worker] {
			t.Errorf("writer %d: %d after %d", a.Worker, a.Port, last[a.Worker])
		}
		last[a.Worker] = a.Port
		taken++
	}
	for over := false; !over; {
		select {
		case <-done:
			over = true
		default:
		}
		for q.take(check) {
		}
		runtime.Gosched()
	}
	if dropped := int(q.dropped.Load()); taken+dropped != writers*each {
		t.Errorf("%d were taken and %d dropped of %d", taken, dropped, writers*each)
	}
}

// BenchmarkAccess is what the log costs a request: putting it into the queue, and here also taking it out again, without
// which the queue would be full and the cost that of a dropped request. The JSON is made elsewhere.
func BenchmarkAccess(b *testing.B) {
	f := &Files{queue: newQueue()}
	a := &proxy.Access{Start: time.Now(), Method: "GET", Path: "/cart", Status: 200, Worker: 1, Port: 8000, Attempts: make([]proxy.Attempt, 1)}
	b.ReportAllocs()
	for b.Loop() {
		f.Access(a)
		f.queue.take(func(*proxy.Access) {})
	}
}
