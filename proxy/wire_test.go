package proxy

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
)

// Unix sockets carry both protocols.
func TestSocketWire(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprint("http2=", http2), func(t *testing.T) {
			g := newRig(t)
			path := filepath.Join(t.TempDir(), "8000")
			b := g.pool.Add(1, 8000)
			b.Over(Wire{Socket: path, HTTP2: http2})
			b.Set(Ready, 1)
			g.proxy.Hold = -1
			if r := g.get("/"); r.status != 503 {
				t.Errorf("without a socket: %+v", r)
			}
			if a := g.access(0); a.Attempts[0].Result != ResultRefused {
				t.Errorf("%+v", a)
			}
			l, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				fmt.Fprint(w, r.ProtoMajor, len(body), err)
			}))
			s.Listener.Close()
			s.Listener, s.Config.Protocols = l, plainHTTP2()
			s.Start()
			defer s.Close()
			want := "1 300000 <nil>"
			if http2 {
				want = "2 300000 <nil>"
			}
			for range 3 {
				if r := g.send("PUT", "/", bytes.NewReader(bigData(300_000))); r.body != want || r.header.Get("X-Lbdev-Worker") != "8000" {
					t.Errorf("%+v", r)
				}
			}
		})
	}
}
