package proxy

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func echo(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer c.CloseNow()
	c.SetReadLimit(-1)
	for {
		kind, data, err := c.Read(r.Context())
		if err != nil || c.Write(r.Context(), kind, data) != nil {
			return
		}
	}
}

func TestWebSocket(t *testing.T) {
	g := newRig(t)
	g.add(1, deadPort(t))
	b := g.serve(2, echo)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, resp, err := websocket.Dial(ctx, strings.Replace(g.front.URL, "http", "ws", 1)+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if resp.Header.Get("X-Lbdev-Worker") != portText(b.Port()) || !strings.Contains(resp.Header.Get("X-Lbdev-Attempts"), "(refused)") {
		t.Errorf("%v", resp.Header)
	}
	c.SetReadLimit(-1)
	for _, size := range []int{1, 1000, 1 << 20} {
		data := bigData(size)
		if err := c.Write(ctx, websocket.MessageBinary, data); err != nil {
			t.Fatal(err)
		}
		if _, got, err := c.Read(ctx); err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%d bytes: got %d, %v", size, len(got), err)
		}
	}
	if s := g.proxy.Stats(); s.InFlight != 1 {
		t.Errorf("a tunnel is in flight: %+v", s)
	}
	c.Close(websocket.StatusNormalClosure, "")
	if a := g.access(0); a.Status != 101 || a.Outcome != Rescued || a.Bytes < 1<<20 {
		t.Errorf("%+v", a)
	}
}

// Both sides send at once with the head, and each ends on its own.
func TestTunnelHalfClose(t *testing.T) {
	g := newRig(t)
	w := g.raw(func(c net.Conn, in *bufio.Reader) {
		r, err := http.ReadRequest(in)
		if err != nil || r.Header.Get("Upgrade") != "echo" || r.Header.Get("Connection") != "Upgrade" {
			return
		}
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade, x-hop\r\nUpgrade: echo\r\nX-Hop: 1\r\nX-End: 1\r\n\r\nwelcome ")
		text, _ := io.ReadAll(in) // until the client has ended
		c.Write(text)
	})
	g.add(1, w.port)
	c, in := g.talk("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nearly ")
	resp, err := http.ReadResponse(in, nil)
	if err != nil || resp.StatusCode != 101 || resp.Header.Get("X-Hop") != "" || resp.Header.Get("X-End") != "1" || resp.Header.Get("Upgrade") != "echo" {
		t.Fatalf("%+v %v", resp, err)
	}
	io.WriteString(c, "late")
	c.(*net.TCPConn).CloseWrite()
	if text, err := io.ReadAll(in); string(text) != "welcome early late" || err != nil {
		t.Errorf("%q %v", text, err)
	}
}

func TestTunnelWorkerDies(t *testing.T) {
	g := newRig(t)
	dead := make(chan struct{})
	w := g.raw(func(c net.Conn, in *bufio.Reader) {
		http.ReadRequest(in)
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
		<-dead
		kill(c, true)
	})
	g.add(1, w.port)
	_, in := g.talk("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
	if _, err := http.ReadResponse(in, nil); err != nil {
		t.Fatal(err)
	}
	close(dead)
	if _, err := in.ReadByte(); err == nil {
		t.Error("the client's end is still open")
	}
	g.access(0)
}

func TestShutdownEndsTunnels(t *testing.T) {
	g := newRig(t)
	g.serve(1, echo)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, _, err := websocket.Dial(ctx, strings.Replace(g.front.URL, "http", "ws", 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	began := time.Now()
	if err := g.proxy.Shutdown(ctx); err != nil || time.Since(began) > patience/2 {
		t.Errorf("%v after %s", err, time.Since(began))
	}
	if _, _, err := c.Read(ctx); err == nil {
		t.Error("the tunnel is open")
	}
}

// An upgrade that the worker does not want is an ordinary request.
func TestUpgradeDeclined(t *testing.T) {
	g := newRig(t)
	g.serve(1, says("no"))
	for _, upgrade := range []string{"websocket", "h2c"} {
		r := g.send("GET", "/", nil, "Connection: Upgrade, HTTP2-Settings", "Upgrade: "+upgrade, "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA")
		if r.status != 200 || r.body != "no" {
			t.Errorf("%+v", r)
		}
	}
}
