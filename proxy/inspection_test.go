package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lbdev/lbdev/proxy/inspect"
)

func inspecting(p *Proxy) { p.Inspect = true }

// value is that of a field in a head; "-" = there is none.
func value(head []inspect.Field, name string) string {
	i := slices.IndexFunc(head, func(f inspect.Field) bool { return f.Name == name })
	if i < 0 {
		return "-"
	}
	return head[i].Value
}

// TestInspection: what the client sent and what it got is kept, as far as there is room, whichever way it went.
func TestInspection(t *testing.T) {
	g := newRig(t, inspecting)
	g.serve(1, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Add("Set-Cookie", "a=1")
		var n int
		fmt.Sscanf(r.URL.Path, "/%d", &n)
		if r.URL.Query().Has("length") {
			w.Header().Set("Content-Length", fmt.Sprint(n))
		}
		for piece := strings.Repeat("d", 1000); n > 0; n -= len(piece) {
			io.WriteString(w, piece[:min(n, len(piece))])
		}
	})
	const large, huge = 3 * inspect.Limit, 2 * replayLimit
	tests := []struct {
		method, path     string
		up, down         int
		upWhole, allDown bool
	}{
		{"GET", "/0", 0, 0, true, true},
		{"POST", "/5", 7, 5, true, true},
		{"POST", fmt.Sprint("/", inspect.Limit), inspect.Limit, inspect.Limit, true, true},
		{"PUT", fmt.Sprint("/", large), large, large, false, false},
		{"PUT", fmt.Sprint("/", huge, "?length"), huge, huge, false, false}, // goes past us
		{"GET", fmt.Sprint("/", inspect.Limit, "?length"), 0, inspect.Limit, true, true},
	}
	for i, tc := range tests {
		got := g.send(tc.method, tc.path, strings.NewReader(strings.Repeat("u", tc.up)), "X-Mine: yes")
		if len(got.body) != tc.down || got.err != nil {
			t.Fatalf("%s: %d bytes, %v", tc.path, len(got.body), got.err)
		}
		k := g.access(i).Kept
		if k == nil {
			t.Fatalf("%s: nothing is kept", tc.path)
		}
		if value(k.Request.Head, "X-Mine") != "yes" || value(k.Response.Head, "Set-Cookie") != "a=1" || value(k.Response.Head, "X-Lbdev-Worker") == "-" {
			t.Errorf("%s: %v, %v", tc.path, k.Request.Head, k.Response.Head)
		}
		check := func(what string, b *inspect.Body, n int, whole bool, text string) {
			if b.Bytes != int64(n) || b.Whole != whole || string(b.Start) != strings.Repeat(text, min(n, inspect.Limit)) {
				t.Errorf("%s: the %s's body has %d bytes, %d are kept, whole: %v", tc.path, what, b.Bytes, len(b.Start), b.Whole)
			}
		}
		check("request", &k.Request.Body, tc.up, tc.upWhole, "u")
		check("response", &k.Response.Body, tc.down, tc.allDown, "d")
	}
}

// TestInspectionOfTrouble: errors of our own are kept with their page, and what was cut is not taken for whole.
func TestInspectionOfTrouble(t *testing.T) {
	g := newRig(t, inspecting, func(p *Proxy) { p.Hold = -1 })
	g.get("/nobody")
	if k := g.access(0).Kept; k == nil || !strings.HasPrefix(string(k.Response.Body.Start), "503 ") || !k.Response.Body.Whole || value(k.Response.Head, "Cache-Control") != "no-store" {
		t.Errorf("of an error: %+v", k)
	}
	dying := g.raw(func(c net.Conn, in *bufio.Reader) {
		readRequest(in)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nhalf")
	})
	g.add(1, dying.port)
	g.get("/cut")
	if a := g.access(1); a.Outcome != Cut || a.Kept == nil || string(a.Kept.Response.Body.Start) != "half" || a.Kept.Response.Body.Whole {
		t.Errorf("of what was cut: %+v", a)
	}
}

// exhaust has a meter let nothing through for a minute.
func exhaust(m *inspect.Meter) {
	for m.Take(time.Now().Add(time.Minute)) {
	}
}

// TestInspectionOfMany: of a flood only some are kept whole, and of those that fail the heads.
func TestInspectionOfMany(t *testing.T) {
	g := newRig(t, inspecting, func(p *Proxy) { p.Hold = -1 })
	exhaust(&g.proxy.usual)
	g.send("POST", "/x", strings.NewReader("body"), "X-Mine: yes")
	k := g.access(0).Kept
	if k == nil || value(k.Request.Head, "X-Mine") != "yes" || k.Response.Body.Whole || k.Response.Body.Bytes == 0 || len(k.Response.Body.Start) != 0 {
		t.Errorf("of one that fails: %+v", k)
	}
	g.serve(1, says("ok"))
	exhaust(&g.proxy.usual)
	g.get("/y")
	if k := g.access(1).Kept; k != nil {
		t.Errorf("of one too many: %+v", k)
	}
}

// TestInspectionIsBounded: of events that go on and on little is kept, and they take no place from others, of which there are so many at
// a time.
func TestInspectionIsBounded(t *testing.T) {
	g := newRig(t, inspecting)
	asked, stop := make(chan bool, 2), make(chan bool)
	g.serve(1, func(w http.ResponseWriter, r *http.Request) {
		asked <- true
		w.Header().Set("Content-Type", "text/event-stream")
		for range 100 {
			fmt.Fprintf(w, "data: %s\n\n", strings.Repeat("x", 1000))
			http.NewResponseController(w).Flush()
			time.Sleep(time.Millisecond)
		}
		<-stop
	})
	done := make(chan reply)
	go func() { done <- g.get("/") }()
	<-asked // it is one of those that are kept by now
	eventually(t, "the events", func() bool { return g.proxy.keeping.Load() == 0 })
	g.proxy.keeping.Store(maxKeeping)
	stop <- true
	if got := <-done; got.err != nil || len(got.body) < 100_000 {
		t.Fatalf("%d bytes, %v", len(got.body), got.err)
	}
	if b := g.access(0).Kept.Response.Body; len(b.Start) >= 20<<10 || b.Bytes < 100_000 || b.Whole {
		t.Errorf("%d of %d bytes are kept", len(b.Start), b.Bytes)
	}
	close(stop)
	g.get("/")
	if a := g.access(1); a.Kept != nil || g.proxy.keeping.Load() != maxKeeping {
		t.Errorf("one too many is kept: %d", g.proxy.keeping.Load())
	}
}
