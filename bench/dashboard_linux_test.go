package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestAudience counts what a stream of known size gives, through several readers.
func TestAudience(t *testing.T) {
	b := testBench(t)
	const message = "data: {}\n\n"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" || r.URL.Path != "/dashboard/v1/live" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, message)
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	defer server.Close()
	a, err := b.startAudience(board{server.URL, "secret"}, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer a.stop()
	if n := a.bytes(); n != 3*int64(len(message)) {
		t.Errorf("%d bytes, want three messages", n)
	}
	if _, err := b.startAudience(board{server.URL, "wrong"}, 1); err == nil {
		t.Error("a stream was opened without the token")
	}
}

func TestSpread(t *testing.T) {
	low, high := spread([]float64{1, 1, 1, 2, 2, 2, 3, 3, 3})
	if low < 1 || high > 3 || low > 2 || high < 2 {
		t.Errorf("between %v and %v", low, high)
	}
	if low, high := spread([]float64{5}); low != 5 || high != 5 {
		t.Errorf("between %v and %v, want 5", low, high)
	}
}

// TestCPUClock: a process that has just worked has used time, one that sleeps uses none.
func TestCPUClock(t *testing.T) {
	p, err := launch(nil, nil, "/bin/sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; exec sleep 60")
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	sleeps := func() bool { return exeOf(p.pid()) != p.exe }
	if err := p.until(t.Context(), 30*time.Second, "waiting for sleep", sleeps); err != nil {
		t.Fatal(err)
	}
	p.exe = exeOf(p.pid())
	if used := p.cpu(); used < 100*time.Microsecond || used > 20*time.Second {
		t.Errorf("used %v", used)
	}
}

func TestMostCPU(t *testing.T) {
	text := `[{"name":"thread_name","ph":"M","pid":1,"tid":1,"args":{"name":"CrRendererMain"}},
		{"name":"thread_name","ph":"M","pid":2,"tid":2,"args":{"name":"CrRendererMain"}},
		{"name":"thread_name","ph":"M","pid":2,"tid":3,"args":{"name":"Compositor"}},
		{"name":"task","ph":"X","pid":1,"tid":1,"ts":0,"dur":9000,"tdur":9000},
		{"name":"task","ph":"X","pid":2,"tid":2,"ts":0,"dur":9000,"tdur":7000},
		{"name":"task","ph":"X","pid":2,"tid":2,"ts":10000,"dur":9000,"tdur":8000},
		{"name":"task","ph":"X","pid":2,"tid":2,"ts":20000,"dur":99000,"tdur":99000},
		{"name":"task","ph":"X","pid":2,"tid":3,"ts":0,"dur":50000,"tdur":50000}]`
	var events []traced
	if err := json.Unmarshal([]byte(text), &events); err != nil {
		t.Fatal(err)
	}
	if most := mostCPU(events, []span{{from: 30000, to: 31000}}); most != 8*time.Millisecond {
		t.Errorf("%v, want 8 ms: that of the busiest main thread, without what overlaps with the span", most)
	}
}
