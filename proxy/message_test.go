package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"testing"
)

// tape is a worker that records what it gets, byte by byte up to the empty line.
func tape(heads chan<- string, response string) func(net.Conn, *bufio.Reader) {
	return func(c net.Conn, in *bufio.Reader) {
		var head strings.Builder
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			if head.WriteString(line); line == "\r\n" {
				break
			}
		}
		heads <- head.String()
		io.WriteString(c, response)
	}
}

const okClose = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"

// headOf sends a request's bytes and returns the lines that the worker gets.
func headOf(t *testing.T, request string) []string {
	t.Helper()
	g := newRig(t)
	heads := make(chan string, 1)
	g.add(1, g.raw(tape(heads, okClose)).port)
	_, in := g.talk(request)
	resp, err := http.ReadResponse(in, nil)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v %v", resp, err)
	}
	return strings.Split(strings.TrimSuffix(<-heads, "\r\n\r\n"), "\r\n")
}

func TestRequestHead(t *testing.T) {
	got := headOf(t, "GET /a%20b?x=1&y HTTP/1.1\r\nHost: shop.test:8080\r\nAccept: */*\r\n"+
		"Connection: keep-alive, X-Secret, X-Forwarded-For\r\nX-Secret: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\n"+
		"TE: gzip, trailers\r\nProxy-Authorization: Basic x\r\n"+
		"X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.test\r\nX-Forwarded-Ssl: on\r\nForwarded: for=6.6.6.6\r\n"+
		"X_Forwarded_For: 6.6.6.6\r\nContent_Length: 7\r\nX_Mine: kept\r\nCookie: a=1\r\nCookie: b=2\r\n\r\n")
	want := []string{
		"Accept: */*", "Connection: TE", "Cookie: a=1", "Cookie: b=2", "Host: shop.test:8080", "TE: trailers",
		"X-Forwarded-For: 127.0.0.1", "X-Forwarded-Host: shop.test:8080", "X-Forwarded-Proto: http", "X_mine: kept",
	}
	if got[0] != "GET /a%20b?x=1&y HTTP/1.1" {
		t.Errorf("first line %q", got[0])
	}
	fields := got[1:]
	slices.Sort(fields)
	if !slices.Equal(fields, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(fields, "\n"), strings.Join(want, "\n"))
	}
}

func TestRequestTargets(t *testing.T) {
	for request, want := range map[string]string{
		"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n":                    "OPTIONS * HTTP/1.1",
		"GET http://shop.test/x?y HTTP/1.1\r\nHost: other\r\n\r\n": "GET /x?y HTTP/1.1",
		"GET http://shop.test HTTP/1.1\r\nHost: other\r\n\r\n":     "GET / HTTP/1.1",
		"GET //a/../b HTTP/1.1\r\nHost: a\r\n\r\n":                 "GET //a/../b HTTP/1.1",
		"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n":                      "TRACE / HTTP/1.1",
		"GET / HTTP/1.0\r\nHost: a\r\n\r\n":                        "GET / HTTP/1.1",
	} {
		if got := headOf(t, request); got[0] != want {
			t.Errorf("%q: %q, want %q", request, got[0], want)
		}
	}
	if got := headOf(t, "GET http://shop.test/ HTTP/1.1\r\nHost: other\r\n\r\n"); !slices.Contains(got, "Host: shop.test") {
		t.Errorf("absolute form: %q", got)
	}
}

func TestConnect(t *testing.T) {
	g := newRig(t)
	g.serve(1, says("never"))
	_, in := g.talk("CONNECT example.test:443 HTTP/1.1\r\nHost: example.test:443\r\n\r\n")
	resp, err := http.ReadResponse(in, nil)
	if err != nil || resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("%v %v", resp, err)
	}
	if a := g.access(0); len(a.Attempts) != 0 || a.Outcome == Failed {
		t.Errorf("%+v", a)
	}
}

func TestRequestFraming(t *testing.T) {
	for _, tt := range []struct{ request, want string }{
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", "Content-Length: 5"},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "Content-Length: 0"},
		{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "Transfer-Encoding: chunked"},
		{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", ""},
	} {
		framing := slices.DeleteFunc(headOf(t, tt.request), func(line string) bool {
			return !strings.HasPrefix(line, "Content-Length") && !strings.HasPrefix(line, "Transfer-Encoding")
		})
		if got := strings.Join(framing, " "); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.request, got, tt.want)
		}
	}
}

// respond lets a worker give a fixed answer, and returns what the client reads.
func respond(t *testing.T, request, response string) (*http.Response, string, error) {
	t.Helper()
	g := newRig(t)
	heads := make(chan string, 1)
	g.add(1, g.raw(tape(heads, response)).port)
	_, in := g.talk(request)
	method, _, _ := strings.Cut(request, " ")
	resp, err := http.ReadResponse(in, &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp, string(text), err
}

const getRequest = "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n"

func TestResponseHead(t *testing.T) {
	resp, text, err := respond(t, getRequest, "HTTP/1.1 418 Teapot\r\nContent-Length: 2\r\nconnection: close, x-secret\r\nX-Secret: 1\r\n"+
		"Keep-Alive: timeout=5\r\nx-lbdev-worker: 1\r\nset-cookie: a=1\r\nSet-Cookie: b=2\r\nX-Empty:\r\nServer: it\r\n\r\nok")
	if err != nil || text != "ok" || resp.StatusCode != 418 {
		t.Fatalf("%+v %q %v", resp, text, err)
	}
	h := resp.Header
	if got := h["Set-Cookie"]; !slices.Equal(got, []string{"a=1", "b=2"}) {
		t.Errorf("cookies %q", got)
	}
	if h.Get("X-Secret") != "" || h.Get("Keep-Alive") != "" || h.Get("Connection") != "" || h.Get("Server") != "it" || len(h["X-Empty"]) != 1 {
		t.Errorf("%v", h)
	}
	if got := h["X-Lbdev-Worker"]; len(got) != 1 || got[0] == "1" || h["X-Lbdev-Attempts"] != nil || h["Content-Type"] != nil {
		t.Errorf("%v", h)
	}
}

func TestResponseBodies(t *testing.T) {
	head, get := strings.Replace(getRequest, "GET", "HEAD", 1), getRequest
	long := strings.Repeat("0123456789abcdef", 10000)
	for _, tt := range []struct {
		name, request, response string
		status                  int
		text                    string
		length                  int64
	}{
		{"HEAD", head, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", 200, "", 1000},
		{"HEAD chunked", head, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, "", -1},
		{"204", get, "HTTP/1.1 204 No Content\r\n\r\n", 204, "", 0},
		{"304", get, "HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 500\r\n\r\n", 304, "", 0},
		{"empty", get, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "", 0},
		{"LF alone", get, "HTTP/1.1 200 OK\nContent-Length: 2\nX: y\n\nok", 200, "ok", 2},
		{"no reason", get, "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", 200, "ok", 2},
		{"unknown status", get, "HTTP/1.1 799 What\r\nContent-Length: 2\r\n\r\nok", 799, "ok", 2},
		{"same length twice", get, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", 200, "ok", 2},
		{"HTTP/1.0", get, "HTTP/1.0 200 OK\r\n\r\nuntil the end", 200, "until the end", -1},
		{"until close", get, "HTTP/1.1 200 OK\r\n\r\n" + long, 200, long, -1},
		{"chunks", get, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0A\r\n0123456789\r\n0\r\n\r\n", 200, "abc0123456789", 13},
		{"long", get, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(long), long), 200, long, int64(len(long))},
		{"held back", get, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", bigBuffer, long[:bigBuffer]), 200, long[:bigBuffer], bigBuffer},
		{"much head", get, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Long: " + long[:60000] + "\r\n\r\nok", 200, "ok", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp, text, err := respond(t, tt.request, tt.response)
			if err != nil || resp.StatusCode != tt.status || text != tt.text || resp.ContentLength != tt.length {
				t.Errorf("%d, %d bytes of %d, length %d: %v", resp.StatusCode, len(text), len(tt.text), resp.ContentLength, err)
			}
		})
	}
}

func TestLocation(t *testing.T) {
	r, _ := http.ReadRequest(bufio.NewReader(strings.NewReader("GET / HTTP/1.1\r\nHost: shop.test:8080\r\n\r\n")))
	for location, want := range map[string]string{
		"/a":                             "/a",
		"http://127.0.0.1:8001/a?b#c":    "http://shop.test:8080/a?b#c",
		"http://localhost:8001":          "http://shop.test:8080",
		"http://[::1]:8001/":             "http://shop.test:8080/",
		"http://127.0.0.1:8002/a":        "http://127.0.0.1:8002/a",
		"https://example.test:8001/a":    "https://example.test:8001/a",
		"http://127.0.0.1:8001/%zz":      "http://127.0.0.1:8001/%zz",
		"https://login.test/?r=http://x": "https://login.test/?r=http://x",
	} {
		if got := rewriteLocation(location, 8001, new(new(Proxy).originOf(r))); got != want {
			t.Errorf("%s: %s, want %s", location, got, want)
		}
	}
}

func TestLocationOfResponse(t *testing.T) {
	g := newRig(t)
	var w *rawWorker
	w = g.raw(func(c net.Conn, in *bufio.Reader) {
		readRequest(in)
		fmt.Fprintf(c, "HTTP/1.1 302 Found\r\nLocation: http://localhost:%d/next\r\nContent-Length: 0\r\n\r\n", w.port)
	})
	g.add(1, w.port)
	if r := g.get("/"); r.header.Get("Location") != g.front.URL+"/next" {
		t.Errorf("%v", r.header)
	}
}

func TestInterim(t *testing.T) {
	g := newRig(t)
	g.serve(1, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</a.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("Link", "</b.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("Link")
		io.WriteString(w, "page")
	})
	var links []string
	r, _ := http.NewRequest("GET", g.front.URL, nil)
	r = r.WithContext(httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			links = append(links, fmt.Sprint(code, h.Get("Link")))
			return nil
		},
	}))
	got := g.do(r)
	if got.body != "page" || got.header.Get("Link") != "" || len(links) != 2 || !strings.HasPrefix(links[0], "103</a.css>") {
		t.Errorf("%+v %q", got, links)
	}
}

func TestTrailers(t *testing.T) {
	g := newRig(t)
	var got http.Header
	g.serve(1, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		got = r.Trailer
		w.Header().Set("Trailer", "X-Sum, Content-Length")
		w.Write(text)
		w.Header().Set("X-Sum", "response")
		w.Header().Set(http.TrailerPrefix+"X-Late", "unannounced")
	})
	for _, size := range []int{10, 100_000} { // with the head in one write, and on its own
		r, _ := http.NewRequest("POST", g.front.URL, io.MultiReader(strings.NewReader(strings.Repeat("x", size))))
		r.Trailer = http.Header{"X-Sum": {"request"}}
		resp, err := g.front.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || len(text) != size || resp.Trailer.Get("X-Sum") != "response" || resp.Trailer.Get("X-Late") != "unannounced" {
			t.Errorf("%d bytes, trailer %v, %v", len(text), resp.Trailer, err)
		}
		if got.Get("X-Sum") != "request" {
			t.Errorf("the worker got %v", got)
		}
	}
}

func TestFavicon(t *testing.T) {
	g := newRig(t)
	for i := range 3 {
		g.serve(i+1, says("x"))
	}
	var ports []string
	for _, path := range []string{"/", "/favicon.ico", "/", "/apple-touch-icon-120x120.png", "/.well-known/appspecific/com.chrome.devtools.json", "/", "/"} {
		r := g.get(path)
		if !takesNoTurn(path) {
			ports = append(ports, r.header.Get("X-Lbdev-Worker"))
		}
	}
	if ports[0] == ports[1] || ports[1] == ports[2] || ports[0] == ports[2] || ports[3] != ports[0] {
		t.Errorf("%q", ports)
	}
}
