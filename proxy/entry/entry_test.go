package entry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 30 * time.Second

// listen returns a listener for a Config.
func listen(t *testing.T, config Config) net.Listener {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := New(inner, config)
	t.Cleanup(func() { l.Close() })
	return l
}

func dial(t *testing.T, l net.Listener, text string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	io.WriteString(c, text)
	return c
}

// ownTLS is a server's side of TLS and a client's that believes it.
func ownTLS(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	s.Close()
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	server = &tls.Config{Certificates: s.TLS.Certificates, NextProtos: []string{"h2", "http/1.1"}}
	return server, &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}
}

// A wrapped connection is what Config.Wrap has made.
type wrapped struct{ net.Conn }

func wrap(c net.Conn) net.Conn { return &wrapped{c} }

// TestPlainIsNotTouched: without expectations the listener is the inner one, or wraps what it accepts.
func TestPlainIsNotTouched(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	if New(inner, Config{}) != inner {
		t.Error("it is another listener")
	}
	l := New(inner, Config{Wrap: wrap})
	dial(t, l, "x")
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, ok := c.(*wrapped); !ok {
		t.Errorf("it is a %T", c)
	}
}

// TestTLSConnections: HTTP/2 comes out as the *tls.Conn, everything else wrapped, and nothing that was sent is lost.
func TestTLSConnections(t *testing.T) {
	server, client := ownTLS(t)
	for _, proto := range []string{"h2", "http/1.1", ""} {
		l := listen(t, Config{TLS: server, Wrap: wrap, ProxyProtocol: true})
		config := client.Clone()
		if proto != "" {
			config.NextProtos = []string{proto}
		}
		raw := dial(t, l, "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n")
		go tls.Client(raw, config).Write([]byte("hello"))
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, isTLS := c.(*tls.Conn); isTLS != (proto == "h2") {
			t.Errorf("%q comes out as %T", proto, c)
		}
		if c.RemoteAddr().String() != "192.0.2.1:1" {
			t.Errorf("%q comes from %v", proto, c.RemoteAddr())
		}
		c.SetDeadline(time.Now().Add(patience))
		if text, err := io.ReadAll(io.LimitReader(c, 5)); string(text) != "hello" {
			t.Errorf("%q: %q, %v", proto, text, err)
		}
	}
}

func TestNoTLS(t *testing.T) {
	server, _ := ownTLS(t)
	l := listen(t, Config{TLS: server})
	if n, err := dial(t, l, "GET / HTTP/1.1\r\n\r\n").Read(make([]byte, 1)); n != 0 || err == nil || isTimeout(err) {
		t.Errorf("without Plain: %d, %v", n, err)
	}
	taken := NewHandoff(l.Addr())
	defer taken.Close()
	l = listen(t, Config{TLS: server, Plain: taken.Give})
	dial(t, l, "GET /")
	c, err := taken.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	if text, err := io.ReadAll(io.LimitReader(c, 5)); string(text) != "GET /" {
		t.Errorf("%q, %v", text, err)
	}
}

func isTimeout(err error) bool {
	ne, ok := errors.AsType[net.Error](err)
	return ok && ne.Timeout()
}

// TestPatience: whoever takes too long loses the connection, whatever it waits for; others are not kept waiting.
func TestPatience(t *testing.T) {
	server, client := ownTLS(t)
	for name, config := range map[string]Config{
		"header":    {ProxyProtocol: true, Patience: 50 * time.Millisecond},
		"handshake": {TLS: server, Patience: 50 * time.Millisecond},
	} {
		for _, text := range []string{"", "PROXY TCP4", "\x16\x03\x01"} {
			l := listen(t, config)
			if n, err := dial(t, l, text).Read(make([]byte, 1)); n != 0 || err == nil || isTimeout(err) {
				t.Errorf("%s after %q: %d, %v", name, text, n, err)
			}
		}
	}
	l := listen(t, Config{TLS: server})
	for range 10 {
		dial(t, l, "")
	}
	go tls.Client(dial(t, l, ""), client).HandshakeContext(context.Background())
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// TestClose ends connections in every state, and Accept.
func TestClose(t *testing.T) {
	server, client := ownTLS(t)
	l := listen(t, Config{TLS: server})
	silent := dial(t, l, "")
	done := tls.Client(dial(t, l, ""), client)
	go done.Handshake()
	for deadline := time.Now().Add(patience); !done.ConnectionState().HandshakeComplete && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept: %v", err)
	}
	for _, c := range []net.Conn{silent, done} { // the second one was ready, and nobody had accepted it
		if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil || isTimeout(err) {
			t.Errorf("%d, %v", n, err)
		}
	}
}

func TestHandoffClosed(t *testing.T) {
	h := NewHandoff(&net.TCPAddr{})
	h.Close()
	h.Close()
	near, far := net.Pipe()
	defer far.Close()
	h.Give(near)
	if _, err := far.Write([]byte("x")); err == nil {
		t.Error("a connection that nobody takes stays open")
	}
	if _, err := h.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept: %v", err)
	}
}
