package proxy

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// plainHTTP2 are both protocols without TLS.
func plainHTTP2() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(true)
	return p
}

// lanesWorker adds a worker that is spoken to in HTTP/2, and counts the connections to it.
func (g *rig) lanesWorker(worker int, handler http.HandlerFunc) (*Backend, *atomic.Int64) {
	connections := new(atomic.Int64)
	s := httptest.NewUnstartedServer(handler)
	s.Config.Protocols = plainHTTP2()
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.Start()
	g.t.Cleanup(s.Close)
	return g.lanesTo(worker, portOf(s.Listener)), connections
}

func (g *rig) lanesTo(worker, port int) *Backend {
	b := g.pool.Add(worker, port)
	b.Over(Wire{HTTP2: true})
	b.Set(Ready, 1)
	return b
}

// speakHTTP2 makes the front one for HTTP/2 without TLS, and returns a client of that.
func (g *rig) speakHTTP2() *http.Client {
	g.front.Close()
	g.front = httptest.NewUnstartedServer(g.proxy)
	g.front.Config.Protocols = plainHTTP2()
	g.front.Start()
	only := new(http.Protocols)
	only.SetUnencryptedHTTP2(true)
	t := &http.Transport{Protocols: only, DisableCompression: true}
	g.t.Cleanup(t.CloseIdleConnections)
	return &http.Client{Transport: t}
}

// fronts runs a test with a client of each protocol.
func fronts(t *testing.T, test func(t *testing.T, g *rig, c *http.Client)) {
	for _, name := range []string{"h1", "h2"} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t)
			c := g.front.Client()
			c.Transport.(*http.Transport).DisableCompression = true
			if name == "h2" {
				c = g.speakHTTP2()
			}
			test(t, g, c)
		})
	}
}

// ask sends a request with a client and reads all of the answer.
func ask(c *http.Client, r *http.Request) (reply, http.Header) {
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	resp, err := c.Transport.RoundTrip(r.WithContext(ctx))
	if err != nil {
		return reply{err: err}, nil
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(text), err}, resp.Trailer
}

// What a worker gets in HTTP/2, and what comes back.
func TestLane(t *testing.T) {
	fronts(t, func(t *testing.T, g *rig, c *http.Client) {
		_, connections := g.lanesWorker(1, func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			w.Header().Set("X-Seen", fmt.Sprint(r.Proto, " ", r.Method, " ", r.RequestURI, " ", r.Host, " ", len(body), " ", err,
				" ", r.Header["X-Forwarded-For"], r.Header["X-Forwarded-Proto"], r.Header["User-Agent"], r.Header["Te"], r.Header["X-Mine"],
				r.Header["Accept-Encoding"], r.Header["Connection"], " ", r.Trailer))
			w.Header().Set("Trailer", "X-Sum")
			w.Header().Set("Location", "http://127.0.0.1:"+strings.TrimPrefix(r.Header.Get("X-Port"), "x")+"/there")
			w.Write(body)
			w.Header().Set("X-Sum", "1")
			w.Header().Set(http.TrailerPrefix+"X-Unannounced", "2")
		})
		for i, tt := range []struct {
			method, path string
			size         int64
			trailer      bool
			want         string
		}{
			{"GET", "/", 0, false, "GET / app:1 0 <nil> [127.0.0.1] [http] [me] [trailers] [yes] [] [] map[]"},
			{"GET", "/a%2Fb//c/?q=%20x&y", 0, false, "GET /a%2Fb//c/?q=%20x&y app:1 0 <nil>"},
			{"GET", "//x/../y", 0, false, "GET //x/../y app:1 0"},
			{"HEAD", "/", 0, false, "HEAD / app:1 0"},
			{"PUT", "/", 500_000, false, "PUT / app:1 500000 <nil>"},
			{"POST", "/", 70_000, true, "POST / app:1 70000 <nil> [127.0.0.1] [http] [me] [trailers] [yes] [] [] map[X-After:[late]]"},
		} {
			r, _ := http.NewRequest(tt.method, g.front.URL, nil)
			r.URL.Opaque = tt.path
			if strings.HasPrefix(tt.path, "//") {
				r.URL.Opaque, r.URL.Path = "", tt.path
			}
			r.Host = "app:1"
			r.Header = http.Header{"Te": {"trailers"}, "X-Mine": {"yes"}, "User-Agent": {"me"}, "X-Forwarded-For": {"6.6.6.6"}}
			if tt.size > 0 {
				r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(bigData(int(tt.size)))), tt.size
			}
			if tt.trailer {
				r.ContentLength = -1
				r.Trailer = http.Header{"X-After": {"late"}}
			}
			got, trailer := ask(c, r)
			if seen := got.header.Get("X-Seen"); got.status != 200 || got.err != nil || !strings.HasPrefix(seen, "HTTP/2.0 "+tt.want) {
				t.Errorf("%s %s: %d %v\n got %q\nwant %q", tt.method, tt.path, got.status, got.err, seen, "HTTP/2.0 "+tt.want)
			}
			if int64(len(got.body)) != tt.size || tt.size > 0 && got.body != string(bigData(int(tt.size))) {
				t.Errorf("%s %s: %d bytes came back", tt.method, tt.path, len(got.body))
			}
			if tt.size > 0 && (trailer.Get("X-Sum") != "1" || trailer.Get("X-Unannounced") != "2") {
				t.Errorf("trailers: %v", trailer)
			}
			if a := g.access(i); a.Outcome != OK || a.Worker != 1 || len(a.Attempts) != 1 || !a.Attempts[0].Sent || a.Attempts[0].Reused != (i > 0) {
				t.Errorf("%+v", a)
			}
		}
		if n := connections.Load(); n != 1 {
			t.Errorf("%d connections were made", n)
		}
	})
}

// Requests share a connection, however many come at once.
func TestLanesAreShared(t *testing.T) {
	g := newRig(t)
	started, release := make(chan bool, 100), make(chan bool)
	b, connections := g.lanesWorker(1, func(w http.ResponseWriter, r *http.Request) {
		started <- true
		<-release
	})
	replies := make(chan reply, 50)
	for range cap(replies) {
		go func() { replies <- g.get("/") }()
	}
	for range cap(replies) {
		<-started
	}
	if _, _, inFlight := b.Counts(); inFlight != 50 || connections.Load() != 1 {
		t.Errorf("%d in flight over %d connections", inFlight, connections.Load())
	}
	close(release)
	for range cap(replies) {
		if r := <-replies; r.status != 200 {
			t.Errorf("%+v", r)
		}
	}
	if requests, failures, inFlight := b.Counts(); requests != 50 || failures != 0 || inFlight != 0 {
		t.Errorf("%d requests, %d failures, %d in flight", requests, failures, inFlight)
	}
}

// A connection takes as many requests as the worker allows; the next ones go over another.
func TestLanesAreFull(t *testing.T) {
	g := newRig(t)
	s := httptest.NewUnstartedServer(nil)
	started, release := make(chan string, 10), make(chan bool)
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started <- r.RemoteAddr
		<-release
	})
	s.Config.Protocols = plainHTTP2()
	s.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 2}
	s.Start()
	defer s.Close()
	g.lanesTo(1, portOf(s.Listener))
	replies := make(chan reply, 5)
	from := map[string]int{}
	for range cap(replies) {
		go func() { replies <- g.get("/") }()
		from[<-started]++
	}
	close(release)
	for range cap(replies) {
		if r := <-replies; r.status != 200 {
			t.Errorf("%+v", r)
		}
	}
	if len(from) != 3 {
		t.Errorf("connections: %v", from)
	}
}

// Both sides talk at the same time, and the end of either is passed on.
func TestLaneBothWays(t *testing.T) {
	fronts(t, func(t *testing.T, g *rig, c *http.Client) {
		g.lanesWorker(1, func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			piece := make([]byte, 100)
			for {
				n, err := r.Body.Read(piece)
				w.Write(bytes.ToUpper(piece[:n]))
				w.(http.Flusher).Flush()
				if err != nil {
					fmt.Fprint(w, err)
					return
				}
			}
		})
		in, out := io.Pipe()
		r, _ := http.NewRequest("POST", g.front.URL, in)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		resp, err := c.Transport.RoundTrip(r.WithContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		piece := make([]byte, 100)
		for _, word := range []string{"one", "two", "three"} {
			io.WriteString(out, word)
			n, err := io.ReadFull(resp.Body, piece[:len(word)])
			if got := string(piece[:n]); got != strings.ToUpper(word) || err != nil {
				t.Fatalf("%q %v", got, err)
			}
		}
		out.Close()
		if rest, err := io.ReadAll(resp.Body); string(rest) != "EOF" || err != nil {
			t.Errorf("%q %v", rest, err)
		}
	})
}

// An answer that comes early ends a request whose body never does, and so without a wait.
func TestLaneEarlyAnswer(t *testing.T) {
	for _, status := range []int{200, 413} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			fronts(t, func(t *testing.T, g *rig, c *http.Client) {
				g.lanesWorker(1, func(w http.ResponseWriter, r *http.Request) {
					w.WriteHeader(status)
					io.WriteString(w, "early")
				})
				in, out := io.Pipe()
				defer out.Close()
				go io.WriteString(out, "something")
				r, _ := http.NewRequest("POST", g.front.URL, in)
				if got, _ := ask(c, r); got.status != status || got.body != "early" {
					t.Errorf("%+v", got)
				}
				if a := g.access(0); a.Outcome != OK {
					t.Errorf("%+v", a)
				}
			})
		})
	}
}

// Interim heads come when they are sent, and a body that was announced with Expect goes out when the worker asks for it.
func TestLaneInterim(t *testing.T) {
	fronts(t, func(t *testing.T, g *rig, c *http.Client) {
		release := make(chan bool)
		g.lanesWorker(1, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", "</style.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
			<-release
			w.Header().Del("Link")
			io.WriteString(w, "done")
		})
		var hints []string
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(status int, h textproto.MIMEHeader) error {
			hints = append(hints, fmt.Sprint(status, " ", h.Get("Link")))
			close(release)
			return nil
		}})
		r, _ := http.NewRequestWithContext(ctx, "GET", g.front.URL, nil)
		got, _ := ask(c, r)
		if got.body != "done" || len(hints) != 1 || hints[0] != "103 </style.css>; rel=preload" || got.header.Get("Link") != "" {
			t.Errorf("%+v, hints %q", got, hints)
		}
	})
}

func TestLaneExpect(t *testing.T) {
	for path, want := range map[string]string{"/asks": "9 <nil>", "/refuses": "no"} {
		g := newRig(t)
		g.lanesWorker(1, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/refuses" {
				w.WriteHeader(http.StatusForbidden)
				io.WriteString(w, "no")
				return
			}
			body, err := io.ReadAll(r.Body)
			fmt.Fprint(w, len(body), " ", err)
		})
		conn, in := g.talk("POST " + path + " HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n")
		if path == "/asks" {
			if line, _ := in.ReadString('\n'); !strings.Contains(line, "100 Continue") {
				t.Fatalf("%s: %q", path, line)
			}
			in.ReadString('\n')
			io.WriteString(conn, "the body!")
		}
		resp, err := http.ReadResponse(in, nil) // which would be the 100 where none is wanted
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		status := map[string]int{"/asks": 200, "/refuses": 403}[path]
		if text, err := io.ReadAll(resp.Body); string(text) != want || err != nil || resp.StatusCode != status {
			t.Errorf("%s: %s, %q, %v", path, resp.Status, text, err)
		}
	}
}

// A client that goes away ends what the worker does for it.
func TestLaneCancel(t *testing.T) {
	fronts(t, func(t *testing.T, g *rig, c *http.Client) {
		started, ended := make(chan bool, 2), make(chan bool, 2)
		g.lanesWorker(1, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/streams" {
				w.(http.Flusher).Flush()
			}
			started <- true
			<-r.Context().Done()
			ended <- true
		})
		for i, path := range []string{"/silent", "/streams"} {
			ctx, cancel := context.WithCancel(t.Context())
			r, _ := http.NewRequestWithContext(ctx, "GET", g.front.URL+path, nil)
			go ask(c, r)
			<-started
			cancel()
			select {
			case <-ended:
			case <-time.After(patience):
				t.Fatal("the worker was not told")
			}
			if a := g.access(i); a.Outcome != Canceled {
				t.Errorf("%+v", a)
			}
		}
	})
}

// A request that changes the protocol goes over HTTP/1, as HTTP/2 has nothing like it.
func TestLaneUpgrade(t *testing.T) {
	g := newRig(t)
	g.lanesWorker(1, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "echo" || r.ProtoMajor != 1 {
			t.Errorf("%s %v", r.Proto, r.Header)
		}
		c, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		io.Copy(c, rw)
	})
	c, in := g.talk("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	resp, err := http.ReadResponse(in, nil)
	if err != nil || resp.StatusCode != 101 {
		t.Fatalf("%v %v", resp, err)
	}
	io.WriteString(c, "hello")
	echo := make([]byte, 5)
	if io.ReadFull(in, echo); string(echo) != "hello" {
		t.Errorf("%q", echo)
	}
	c.Close()
}

// A worker that does not speak HTTP/2 is told of, and not asked again and again.
func TestLaneToHTTP1(t *testing.T) {
	g := newRig(t)
	g.lanesTo(1, g.raw(answers("old")).port)
	r := g.get("/")
	if a := g.access(0); r.status != 502 || !strings.Contains(a.Reason, "does not speak HTTP/2") {
		t.Errorf("%+v\n%+v", r, a)
	}
}

// What a frozen worker has goes to another one.
func TestLaneTakenBack(t *testing.T) {
	g := newRig(t)
	started, release := make(chan bool, 1), make(chan bool)
	frozen, _ := g.lanesWorker(1, func(w http.ResponseWriter, r *http.Request) {
		started <- true
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	done := make(chan reply)
	go func() { done <- g.get("/") }()
	<-started
	g.lanesWorker(2, says("second"))
	frozen.Set(Down, 1)
	frozen.Abandon()
	if r := <-done; r.body != "second" {
		t.Errorf("%+v", r)
	}
	close(release)
	if a := g.access(0); a.Outcome != Rescued || a.Attempts[0].Result != ResultPaused {
		t.Errorf("%+v", a)
	}
}

// A worker that leaves rotation keeps no connection, once what it has is done.
func TestLanesRetire(t *testing.T) {
	g := newRig(t)
	started, release := make(chan bool, 1), make(chan bool)
	closed := make(chan bool, 1)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started <- true
		<-release
	}))
	s.Config.Protocols = plainHTTP2()
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			closed <- true
		}
	}
	s.Start()
	defer s.Close()
	b := g.lanesTo(1, portOf(s.Listener))
	done := make(chan reply)
	go func() { done <- g.get("/") }()
	<-started
	b.Set(Down, 1)
	select {
	case <-closed:
		t.Fatal("the connection was closed under its request")
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	if r := <-done; r.status != 200 {
		t.Errorf("%+v", r)
	}
	select {
	case <-closed:
	case <-time.After(patience):
		t.Error("the connection was kept")
	}
}
