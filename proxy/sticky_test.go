package proxy

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/lbdev/lbdev/proxy/balance"
)

// stickyRig has three workers that say their numbers, and keeps clients as told.
func stickyRig(t *testing.T, sticky string) (*rig, []*Backend) {
	t.Helper()
	g := newRig(t)
	s, err := balance.NewSticky(sticky, "lbdev_worker")
	if err != nil {
		t.Fatal(err)
	}
	g.pool.SetSticky(s)
	return g, []*Backend{g.serve(1, says("1")), g.serve(2, says("2")), g.serve(3, says("3"))}
}

// cookieOf is the cookie that a response gives, without its attributes; empty = none.
func cookieOf(r reply) string {
	text, _, _ := strings.Cut(r.header.Get("Set-Cookie"), ";")
	return text
}

// TestStickyCookie follows a client through the life of its worker.
func TestStickyCookie(t *testing.T) {
	g, b := stickyRig(t, "cookie")
	first := g.get("/")
	if got := first.header.Get("Set-Cookie"); !strings.HasPrefix(got, "lbdev_worker=") || !strings.HasSuffix(got, "; Path=/; HttpOnly; SameSite=Lax") ||
		strings.Contains(got, portText(b[0].Port())) || first.body != "1" {
		t.Fatalf("%q from %s", got, first.body)
	}
	mine := "Cookie: theme=dark; " + cookieOf(first)
	for range 4 {
		if r := g.send("GET", "/", nil, mine); r.body != "1" || r.header["Set-Cookie"] != nil {
			t.Errorf("worker %s, %v", r.body, r.header["Set-Cookie"])
		}
	}
	if r := g.get("/"); r.body != "2" {
		t.Errorf("the turn of those without a cookie went on to %s", r.body)
	}

	b[0].SetState(Down, "drained", 1)
	moved := g.send("GET", "/", nil, mine)
	if moved.body != "3" || cookieOf(moved) == cookieOf(first) || cookieOf(moved) == "" {
		t.Errorf("away from a drained worker: %s, %q", moved.body, cookieOf(moved))
	}
	g.wantWhy(6, 0, "cookie says "+portText(b[0].Port())+" (drained); round robin: next after "+portText(b[1].Port()))
	b[0].SetState(Ready, "ready", 1)
	if r := g.send("GET", "/", nil, "Cookie: "+cookieOf(moved)); r.body != "3" || r.header["Set-Cookie"] != nil {
		t.Errorf("it stays where it went: %s", r.body)
	}
	g.wantWhy(7, 0, "cookie says "+portText(b[2].Port()))
	b[2].SetWeight(0)
	if r := g.send("GET", "/", nil, "Cookie: "+cookieOf(moved)); r.body != "3" {
		t.Errorf("weight 0 is for those who belong nowhere: %s", r.body)
	}
	if r := g.send("GET", "/", nil, "Cookie: lbdev_worker=forged"); r.body == "3" || cookieOf(r) == "" {
		t.Errorf("an unknown cookie: %s, %q", r.body, cookieOf(r))
	}
	g.pool.SetSticky(nil)
	if r := g.send("GET", "/", nil, mine, "X: y"); r.header["Set-Cookie"] != nil {
		t.Errorf("switched off: %v", r.header)
	}
}

// TestStickyRetry: the worker that the client belongs to refuses, and nobody has said that it is down.
func TestStickyRetry(t *testing.T) {
	g, b := stickyRig(t, "cookie")
	mine := "Cookie: " + cookieOf(g.get("/"))
	g.pool.Remove(b[0])
	g.add(1, deadPort(t))
	r := g.send("GET", "/", nil, mine)
	if r.status != 200 || r.body == "1" || cookieOf(r) == "" || "Cookie: "+cookieOf(r) == mine {
		t.Errorf("%+v", r)
	}
	if a := g.access(1); a.Outcome != Rescued || a.Attempts[0].Worker != 1 {
		t.Errorf("%+v", a)
	}
}

// TestStickyRoute: the app names the worker itself; nothing is set.
func TestStickyRoute(t *testing.T) {
	g, b := stickyRig(t, "route:JSESSIONID")
	for range 3 {
		if r := g.send("GET", "/", nil, "Cookie: JSESSIONID=1A2B.w2"); r.body != "2" || r.header["Set-Cookie"] != nil {
			t.Errorf("%s %v", r.body, r.header)
		}
		if r := g.get("/cart;jsessionid=1A2B.w3"); r.body != "3" {
			t.Errorf("%s", r.body)
		}
		if r := g.send("GET", "/", nil, "Cookie: JSESSIONID=1A2B."+portText(b[0].Port())); r.body != "1" {
			t.Errorf("by port: %s", r.body)
		}
	}
	g.wantWhy(0, 0, "JSESSIONID says "+portText(b[1].Port()))
	b[1].Set(Coming, 2)
	if r := g.send("GET", "/", nil, "Cookie: JSESSIONID=1A2B.w2"); r.body == "2" {
		t.Error("it is not there")
	}
}

// TestStickySecure: over TLS the cookie is for TLS only.
func TestStickySecure(t *testing.T) {
	g, _ := stickyRig(t, "cookie:lb")
	r := httptest.NewRequest("GET", "/", nil)
	r.TLS = &tls.ConnectionState{}
	w := httptest.NewRecorder()
	g.proxy.ServeHTTP(w, r)
	if got := w.Header().Get("Set-Cookie"); !strings.HasPrefix(got, "lb=") || !strings.HasSuffix(got, "; Secure") {
		t.Error(got)
	}
}

// TestStickyTunnel: a WebSocket's 101 bears the cookie beside those of the app.
func TestStickyTunnel(t *testing.T) {
	g := newRig(t)
	s, _ := balance.NewSticky("cookie", "lbdev_worker")
	g.pool.SetSticky(s)
	w := g.raw(func(c net.Conn, in *bufio.Reader) {
		if _, _, err := readRequest(in); err == nil {
			io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\nSet-Cookie: a=b\r\n\r\n")
		}
	})
	g.add(1, w.port)
	_, in := g.talk("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := resp.Header["Set-Cookie"]; len(got) != 2 || got[0] != "a=b" || !strings.HasPrefix(got[1], "lbdev_worker=") {
		t.Errorf("%v", got)
	}
}
