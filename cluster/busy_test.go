package cluster

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lbdev/lbdev/procs/misbehave"
)

// ran counts how often the workers ran a request.
func (r *real) ran(path string) (times int) {
	lines, _, _ := r.Logs().Reader(0, false).Take(nil, 0)
	for _, line := range lines {
		if line.Text == "ran "+path {
			times++
		}
	}
	return times
}

// TestBusySingleThreadedWorker has a server that does one thing at a time do something that takes long. Those who wait behind it
// get their answers from others; the long request is not run twice.
func TestBusySingleThreadedWorker(t *testing.T) {
	r := open(t, Config{Command: misbehave.Argv("serve-single"), Workers: 2})
	r.awaitAll(2, Ready)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	ask := func(path string) <-chan time.Duration {
		done := make(chan time.Duration, 1)
		go func() {
			began := time.Now()
			resp, err := client.Get(r.FrontURL() + path)
			if err != nil {
				t.Error(err)
			} else if resp.Body.Close(); resp.StatusCode != http.StatusOK {
				t.Errorf("%s: %s", path, resp.Status)
			}
			done <- time.Since(began)
		}()
		return done
	}
	const path, length = "/slow?ms=5000&long", 5 * time.Second
	long := ask(path)
	r.until("the long request runs", func() bool { return r.ran(path) == 1 })
	var behind []<-chan time.Duration
	for range 4 {
		behind = append(behind, ask("/behind"))
	}
	for _, done := range behind {
		if took := <-done; len(long) > 0 {
			t.Errorf("a request waited %v, until the long one before it was over", took)
		}
	}
	if took := <-long; took < length {
		t.Errorf("the long request took %v", took)
	}
	busy := 0
	items, _, _ := r.Events().Reader(0, false).Take(nil, 0)
	for _, e := range items {
		if e.State == Unresponsive && strings.HasPrefix(e.Reason, "no answer for") {
			busy++
		}
	}
	if n := r.ran(path); n != 1 || busy != 1 {
		t.Errorf("the long request was run %d times, the worker found unresponsive %d times\n%s", n, busy, r.log())
	}
	r.awaitAll(2, Ready)
}

func (r *real) until(what string, ok func() bool) {
	r.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			r.Fatalf("waited in vain until %s\n%s", what, r.log())
		}
	}
}
