package cluster

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lbdev/lbdev/procs/misbehave"
)

// TestSharesOfTheConfig: weights and backups by number and by port, and a cookie whose name is this front's alone.
func TestSharesOfTheConfig(t *testing.T) {
	base := freePorts(t, 21)
	c := open(t, Config{
		Command: misbehave.Argv("serve"), BasePort: base, Workers: 4, Policy: "least-conn", Sticky: "cookie", SlowStart: time.Minute,
		Weight: map[int]int{1: 3, base + 1: 0}, Backup: []int{3, base + 3},
	})
	c.awaitAll(4, Ready)
	s := c.Snapshot()
	for i, want := range []string{"3 false", "0 false", "1 true", "1 true"} {
		if got := fmt.Sprint(s.Workers[i].Weight, s.Workers[i].Backup); got != want {
			t.Errorf("worker %d: %s, want %s", i+1, got, want)
		}
	}
	if got := s.Balanced().String(); got != "least-conn, sticky by cookie, slow start 1m0s" {
		t.Error(got)
	}
	resp, err := http.Get(c.FrontURL())
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got := resp.Header.Get("Set-Cookie"); !strings.HasPrefix(got, fmt.Sprintf("lbdev_worker_%d=", base+20)) {
		t.Error(got)
	}
	if err := c.Kill(1); err != nil {
		t.Fatal(err)
	}
	if w := c.await(1, Ready, 2); w.Weight != 3 {
		t.Errorf("a weight stands through restarts: %+v", w)
	}
}

// TestFaultyBalancing: all faults are told at once.
func TestFaultyBalancing(t *testing.T) {
	_, err := New(Config{
		Command: []string{"true"}, Workers: 2, BasePort: 9000, Policy: "best", Sticky: "on", SlowStart: -1,
		Weight: map[int]int{3: 1, 1: 257, 9001: 1, 2: 1}, Backup: []int{9002},
	})
	for _, want := range []string{`policy "best"`, `by "on"`, "start slowly", "worker 3 a weight", "worker 1 weight 257", "two weights", "worker 9002 a backup"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
}

// TestBalancingChangesUnderLoad changes all that can be changed, and kills workers, while clients send requests over connections that
// they keep and one holds a request open: none fails, and no client's connection is closed.
func TestBalancingChangesUnderLoad(t *testing.T) {
	c := open(t, Config{Command: misbehave.Argv("serve"), Workers: 4})
	c.awaitAll(4, Ready)
	const clients = 6
	var stop atomic.Bool
	var wg sync.WaitGroup
	// net/http's client would open another connection when it is slow itself.
	loop := func(path string) {
		conn, err := net.Dial("tcp", strings.TrimPrefix(c.FrontURL(), "http://"))
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(2 * patience))
		in := bufio.NewReader(conn)
		for !stop.Load() {
			fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path) // an error shows when reading
			resp, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 200 || resp.Close {
				t.Errorf("%s: %s, %v", path, resp.Status, err)
			}
		}
	}
	for i := range clients {
		wg.Go(func() { loop(fmt.Sprintf("/?c=%d", i)) })
	}
	wg.Go(func() { loop("/slow?ms=300") })

	policies := []string{"least-conn", "two-choices", "random", "fastest", "first", "ip-hash", "uri-hash", "header-hash:X-User", "cookie-hash:id", "round-robin"}
	for n, policy := range policies {
		worker := n%4 + 1
		changes := []error{
			c.SetBalancing(Balancing{Policy: &policy, Sticky: new([]string{"off", "cookie"}[n%2]), SlowStart: new(time.Duration(n) * time.Second)}),
			c.SetShare(worker, Share{Weight: new(n % 4)}),
			c.SetShare((worker+1)%4+1, Share{Weight: new(2), Backup: new(n%3 == 0)}),
		}
		if n%3 == 1 {
			changes = append(changes, c.Kill(worker))
		}
		for _, err := range changes {
			if err != nil {
				t.Error(err)
			}
		}
		before := c.Snapshot().Requests.OK
		awaitThat(t, "requests go on under "+policy, func() bool { return c.Snapshot().Requests.OK >= before+60 })
		if got := c.Snapshot().Policy; got != policy {
			t.Errorf("the policy is %s, want %s", got, policy)
		}
	}
	stop.Store(true)
	wg.Wait()
	s := c.Snapshot()
	if s.Requests.Failed+s.Requests.Cut+s.Requests.Canceled > 0 {
		t.Errorf("%+v", s.Requests)
	}
	resp, err := http.Get(c.FrontURL())
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	awaitThat(t, "its record", func() bool { return c.Snapshot().Requests.OK > s.Requests.OK })
	last, _, _ := c.Requests(0, 1, nil)
	if text := last[0].Why(0); !strings.HasPrefix(text, "round robin: ") {
		t.Errorf("why: %q", text)
	}
}

// awaitThat polls.
func awaitThat(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("waited %s in vain: %s", patience, what)
}

// TestSharesRefuse: after a mistake nothing has changed.
func TestSharesRefuse(t *testing.T) {
	c := open(t, Config{Command: misbehave.Argv("serve"), Workers: 1})
	if err := c.SetShare(1, Share{Weight: new(300), Backup: new(true)}); err == nil {
		t.Error("weight 300 is taken")
	}
	if err := c.SetShare(7, Share{Weight: new(3)}); err == nil {
		t.Error("worker 7 is taken")
	}
	if err := c.SetBalancing(Balancing{Policy: new("first"), SlowStart: new(-time.Second)}); err == nil {
		t.Error("a negative time is taken")
	}
	if s := c.Snapshot(); s.Policy != "round-robin" || s.Workers[0].Backup || s.Workers[0].Weight != 1 {
		t.Errorf("%+v", s)
	}
	var texts []string
	if err := c.SetShare(1, Share{Weight: new(1)}); err != nil { // as it is already
		t.Error(err)
	}
	items, _, _ := c.Events().Reader(0, false).Take(nil, 0)
	for _, e := range items {
		if e.Kind == KindNotice {
			texts = append(texts, e.Text)
		}
	}
	if slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, "weight") }) {
		t.Errorf("nothing has changed, and people were told: %v", texts)
	}
}
