package sample

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if port := os.Getenv("SAMPLE_TEST_CHILD"); port != "" {
		if err := Main(context.Background(), []string{port}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// get asks h for a page as JSON and decodes the answer.
func get(t *testing.T, h http.Handler, r *http.Request) (int, map[string]any) {
	t.Helper()
	r.Header.Set("Accept", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var m map[string]any
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &m); err != nil {
			t.Fatalf("%s: not JSON: %v: %q", r.URL, err, w.Body)
		}
	}
	return w.Code, m
}

func TestPagesSayWhoServed(t *testing.T) {
	h := Handler(Config{Port: 8001, Worker: "2", Log: io.Discard})
	pages := []struct {
		path string
		code int
		lead string // in the HTML
	}{
		{"/", 200, "served this page"},
		{"/slow?ms=1", 200, "took 1 ms"},
		{"/status/503", 503, "answered 503 Service Unavailable"},
		{"/status/418", 418, "answered 418"},
		{"/count", 200, "has counted to 1"},
		{"/headers", 200, "received this request"},
		{"/upload", 200, "waits for your file"},
		{"/nowhere", 404, "has no page /nowhere"},
	}
	for _, p := range pages {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", p.path, nil))
		body := w.Body.String()
		if w.Code != p.code || !strings.Contains(body, p.lead) || !strings.Contains(body, `<h1 id="port">8001</h1>`) {
			t.Errorf("GET %s: %d, want %d, port 8001 and %q in:\n%s", p.path, w.Code, p.code, p.lead, body)
		}
		if w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("GET %s may be cached, and a cached page shows the wrong port", p.path)
		}
		if strings.Contains(body, "http://") || strings.Contains(body, "https://") {
			t.Errorf("GET %s refers to another host; it must work offline", p.path)
		}
		code, m := get(t, h, httptest.NewRequest("GET", p.path, nil))
		if code != p.code || m["port"] != 8001.0 || m["pid"] != float64(os.Getpid()) || m["worker"] != "2" {
			t.Errorf("GET %s as JSON: %d %v", p.path, code, m)
		}
	}
}

func TestStatusWithoutBody(t *testing.T) {
	h := Handler(Config{Log: io.Discard})
	for _, code := range []int{204, 304} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", fmt.Sprintf("/status/%d", code), nil))
		if w.Code != code || w.Body.Len() != 0 {
			t.Errorf("status %d: got %d with %d bytes", code, w.Code, w.Body.Len())
		}
	}
}

func TestWrongNumbersAreRefused(t *testing.T) {
	h := Handler(Config{Log: io.Discard})
	for _, path := range []string{"/slow?ms=-1", "/slow?ms=x", "/slow?ms=600001", "/status/x", "/status/100", "/status/600"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != 400 {
			t.Errorf("GET %s: %d, want 400", path, w.Code)
		}
	}
}

func TestSlowWaits(t *testing.T) {
	start := time.Now()
	code, _ := get(t, Handler(Config{Log: io.Discard}), httptest.NewRequest("GET", "/slow?ms=120", nil))
	if d := time.Since(start); code != 200 || d < 120*time.Millisecond {
		t.Errorf("answered %d after %v, want 200 after 120 ms", code, d)
	}
}

func TestCountIsPerCopy(t *testing.T) {
	one, two := Handler(Config{Log: io.Discard}), Handler(Config{Log: io.Discard})
	get(t, one, httptest.NewRequest("GET", "/count", nil))
	_, a := get(t, one, httptest.NewRequest("GET", "/count", nil))
	_, b := get(t, two, httptest.NewRequest("GET", "/count", nil))
	if a["count"] != 2.0 || b["count"] != 1.0 {
		t.Errorf("counts %v and %v, want 2 and 1", a["count"], b["count"])
	}
}

func TestUploadHashesTheBody(t *testing.T) {
	h := Handler(Config{Log: io.Discard})
	_, m := get(t, h, httptest.NewRequest("POST", "/upload", strings.NewReader("abc")))
	const sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // FIPS 180-2, appendix B.1
	if m["bytes"] != 3.0 || m["sha256"] != sum {
		t.Errorf("got %v", m)
	}
}

func TestHeadersShowsWhatArrived(t *testing.T) {
	r := httptest.NewRequest("PUT", "http://shop.test:8080/headers?q=1", nil)
	r.Header.Add("X-Two", "a")
	r.Header.Add("X-Two", "<b>")
	h := Handler(Config{Log: io.Discard})
	_, m := get(t, h, r)
	if m["host"] != "shop.test:8080" || m["method"] != "PUT" || fmt.Sprint(m["headers"].(map[string]any)["X-Two"]) != "[a <b>]" {
		t.Errorf("got %v", m)
	}
	r.Header.Del("Accept")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if body := w.Body.String(); !strings.Contains(body, "X-Two: &lt;b&gt;") || strings.Contains(body, "<b>") {
		t.Errorf("header value not escaped in:\n%s", body)
	}
}

func TestHangEndsWithoutAnAnswer(t *testing.T) {
	srv := httptest.NewServer(Handler(Config{Log: io.Discard}))
	defer srv.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	r, _ := http.NewRequestWithContext(ctx, "GET", srv.URL+"/hang", nil)
	resp, err := srv.Client().Do(r)
	if err == nil {
		resp.Body.Close()
		t.Fatalf("answered %s", resp.Status)
	}
	// srv.Close waits for the handler: the test ends only if /hang notices that its client has gone.
}

func TestStreamSendsEvents(t *testing.T) {
	srv := httptest.NewServer(Handler(Config{Port: 8000, Log: io.Discard}))
	defer srv.Close()
	start := time.Now()
	resp, err := srv.Client().Get(srv.URL + "/stream?n=2")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("%v %v", resp.Header, err)
	}
	if n := bytes.Count(body, []byte("\n\n")); n != 2 || !bytes.Contains(body, []byte(`"port":8000`)) {
		t.Errorf("want 2 events of port 8000:\n%s", body)
	}
	if d := time.Since(start); d < 900*time.Millisecond {
		t.Errorf("two events in %v, want a second between them", d)
	}
}

func TestWebSocketEchoes(t *testing.T) {
	srv := httptest.NewServer(Handler(Config{Port: 8003, Log: io.Discard}))
	defer srv.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, srv.URL+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, hello, err := conn.Read(ctx); err != nil || !bytes.Contains(hello, []byte(`"port":8003`)) {
		t.Errorf("hello %q %v", hello, err)
	}
	for _, kind := range []websocket.MessageType{websocket.MessageText, websocket.MessageBinary} {
		if err := conn.Write(ctx, kind, []byte("ping ✓")); err != nil {
			t.Fatal(err)
		}
		if k, msg, err := conn.Read(ctx); err != nil || k != kind || string(msg) != "ping ✓" {
			t.Errorf("echo %v %q %v", k, msg, err)
		}
	}
	conn.Close(websocket.StatusNormalClosure, "")
}

func TestLogHasOneLinePerRequest(t *testing.T) {
	var log bytes.Buffer
	h := Handler(Config{Log: &log})
	get(t, h, httptest.NewRequest("GET", "/status/503?x=1", nil))
	get(t, h, httptest.NewRequest("POST", "/upload", strings.NewReader("x")))
	lines := strings.Split(strings.TrimSuffix(log.String(), "\n"), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], "GET /status/503?x=1 503 ") || !strings.Contains(lines[1], "POST /upload 200 ") {
		t.Errorf("log:\n%s", log.String())
	}
}

func TestWantsJSON(t *testing.T) {
	for accept, want := range map[string]bool{
		"":                                    false,
		"*/*":                                 false,
		"text/html,application/xhtml+xml":     false,
		"application/json":                    true,
		"text/plain, Application/JSON; q=0.5": true,
		"application/json5":                   false,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept", accept)
		if got := wantsJSON(r); got != want {
			t.Errorf("Accept %q: %v, want %v", accept, got, want)
		}
	}
}

// lineLog hands each log line to the test.
type lineLog struct{ lines chan string }

func (l lineLog) Write(b []byte) (int, error) { l.lines <- string(b); return len(b), nil }

// serve starts Serve and returns its base URL, the function that ends it and what it returned.
func serve(t *testing.T, c Config) (url string, end func() error) {
	t.Helper()
	log := lineLog{make(chan string, 100)}
	c.Log = log
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, c) }()
	select {
	case line := <-log.lines:
		_, rest, _ := strings.Cut(line, "listening on ")
		url, _, _ = strings.Cut(rest, "/ (pid")
	case err := <-done:
		t.Fatal(err)
	}
	end = sync.OnceValue(func() error { cancel(); return <-done })
	t.Cleanup(func() { end() })
	return url, end
}

func TestServeEndsStreamsAndSocketsAtOnce(t *testing.T) {
	url, end := serve(t, Config{StopTimeout: time.Minute})
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	resp, err := client.Get(url + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, url+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	if _, _, err := conn.Read(ctx); err != nil { // the hello: the socket is up
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	go func() {
		_, _, err := conn.Read(ctx)
		closed <- err
	}()
	start := time.Now()
	if err := end(); err != nil {
		t.Errorf("Serve: %v", err)
	}
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("ended after %v", d)
	}
	if err := <-closed; websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("WebSocket ended with %v, want going away", err)
	}
}

func TestServeLetsRequestsEnd(t *testing.T) {
	url, end := serve(t, Config{})
	client := &http.Client{Transport: &http.Transport{ExpectContinueTimeout: time.Minute}}
	defer client.CloseIdleConnections()
	got := make(chan error, 1)
	started := make(chan struct{})
	go func() {
		r, _ := http.NewRequest("POST", url+"/slow?ms=300", &firstRead{started: started})
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Expect", "100-continue") // the body is asked for by the handler, and so its first read tells that that runs
		resp, err := client.Do(r)
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		got <- err
	}()
	<-started // net/http drops a request that it has read and not begun to serve when it shuts down
	if err := end(); err != nil {
		t.Error(err)
	}
	if err := <-got; err != nil {
		t.Errorf("request in flight: %v", err)
	}
}

// TestServeWaitsForNoConnectionInAdvance: one that a browser has opened and said nothing on. net/http would wait 5 s.
func TestServeWaitsForNoConnectionInAdvance(t *testing.T) {
	url, end := serve(t, Config{StopTimeout: time.Minute})
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	resp, err := http.Get(url + "/healthz") // who connects later is accepted later
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	start := time.Now()
	if err := end(); err != nil {
		t.Error(err)
	}
	if d := time.Since(start); d > 4*time.Second {
		t.Errorf("ended after %v", d)
	}
	if n, err := conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("read %d bytes, %v", n, err)
	}
}

// firstRead closes started when the transport asks for the body.
type firstRead struct {
	started chan struct{}
	once    sync.Once
}

func (f *firstRead) Read([]byte) (int, error) {
	f.once.Do(func() { close(f.started) })
	return 0, io.EOF
}

func TestServeReportsATakenPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	err = Serve(t.Context(), Config{Port: l.Addr().(*net.TCPAddr).Port, Log: io.Discard})
	if err == nil || !strings.HasPrefix(err.Error(), "cannot listen") {
		t.Errorf("got %v", err)
	}
}

func TestMainRefusesAWrongPort(t *testing.T) {
	t.Setenv("PORT", "")
	for _, args := range [][]string{nil, {"http"}, {"65536"}, {"-1"}} {
		if err := Main(t.Context(), args); err == nil || !strings.HasPrefix(err.Error(), "cannot use") {
			t.Errorf("%q: got %v", args, err)
		}
	}
}

// TestCrash runs the app as a process, because /crash takes the process down.
func TestCrash(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SAMPLE_TEST_CHILD=0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	var line [200]byte
	n, err := out.Read(line[:])
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(line[:n]), "listening on ")
	url, _, _ := strings.Cut(rest, "/ (pid")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	if resp, err := client.Get(url + "/crash"); err == nil {
		resp.Body.Close()
		t.Errorf("answered %s, want no answer", resp.Status)
	}
	io.Copy(io.Discard, out)
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
}
