package proxy

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// In front stands whatever http.Server speaks; the rules are the same.
func TestHTTP2(t *testing.T) {
	g := newRig(t)
	g.front.Close()
	g.front = httptest.NewUnstartedServer(g.proxy)
	g.front.EnableHTTP2 = true
	g.front.StartTLS()
	g.add(1, g.raw(deaths[0].serve).port)
	g.serve(2, func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		w.Header().Set("Trailer", "X-Sum")
		fmt.Fprint(w, r.Header.Get("X-Forwarded-Proto"), len(text), err)
		w.Header().Set("X-Sum", "1")
	})
	data := bigData(500_000)
	for i, tt := range []struct{ method, want string }{{"GET", "https0 <nil>"}, {"PUT", "https500000 <nil>"}} {
		var body io.Reader
		if tt.method == "PUT" {
			body = bytes.NewReader(data)
		}
		r := g.send(tt.method, "/", body)
		if r.status != 200 || r.body != tt.want || r.err != nil {
			t.Errorf("%+v", r)
		}
		if a := g.access(i); a.Proto != "HTTP/2.0" || a.Outcome != Rescued {
			t.Errorf("%+v", a)
		}
	}
}

// An early answer, and a cut one.
func TestHTTP2Aborts(t *testing.T) {
	g := newRig(t)
	g.front.Close()
	g.front = httptest.NewUnstartedServer(g.proxy)
	g.front.EnableHTTP2 = true
	g.front.StartTLS()
	g.add(1, g.raw(deaths[4].serve).port)
	r, a := g.get("/"), g.access(0)
	if r.err == nil || !strings.Contains(r.err.Error(), "INTERNAL_ERROR") || a.Outcome != Cut {
		t.Errorf("%+v\n%+v", r, a)
	}
	g.pool.Remove(g.pool.backends[0])
	g.add(2, g.raw(tape(make(chan string, 1), "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")).port)
	in, out := io.Pipe()
	defer out.Close()
	request, _ := http.NewRequest("POST", g.front.URL, in)
	if got := g.do(request); got.status != 413 {
		t.Errorf("%+v", got)
	}
}

// TestHTTP2FirstLine: HTTP/2 has no first line, so its parts may have spaces in them. In HTTP/1 these would make it another one.
func TestHTTP2FirstLine(t *testing.T) {
	g := newRig(t)
	g.front.Close()
	g.front = httptest.NewUnstartedServer(g.proxy)
	g.front.Config.Protocols = &http.Protocols{}
	g.front.Config.Protocols.SetUnencryptedHTTP2(true)
	g.front.Start()
	seen := make(chan string, 10)
	g.add(1, g.raw(func(c net.Conn, in *bufio.Reader) {
		line, _ := in.ReadString('\n')
		seen <- line
		answer(c, "hello")
	}).port)
	for _, tt := range []struct{ method, path, host, status string }{
		{"GET", "/x HTTP/1.1", "a", "400"}, {"GET /x", "/", "a", "400"}, {"GET", "/", "a b", "400"}, {"GET", "/x?y=1", "a:1", "200"},
	} {
		if got := askHTTP2(t, g.front.Listener.Addr().String(), tt.method, tt.path, tt.host); got != tt.status {
			t.Errorf("%+v: %s", tt, got)
		}
	}
	if line := <-seen; line != "GET /x?y=1 HTTP/1.1\r\n" || len(seen) > 0 {
		t.Errorf("the worker has got %q", line)
	}
}

// askHTTP2 sends a request as no client would, and returns the status.
func askHTTP2(t *testing.T, address, method, path, host string) (status string) {
	c := dialFront(t, address)
	defer c.Close()
	io.WriteString(c, http2.ClientPreface)
	f := http2.NewFramer(c, c)
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	f.WriteSettings()
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	for _, field := range [][2]string{{":method", method}, {":scheme", "http"}, {":path", path}, {":authority", host}} {
		e.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
	}
	f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true})
	for {
		switch frame, err := f.ReadFrame(); frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			return frame.PseudoValue("status")
		case *http2.RSTStreamFrame, *http2.GoAwayFrame:
			return "ended"
		default:
			if err != nil {
				return err.Error()
			}
		}
	}
}
