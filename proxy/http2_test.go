package proxy

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
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
