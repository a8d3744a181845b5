package proxy

import (
	"bufio"
	"net"
	"net/http"
	"strings"
	"testing"
)

// discard is a ResponseWriter that costs nothing, to measure what is ours.
type discard struct{ h http.Header }

func (d *discard) Header() http.Header         { return d.h }
func (d *discard) WriteHeader(int)             { clear(d.h) }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }

// oneWrite is a raw worker that answers the smallest requests as fast as it can.
func oneWrite(c net.Conn, in *bufio.Reader) {
	response := []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\n\r\nhello")
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		if len(line) == 2 {
			c.Write(response)
		}
	}
}

func newBenchRequest() *http.Request {
	r, _ := http.ReadRequest(bufio.NewReader(strings.NewReader("GET /cart?x=1 HTTP/1.1\r\nHost: shop.test\r\nUser-Agent: wrk\r\nReferer: http://shop.test/\r\nAccept: */*\r\n\r\n")))
	r.RemoteAddr = "127.0.0.1:4711"
	return r
}

func BenchmarkServeHTTP(b *testing.B) {
	g := newRig(b, func(p *Proxy) { p.OnAccess = func(*Access) {} })
	for i := range 4 {
		g.add(i+1, g.raw(oneWrite).port)
	}
	w, r := &discard{http.Header{}}, newBenchRequest()
	b.ReportAllocs()
	for b.Loop() {
		g.proxy.ServeHTTP(w, r)
	}
	if s := g.proxy.Stats(); s.OK != s.Total {
		b.Fatalf("%+v", s)
	}
}

func BenchmarkPick(b *testing.B) {
	pool := NewPool(nil)
	for i := range 4 {
		pool.Add(i+1, 8000+i).Set(Ready, 1)
	}
	var p picker
	b.ReportAllocs()
	for b.Loop() {
		p.pick(pool.view.Load())
	}
}

func BenchmarkReadHead(b *testing.B) {
	const text = "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 5\r\nX-Frame-Options: DENY\r\nVary: Cookie\r\n\r\n"
	in := newReader(strings.NewReader(""))
	var h head
	b.ReportAllocs()
	for b.Loop() {
		in.r, in.w = 0, copy(in.buf, text)
		if err := h.readHead(&in); err != nil {
			b.Fatal(err)
		}
	}
}
