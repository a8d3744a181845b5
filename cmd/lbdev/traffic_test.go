//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/coder/websocket"
)

// TestUpCarriesStreamsAndTunnels opens an event stream and a WebSocket through the front; both work, and neither keeps
// lbdev from ending when it is asked to.
func TestUpCarriesStreamsAndTunnels(t *testing.T) {
	u := startUp(t, "--sample", "-n", "2")
	u.awaitReady(2)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()

	stream, err := http.Get(u.front + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	events := bufio.NewScanner(stream.Body)
	for n := 0; n < 2 && events.Scan(); {
		if strings.HasPrefix(events.Text(), "data:") {
			n++
		}
	}
	if err := events.Err(); err != nil {
		t.Fatalf("the event stream: %v", err)
	}

	socket, _, err := websocket.Dial(ctx, u.front+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.CloseNow()
	if _, hello, err := socket.Read(ctx); err != nil || len(hello) == 0 {
		t.Fatalf("the worker's greeting is %q, %v", hello, err)
	}
	message := bytes.Repeat([]byte("0123456789abcdef"), 1<<10)
	if err := socket.Write(ctx, websocket.MessageBinary, message); err != nil {
		t.Fatal(err)
	}
	if _, echo, err := socket.Read(ctx); err != nil || !bytes.Equal(echo, message) {
		t.Fatalf("a message of %d bytes came back as %d bytes, %v", len(message), len(echo), err)
	}

	u.cmd.Process.Signal(syscall.SIGINT)
	if code := u.exitCode(); code != 130 {
		t.Errorf("exit code %d, want 130", code)
	}
	// Requests in flight would have 5 s.
	if done := u.await("the report", func(e upEvent) bool { return e.Event == "done" }); done.TookMS >= 5000 {
		t.Errorf("with a stream and a WebSocket open the cluster took %v ms to end", done.TookMS)
	}
	wantNobody(t, u.mark, 0)
}

// TestUpCarriesUploads sends 20 MB, with and without a length.
func TestUpCarriesUploads(t *testing.T) {
	u := startUp(t, "--sample", "-n", "2")
	u.awaitReady(2)
	data := bytes.Repeat([]byte("lbdev carries this"), 20<<20/18)
	want := fmt.Sprintf("%x", sha256.Sum256(data))
	for _, length := range []int64{int64(len(data)), -1} {
		r, _ := http.NewRequest(http.MethodPost, u.front+"/upload", bytes.NewReader(data))
		r.ContentLength = length
		r.Header.Set("Accept", "application/json")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		var answer bytes.Buffer
		answer.ReadFrom(resp.Body)
		resp.Body.Close()
		if !strings.Contains(answer.String(), want) {
			t.Errorf("length %d: %s has no %s", length, answer.String(), want)
		}
	}
}

// TestUpErrorPage asks when every worker is failed or stopped, as a browser and as curl would.
func TestUpErrorPage(t *testing.T) {
	u := startUp(t, "--sample", "-n", "2")
	u.awaitReady(2)
	for _, tc := range []struct{ accept, kind, want string }{
		{"text/html,*/*", "text/html; charset=utf-8", "<h1>"},
		{"application/json", "application/json", `"workers":[{"port":`},
		{"*/*", "text/plain; charset=utf-8", "lbdev: "},
	} {
		r, _ := http.NewRequest(http.MethodPost, u.front+"/crash", nil) // a POST is not sent again
		r.Header.Set("Accept", tc.accept)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		var body bytes.Buffer
		body.ReadFrom(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusBadGateway || resp.Header.Get("Content-Type") != tc.kind || !strings.Contains(body.String(), tc.want) {
			t.Errorf("%s: %s, %s\n%s", tc.accept, resp.Status, resp.Header.Get("Content-Type"), body.String())
		}
		for _, say := range []string{"POST could run twice", "/crash"} {
			if !strings.Contains(body.String(), say) {
				t.Errorf("%s: the page has no %q:\n%s", tc.accept, say, body.String())
			}
		}
	}
}
