package cluster

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/lbdev/lbdev/procs/misbehave"
	"github.com/lbdev/lbdev/proxy/fault"
)

// TestMaxBody: what is larger gets 413 over both protocols, whether its size is known or not.
func TestMaxBody(t *testing.T) {
	t.Parallel()
	r := open(t, Config{Command: misbehave.Argv("serve-tape"), Workers: 1, MaxBody: 1000})
	r.awaitAll(1, Ready)
	for _, http2 := range []bool{false, true} {
		transport := &http.Transport{Protocols: new(http.Protocols)}
		transport.Protocols.SetHTTP1(!http2)
		transport.Protocols.SetUnencryptedHTTP2(http2)
		defer transport.CloseIdleConnections()
		client := &http.Client{Transport: transport, Timeout: patience}
		for size, want := range map[int]int{1000: 200, 1001: 413, 100_000: 413} {
			for _, known := range []bool{true, false} {
				var body io.Reader = strings.NewReader(strings.Repeat("x", size))
				if !known {
					body = io.MultiReader(body)
				}
				resp, err := client.Post(r.FrontURL()+"/", "text/plain", body)
				if err != nil {
					t.Errorf("HTTP/2 %v, %d bytes, known %v: %v", http2, size, known, err)
					continue
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if resp.StatusCode != want {
					t.Errorf("HTTP/2 %v, %d bytes, known %v: %s, want %d", http2, size, known, resp.Status, want)
				}
			}
		}
	}
}

// TestMaxConns: connections that wait make room; when all have a request a new one gets 503, which is shown.
func TestMaxConns(t *testing.T) {
	t.Parallel()
	r := open(t, Config{Command: misbehave.Argv("serve"), Workers: 1, MaxConns: 10})
	r.awaitAll(1, Ready)
	address := r.Openings()[0].Addr.String()
	ask := func(path string) (net.Conn, *bufio.Reader) {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(patience))
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path)
		return c, bufio.NewReader(c)
	}
	status := func(in *bufio.Reader) int {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Error(err)
			return 0
		}
		io.Copy(io.Discard, resp.Body)
		return resp.StatusCode
	}
	for range 30 { // they stay open and idle
		if _, in := ask("/"); status(in) != 200 {
			t.Fatal("a new one does not get the place of an idle one")
		}
	}
	if err := r.SetFault(1, planOf(t, "latency=1h0m0s"), 0); err != nil { // keeps requests until it is over
		t.Fatal(err)
	}
	var busy []*bufio.Reader
	for n := range int64(10) { // one after the other: each finds one that is idle
		_, in := ask("/")
		busy = append(busy, in)
		for deadline := time.Now().Add(patience); r.Snapshot().Requests.InFlight <= n; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("in flight: %d, want %d", r.Snapshot().Requests.InFlight, n+1)
			}
		}
	}
	if _, in := ask("/"); status(in) != 503 {
		t.Error("one too many is not told so")
	}
	all, _, _ := r.Requests(0, 1, nil)
	last := all[0]
	if last.Status != 503 || last.Reason != "there are 10 connections, as many as there may be, and all have a request" || last.Client != "127.0.0.1" {
		t.Errorf("record: %+v", last)
	}
	if err := r.SetFault(1, fault.Plan{}, 0); err != nil {
		t.Fatal(err)
	}
	for _, in := range busy {
		if status(in) != 200 {
			t.Error("one that had a request is not answered")
		}
	}
}

// TestSlowClients: an attack with slow heads, slow bodies or slow reading does not keep others from being served, in the last case
// of each with fewer connections than the attacker has.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		maxConns int
		args     []string
	}{
		{"heads", 0, []string{"-H", "-i", "1", "-x", "24"}},
		{"heads, few connections", 100, []string{"-H", "-i", "1", "-x", "24"}},
		{"bodies", 0, []string{"-B", "-i", "1", "-s", "8192", "-x", "10"}},
		{"reading", 0, []string{"-X", "-w", "512", "-y", "1024", "-n", "1", "-z", "32", "-k", "3"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := open(t, Config{Command: misbehave.Argv("serve"), Workers: 2, MaxConns: tt.maxConns})
			r.awaitAll(2, Ready)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			args := append([]string{"-c", "300", "-r", "150", "-l", "4", "-p", "3", "-u", r.FrontURL() + "/slow?ms=1"}, tt.args...)
			attack := exec.CommandContext(ctx, "slowhttptest", args...)
			var said strings.Builder
			attack.Stdout, attack.Stderr = &said, &said
			if err := attack.Start(); err != nil {
				t.Fatalf("%v (scripts/tools test installs what the tests use)", err)
			}
			over := make(chan struct{})
			go func() {
				defer close(over)
				attack.Wait()
			}()
			served, slowest := r.probeUntil(over)
			if served < 2 || slowest > 3*time.Second { // of 4 s; how many more there are is the machine's business
				t.Errorf("%d others were served, the slowest in %v\n%s", served, slowest, said.String())
			}
			if !strings.Contains(said.String(), "slow HTTP test status") {
				t.Errorf("there was no attack: %s", said.String())
			}
		})
	}
}

// probeUntil asks over a new connection again and again until over is closed.
func (r *real) probeUntil(over <-chan struct{}) (served int, slowest time.Duration) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	for {
		start := time.Now()
		resp, err := client.Get(r.FrontURL() + "/")
		if err != nil {
			r.Error(err)
			return served, slowest
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 200 {
			r.Errorf("got %s", resp.Status)
		}
		served++
		slowest = max(slowest, time.Since(start))
		select {
		case <-over:
			return served, slowest
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// TestStrictOverTLS: the rules hold over TLS too, also on a connection that was parked, and the worker is told of TLS.
func TestStrictOverTLS(t *testing.T) {
	t.Parallel()
	server, client, _ := ownTLS(t)
	r := open(t, Config{Command: misbehave.Argv("serve-tape"), Workers: 1, TLS: server})
	r.awaitAll(1, Ready)
	c, err := tls.Dial("tcp", r.Openings()[0].Addr.String(), client)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	in := bufio.NewReader(c)
	ask := func(text string) (int, string) {
		io.WriteString(c, text)
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body)
	}
	for range 2 {
		if status, seen := ask(rawGet); status != 200 || !strings.Contains(seen, "X-Forwarded-Proto: https\r\n") {
			t.Errorf("got %d %q", status, seen)
		}
		for end := time.Now().Add(patience); r.front.rules.Lot.Len() == 0 && time.Now().Before(end); {
			time.Sleep(5 * time.Millisecond)
		}
	}
	if status, said := ask("GET / HTTP/1.1\nHost: a\n\n"); status != 400 || !strings.Contains(said, "a line ends with LF alone") {
		t.Errorf("got %d %q", status, said)
	}
	if _, err := in.ReadByte(); err != io.EOF {
		t.Errorf("then %v", err)
	}
}
