package proxy

import (
	"io"
	"net/http"
	"testing"
)

// TestRefusedUnheard: what is refused before it comes to the proxy is a request like any other, and nobody's failure.
func TestRefusedUnheard(t *testing.T) {
	g := newRig(t)
	g.serve(1, says("hello"))
	for i, tt := range []struct {
		text, path, reason string
		status             int
	}{
		{"GET /a HTTP/1.1\r\n Host: a\r\n\r\n", "/a", "white space stands before the first field", 400},
		{"GET /b HTTP/1.1\nHost: a\n\n", "/b", "a line ends with LF alone", 400},
		{"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n0\r\n\r\n", "/c", "a chunk is longer than its size", 400},
		{"POST /d HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX\r\n\r\n", "/d", "cannot read the request's body: http: unexpected EOF reading trailer", 400},
	} {
		_, in := g.talk(tt.text)
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		if _, err := in.ReadByte(); err != io.EOF || resp.StatusCode != tt.status || !resp.Close {
			t.Errorf("%s: %d, close %v, then %v", tt.path, resp.StatusCode, resp.Close, err)
		}
		a := g.access(i)
		if a.Path != tt.path || a.Status != tt.status || a.Worker != 0 || a.Reason != tt.reason || a.Client != "127.0.0.1" {
			t.Errorf("record: %+v", a)
		}
	}
	if s := g.proxy.Stats(); s.Total != 4 || s.Failed != 0 || s.InFlight != 0 {
		t.Errorf("%+v", s)
	}
}
