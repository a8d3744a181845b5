package strict

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds everything that tests wait for.
const patience = 30 * time.Second

// A house is a net/http server behind rules, and what it refused.
type house struct {
	t       *testing.T
	address string
	mu      sync.Mutex
	refused []Refusal
}

func open(t *testing.T, rules *Rules, handler http.HandlerFunc, settings ...func(*http.Server)) *house {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, address: l.Addr().String()}
	rules.OnRefuse = func(r *Refusal) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.refused = append(h.refused, *r)
	}
	server := &http.Server{Handler: handler}
	for _, set := range settings {
		set(server)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		server.Serve(rules.Listener(l))
	}()
	t.Cleanup(func() {
		server.Close()
		<-ended
	})
	return h
}

// dial opens a connection.
func (h *house) dial() net.Conn {
	h.t.Helper()
	c, err := net.Dial("tcp", h.address)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c
}

// talk sends text in pieces and returns the statuses of the answers, until the connection ends.
func (h *house) talk(pieces ...string) []int {
	h.t.Helper()
	c := h.dial()
	for _, piece := range pieces {
		io.WriteString(c, piece)
		time.Sleep(time.Millisecond) // so that they are probably read one by one; whether they are makes no difference
	}
	return h.statuses(c)
}

func (h *house) statuses(c net.Conn) []int {
	h.t.Helper()
	c.(*net.TCPConn).CloseWrite()
	var all []int
	in := bufio.NewReader(c)
	for {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				h.t.Errorf("after %v: %v", all, err)
			}
			return all
		}
		io.Copy(io.Discard, resp.Body)
		all = append(all, resp.StatusCode)
	}
}

func (h *house) refusals() []Refusal {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.refused)
}

// echo reads the body; what is wrong with it is answered.
func echo(w http.ResponseWriter, r *http.Request) {
	_, err := io.Copy(io.Discard, r.Body)
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		http.Error(w, refusal.Reason, refusal.Status)
	} else if err != nil { // net/http does not pass on why a trailer section ends early
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

const (
	get  = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
	post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
)

// TestConn sends conversations at once, in halves, and byte by byte.
func TestConn(t *testing.T) {
	chunked := "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, tt := range []struct {
		name, text string
		want       []int
	}{
		{"nothing", "", nil},
		{"one", get, []int{200}},
		{"pipelined", get + post + get, []int{200, 200, 200}},
		{"a fault after others", get + post + "GET / HTTP/1.1\nHost: a\r\n\r\n" + get, []int{200, 200, 400}},
		{"the first byte after others", get + "\x00" + get, []int{200, 400}},
		{"one empty line", "\r\n" + get + "\r\n" + post + "\r\n" + get, []int{200, 200, 200}},
		{"two empty lines", post + "\r\n\r\n" + get, []int{200, 400}},
		{"half an empty line", get + "\r" + get, []int{200, 400}},
		{"chunks", chunked + "5\r\nhello\r\n0\r\n\r\n" + get, []int{200, 200}},
		{"a bad chunk after others", get + chunked + "5\r\nhello\r\nx\r\n" + get, []int{200, 400}},
		{"a long chunk", chunked + "5\r\nhello!\r\n0\r\n\r\n" + get, []int{400}},
		{"too large", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n", []int{413}},
		{"large enough", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + strings.Repeat("x", 1000) + get, []int{200, 200}},
		{"chunks too large", chunked + "3e8\r\n" + strings.Repeat("x", 1000) + "\r\n1\r\nx\r\n0\r\n\r\n", []int{413}},
		{"an upgrade that is not done", "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n" + get + "\x00", []int{200, 200, 400}},
		{"a fault after such", "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n" + "\x00" + get, []int{200, 400}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := open(t, &Rules{MaxBody: 1000}, echo)
			half := len(tt.text) / 2
			for _, pieces := range [][]string{{tt.text}, {tt.text[:half], tt.text[half:]}, strings.Split(tt.text[:min(len(tt.text), 400)], "")} {
				if len(pieces) == 400 {
					continue
				}
				if got := h.talk(pieces...); !slices.Equal(got, tt.want) {
					t.Errorf("in %d pieces: %v, want %v", len(pieces), got, tt.want)
				}
			}
		})
	}
}

// TestRefusal is what the owner learns of one.
func TestRefusal(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		pieces               []string
		method, target, want string
	}{
		{[]string{"GET /a?b HTTP/1.1\r\n\r\n"}, "GET", "/a?b", "there is no Host"},
		{[]string{post + "GE", "T /a?b HT", "TP/1.1\r\nHo", "st: a\r\n", " fold\r\n\r\n"}, "GET", "/a?b", "a field goes on in a second line (obs-fold)"},
		{[]string{"GET /\xff\x00 HTTP/1.1\r\n\r\n"}, "GET", "/??", "the target has a byte that must be percent-encoded"},
		{[]string{"\x16\x03\x01\x02\x00\x01\x00"}, "???????", "", "this is a TLS handshake, and the port speaks plain HTTP: use http://"},
	} {
		h := open(t, &Rules{}, echo)
		h.talk(tt.pieces...)
		all := h.refusals()
		if len(all) != 1 {
			t.Fatalf("%q: %d refusals", tt.pieces, len(all))
		}
		r := all[0]
		if r.Method != tt.method || r.Target != tt.target || r.Reason != tt.want || r.Status != 400 || r.Client == "" || r.Start.IsZero() {
			t.Errorf("%q: %+v", tt.pieces, r)
		}
	}
}

// TestRefusalArrives: a client that goes on sending for a while reads its answer and no reset.
func TestRefusalArrives(t *testing.T) {
	t.Parallel()
	h := open(t, &Rules{MaxBody: 1}, echo)
	for range 20 {
		c := h.dial()
		io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
		c.Write(make([]byte, 1000000))
		if got := h.statuses(c); !slices.Equal(got, []int{413}) {
			t.Fatalf("got %v", got)
		}
		c.Close()
	}
}

// TestSlow: an incomplete head or body gets 408, a connection without a request is just closed.
func TestSlow(t *testing.T) {
	t.Parallel()
	const slow = 500 * time.Millisecond // in which what is complete has to come, on any machine
	h := open(t, &Rules{BodyTimeout: slow}, echo, func(s *http.Server) { s.ReadHeaderTimeout = slow })
	for text, want := range map[string][]int{
		"":                              nil,
		"GET / HTTP/1.1\r\nHo":          {408},
		"G":                             {408},
		post + "GET / HTTP/1.1\r\n":     {200, 408},
		strings.TrimSuffix(post, "llo"): {408},
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX": {400},
	} {
		c := h.dial()
		io.WriteString(c, text)
		var got []int
		in := bufio.NewReader(c)
		for {
			resp, err := http.ReadResponse(in, nil)
			if err != nil {
				break
			}
			io.Copy(io.Discard, resp.Body)
			got = append(got, resp.StatusCode)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// TestBodyTimeoutIsOfSilence: a body may take longer than the timeout, if something comes.
func TestBodyTimeoutIsOfSilence(t *testing.T) {
	t.Parallel()
	h := open(t, &Rules{BodyTimeout: 2 * time.Second}, echo)
	c := h.dial()
	io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n")
	for range 10 {
		time.Sleep(300 * time.Millisecond)
		io.WriteString(c, "x")
	}
	if got := h.statuses(c); !slices.Equal(got, []int{200}) {
		t.Errorf("got %v", got)
	}
}

// TestHijacked: what comes after a change of protocol is not looked at and not lost, however it is cut.
func TestHijacked(t *testing.T) {
	t.Parallel()
	const tail = "\x00\x01\nnothing of HTTP\r\n\r\n"
	h := open(t, &Rules{}, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(20 * time.Millisecond) // net/http reads one byte ahead
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		first, _ := rw.Reader.Peek(rw.Reader.Buffered())
		early, beneath := c.(interface{ Hijacked() ([]byte, net.Conn) }).Hijacked()
		if _, ok := beneath.(*net.TCPConn); !ok {
			t.Errorf("beneath is %T", beneath)
		}
		all := append(slices.Clone(first), early...)
		rest := make([]byte, len(tail)-len(all))
		io.ReadFull(beneath, rest)
		beneath.Write(append(all, rest...))
	})
	const head = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"
	for cut := 0; cut <= len(tail); cut += 5 {
		c := h.dial()
		io.WriteString(c, head+tail[:cut])
		if cut%2 == 0 {
			time.Sleep(40 * time.Millisecond)
		}
		io.WriteString(c, tail[cut:])
		got, err := io.ReadAll(c)
		if string(got) != tail || err != nil {
			t.Errorf("cut at %d: %q, %v", cut, got, err)
		}
	}
}

// TestAheadOfHandler: a fault behind a request whose handler runs does not end that request.
func TestAheadOfHandler(t *testing.T) {
	t.Parallel()
	for _, behind := range []string{"\x00", "GET / HTTP/1.1\r\nHost: a\r\n \r\n", "GET / \x00", "\r\x00"} {
		canceled := make(chan bool, 1)
		h := open(t, &Rules{}, func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
				canceled <- true
			case <-time.After(50 * time.Millisecond):
				canceled <- false
			}
		})
		for _, at := range []string{get + behind, get} {
			c := h.dial()
			io.WriteString(c, at)
			if at == get {
				time.Sleep(10 * time.Millisecond)
				io.WriteString(c, behind)
			}
			if <-canceled {
				t.Errorf("%q: the request before was canceled", behind)
			}
			if got := h.statuses(c); !slices.Equal(got, []int{200, 400}) {
				t.Errorf("%q: %v", behind, got)
			}
		}
	}
}

// TestHTTP2 lets the preface through where it is wanted, and nothing that only looks like it.
func TestHTTP2(t *testing.T) {
	t.Parallel()
	serve := func(http2 bool) *house {
		return open(t, &Rules{HTTP2: http2}, echo, func(s *http.Server) {
			s.Protocols = new(http.Protocols)
			s.Protocols.SetHTTP1(true)
			s.Protocols.SetUnencryptedHTTP2(http2)
		})
	}
	h := serve(true)
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	for range 3 {
		resp, err := (&http.Client{Transport: transport}).Post("http://"+h.address+"/", "", strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.ProtoMajor != 2 || resp.StatusCode != 200 {
			t.Errorf("got %s %s", resp.Proto, resp.Status)
		}
	}
	if got := h.talk(get); !slices.Equal(got, []int{200}) {
		t.Errorf("HTTP/1: %v", got)
	}
	for _, text := range []string{"PRI * HTTP/2.0\r\nHost: a\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\rx", get + "PRI * HTTP/2.0" + prefaceEnd} {
		got := h.talk(text)
		if last := got[len(got)-1]; last != 400 && last != 505 {
			t.Errorf("%q: %v", text, got)
		}
	}
	if got := serve(false).talk("PRI * HTTP/2.0" + prefaceEnd); !slices.Equal(got, []int{505}) {
		t.Errorf("not wanted: %v", got)
	}
}

// TestAllocations: what is looked at costs no allocation.
func TestAllocations(t *testing.T) {
	text := []byte("POST http://a:80/x?y HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\nCookie: " +
		strings.Repeat("x", 500) + "\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + post + get)
	c := Conn{}
	c.scan.rules = &Rules{}
	if n := testing.AllocsPerRun(100, func() {
		if c.look(text) != len(text) || c.fault != nil {
			t.Fatal(c.fault)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkLook(b *testing.B) {
	text := []byte("GET /x?y=z HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: " + strings.Repeat("x", 100) +
		"\r\nAccept: text/html,application/xhtml+xml\r\nAccept-Encoding: gzip, deflate, br\r\nCookie: " + strings.Repeat("y", 100) + "\r\n\r\n")
	c := Conn{}
	c.scan.rules = &Rules{}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		c.look(text)
	}
}
