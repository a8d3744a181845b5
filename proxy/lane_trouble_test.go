package proxy

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// What waits for a silent worker goes to another one too, and the first answer counts.
func TestLaneHedge(t *testing.T) {
	for _, first := range []int{1, 2} {
		t.Run(fmt.Sprint("answered by ", first), func(t *testing.T) {
			g := newRig(t)
			var started, release [3]chan bool
			worker := func(n int) http.HandlerFunc {
				started[n], release[n] = make(chan bool, 1), make(chan bool, 1)
				return func(w http.ResponseWriter, r *http.Request) {
					started[n] <- true
					select {
					case <-release[n]:
						fmt.Fprint(w, "by ", n)
					case <-r.Context().Done():
					}
				}
			}
			silent, _ := g.lanesWorker(1, worker(1))
			done := make(chan reply)
			go func() { done <- g.get("/") }()
			<-started[1]
			g.lanesWorker(2, worker(2))
			silent.Set(Suspect, 1)
			silent.Hedge(true)
			<-started[2]
			release[first] <- true
			if r := <-done; r.body != fmt.Sprint("by ", first) {
				t.Errorf("%+v", r)
			}
			if a := g.access(0); len(a.Attempts) != 2 || a.Worker != first {
				t.Errorf("%+v", a)
			}
			eventually(t, "the other lane's end", func() bool {
				_, _, inFlight := silent.Counts()
				return inFlight == 0
			})
		})
	}
}

// Faults concern lanes too, each only the request that it was drawn for.
func TestLaneFaults(t *testing.T) {
	tests := []struct {
		fault, method string
		status        int
		outcome       Outcome
		result        string
	}{
		{"errors=503", "POST", 503, OK, "503"},
		{"reset=100%", "GET", 200, Rescued, ""},
		{"reset=100%", "POST", 502, Failed, ""},
		{"refuse=100%", "POST", 200, Rescued, ResultRefused},
		{"latency=30ms", "POST", 200, OK, "200"},
		{"bandwidth=20kB/s", "POST", 200, OK, "200"},
	}
	for _, tt := range tests {
		t.Run(tt.fault+" "+tt.method, func(t *testing.T) {
			g := newRig(t)
			b, _ := g.lanesWorker(1, says("hello"))
			setFault(t, b, tt.fault)
			g.lanesWorker(2, says("hello"))
			r, a := g.send(tt.method, "/", strings.NewReader("a=b")), g.access(0)
			if r.status != tt.status || a.Outcome != tt.outcome || tt.result != "" && a.Attempts[0].Result != tt.result || a.Attempts[0].Fault == "" {
				t.Errorf("%+v\n%+v", r, a)
			}
			if _, _, inFlight := b.Counts(); inFlight != 0 {
				t.Errorf("%d in flight", inFlight)
			}
		})
	}
}

// A proxy that is trusted is passed on in HTTP/2 as in HTTP/1.
func TestLaneBehindTrustedProxy(t *testing.T) {
	g := newRig(t, func(p *Proxy) { p.Trusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	g.lanesWorker(1, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Header["X-Forwarded-For"], r.Header["X-Forwarded-Proto"], r.Header["X-Forwarded-Host"], r.Header["X-Real-Ip"])
	})
	r := g.send("GET", "/", nil, "X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 7.7.7.7", "X-Forwarded-Proto: https", "X-Forwarded-Host: shop",
		"X-Real-Ip: 7.7.7.7")
	if want := "[6.6.6.6, 7.7.7.7, 127.0.0.1] [https] [shop] [7.7.7.7]"; r.body != want {
		t.Errorf("%q, want %q", r.body, want)
	}
}

// A client that goes away in the middle of a conversation ends it for the worker too, whoever was talking.
func TestLaneCancelBothWays(t *testing.T) {
	fronts(t, func(t *testing.T, g *rig, c *http.Client) {
		ended := make(chan error, 1)
		g.lanesWorker(1, func(w http.ResponseWriter, r *http.Request) {
			for {
				if _, err := io.WriteString(w, strings.Repeat("x", 1000)); err != nil {
					ended <- err
					return
				}
				w.(http.Flusher).Flush()
				time.Sleep(100 * time.Microsecond)
			}
		})
		in, out := io.Pipe()
		defer out.Close()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r, _ := http.NewRequestWithContext(ctx, "POST", g.front.URL, in)
		resp, err := c.Transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		io.CopyN(io.Discard, resp.Body, 5000)
		cancel()
		out.CloseWithError(context.Canceled) // net/http's client does not look at its context while it waits for a body
		select {
		case <-ended:
		case <-time.After(patience):
			t.Fatal("the worker was not told")
		}
		if a := g.access(0); a.Outcome != Canceled {
			t.Errorf("%+v", a)
		}
	})
}

// TestLaneBodyEndsWithItsLane: net/http may ask for more of a body when nobody wants it any more. Nothing is read from the client then,
// whose handler may have returned.
func TestLaneBodyEndsWithItsLane(t *testing.T) {
	r, err := http.NewRequest("POST", "/", strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	b := &laneBody{u: newUpload(r, false), to: &http.Request{}}
	b.Close()
	if n, err := b.Read(make([]byte, 10)); n != 0 || err == nil || err == io.EOF {
		t.Errorf("read %d, %v", n, err)
	}
	if b.u.begun() {
		t.Error("the client's body is read")
	}
}
