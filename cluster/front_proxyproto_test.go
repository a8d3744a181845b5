package cluster

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lbdev/lbdev/procs/misbehave"
	"github.com/lbdev/lbdev/proxy"
)

// TestProxyProtocol has a header before HTTP/1, HTTP/2 and TLS, and the client's address arrive at the worker and in the record.
func TestProxyProtocol(t *testing.T) {
	server, client, _ := ownTLS(t)
	v2 := "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x07\xc0\x00\x02\x02\xdc\x04\x01\xbb" // 192.0.2.7
	for _, tt := range []struct {
		name   string
		secure bool
		http2  bool
		header string
		client string
	}{
		{"v1", false, false, "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n", "192.0.2.1"},
		{"v1 and IPv6", false, false, "PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n", "2001:db8::1"},
		{"v1 unknown", false, false, "PROXY UNKNOWN\r\n", "127.0.0.1"},
		{"v2", false, false, v2, "192.0.2.7"},
		{"v2 and HTTP/2", false, true, v2, "192.0.2.7"},
		{"v2 and TLS", true, false, v2, "192.0.2.7"},
		{"v1, TLS and HTTP/2", true, true, "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n", "192.0.2.1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var mu sync.Mutex
			var seen []string
			config := Config{Command: misbehave.Argv("serve"), Workers: 1, ProxyProtocol: true, OnAccess: func(a *proxy.Access) {
				mu.Lock()
				defer mu.Unlock()
				seen = append(seen, a.Client)
			}}
			scheme := "http"
			if tt.secure {
				config.TLS, scheme = server, "https"
			}
			c := open(t, config)
			c.awaitAll(1, Ready)
			address := c.Openings()[0].Addr.String()
			transport := &http.Transport{TLSClientConfig: client, DisableKeepAlives: true, Protocols: new(http.Protocols), DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				conn, err := new(net.Dialer).DialContext(ctx, network, address)
				if err == nil {
					_, err = io.WriteString(conn, tt.header)
				}
				return conn, err
			}}
			transport.Protocols.SetHTTP1(!tt.http2)
			transport.Protocols.SetHTTP2(tt.http2 && tt.secure)
			transport.Protocols.SetUnencryptedHTTP2(tt.http2 && !tt.secure)
			resp, err := (&http.Client{Transport: transport, Timeout: patience}).Get(scheme + "://" + address + "/seen")
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			if want := fmt.Sprintf("%s %s for %s ", scheme, address, tt.client); !strings.HasPrefix(string(body), want) {
				t.Errorf("the worker saw %q, want %q", body, want)
			}
			c.close()
			mu.Lock()
			defer mu.Unlock()
			if len(seen) != 1 || seen[0] != tt.client {
				t.Errorf("the record has %q", seen)
			}
		})
	}
}

// TestProxyProtocolIsDemanded: without it, or with nonsense, nothing is served.
func TestProxyProtocolIsDemanded(t *testing.T) {
	c := open(t, Config{Command: misbehave.Argv("serve"), Workers: 1, ProxyProtocol: true})
	c.awaitAll(1, Ready)
	for _, text := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "PROXY TCP4 1.2.3.4 5.6.7.8 x 1\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", c.Openings()[0].Addr.String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patience))
		io.WriteString(conn, text)
		if answer, err := bufio.NewReader(conn).ReadString(0); len(answer) > 0 || err == nil {
			t.Errorf("%q is answered by %q", text, answer)
		} else if ne, ok := err.(net.Error); ok && ne.Timeout() {
			t.Errorf("%q: the connection stays open", text)
		}
	}
	if s := c.Snapshot().Requests; s.Total != 0 {
		t.Errorf("%d requests went through", s.Total)
	}
	if _, err := tls.Dial("tcp", c.Openings()[0].Addr.String(), &tls.Config{InsecureSkipVerify: true}); err == nil {
		t.Error("TLS without a header goes through")
	}
}

// TestProxyProtocolIsMissing: a client gets no answer that would say so, so people are told; not of each, and of nobody who said
// nothing.
func TestProxyProtocolIsMissing(t *testing.T) {
	c := open(t, Config{Command: misbehave.Argv("serve"), Workers: 1, ProxyProtocol: true})
	for _, text := range []string{"", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"} {
		conn, err := net.Dial("tcp", c.Openings()[0].Addr.String())
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, text)
		conn.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, conn) // until it is closed
		conn.Close()
	}
	var told []string
	items, _, _ := c.Events().Reader(0, false).Take(nil, 0)
	for _, e := range items {
		if e.Kind == KindNotice {
			told = append(told, e.Text)
		}
	}
	want := `127.0.0.1 turned away: cannot read the PROXY protocol's header: it begins with "GET / HTTP/1"`
	if len(told) != 1 || told[0] != want {
		t.Errorf("told of %q", told)
	}
}
