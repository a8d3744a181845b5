//go:build linux

package clients

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/coder/websocket"
)

// dialSocket opens a WebSocket.
func (f *front) dialSocket(ctx context.Context) *websocket.Conn {
	f.Helper()
	c, _, err := websocket.Dial(ctx, f.url+"/ws", &websocket.DialOptions{Subprotocols: []string{"other", "chat"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { c.CloseNow() })
	c.SetReadLimit(-1)
	if c.Subprotocol() != "chat" {
		f.Errorf("the subprotocol is %q", c.Subprotocol())
	}
	return c
}

func TestWebSocket(t *testing.T) {
	f := up(t, []string{"-n", "2"}, app("web"))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()

	c := f.dialSocket(ctx)
	size := int64(16 << 20)
	if soak {
		size = 64 << 20
	}
	message := patternBytes(size)
	sent := make(chan error, 1)
	go func() { sent <- c.Write(ctx, websocket.MessageBinary, message) }()
	kind, got, err := c.Read(ctx)
	if kind != websocket.MessageBinary || !bytes.Equal(got, message) || err != nil {
		t.Errorf("%d of %d bytes came back, %v", len(got), len(message), err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	if err := c.Write(ctx, websocket.MessageText, []byte("close 4001 enough of that")); err != nil {
		t.Error(err)
	}
	_, _, err = c.Read(ctx)
	if status := websocket.CloseStatus(err); status != 4001 || !strings.Contains(err.Error(), "enough of that") {
		t.Errorf("closed with %d, %v", status, err)
	}

	c = f.dialSocket(ctx)
	c.CloseRead(ctx) // reads the pongs
	for range 3 {
		if err := c.Ping(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(4002, "from here"); err != nil {
		t.Error(err)
	}
	f.wantNoFailure()
}

// TestWebSocketOfKilledWorker: the client is told at once, and not as if it had been closed.
func TestWebSocketOfKilledWorker(t *testing.T) {
	f := up(t, []string{"-n", "2"}, app("web"))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	first := f.dialSocket(ctx)
	second := f.dialSocket(ctx)
	f.lbdev("kill", "all")
	began := time.Now()
	for _, c := range []*websocket.Conn{first, second} {
		if _, _, err := c.Read(ctx); err == nil || websocket.CloseStatus(err) != -1 {
			t.Errorf("%v", err)
		}
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("that took %v", took)
	}
}

// TestBrowser lets Chromium open an event stream and WebSockets; the last one ends as its worker is killed.
func TestBrowser(t *testing.T) {
	f := up(t, []string{"-n", "2"}, app("web"))
	b := openBrowser(t)
	b.do(chromedp.Navigate(f.url + "/page"))
	sees := func(want string) {
		t.Helper()
		b.until(fmt.Sprintf("document.querySelector('#log').textContent.includes(%q)", want))
	}
	sees("waits") // in the second socket
	sees("events 3")
	f.lbdev("kill", "all")
	sees("closed 1006")
	log := b.says("document.querySelector('#log').textContent")
	const want = "open chat\ngot hello\nclosed 4001 enough\nopen chat\ngot hello\nwaits\nclosed 1006"
	if sockets := strings.Replace(log, "events 3\n", "", 1); !strings.HasPrefix(sockets, want) {
		t.Errorf("the page saw %q, and not %q", log, want)
	}
}
