package proxy

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Each event arrives before the next is sent, and the head before the first.
func TestEventStream(t *testing.T) {
	g := newRig(t)
	events := make(chan string)
	g.serve(1, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		http.NewResponseController(w).Flush()
		for e := range events {
			fmt.Fprintf(w, "data: %s\n\n", e)
			http.NewResponseController(w).Flush()
		}
	})
	resp, err := g.front.Client().Get(g.front.URL) // returns with the head
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	in := bufio.NewReader(resp.Body)
	for i := range 5 {
		events <- fmt.Sprint(i)
		if line, err := in.ReadString('\n'); line != fmt.Sprintf("data: %d\n", i) {
			t.Fatalf("%q %v", line, err)
		}
		in.ReadString('\n')
	}
	close(events)
	if rest, err := io.ReadAll(in); len(rest) > 0 || err != nil {
		t.Errorf("%q %v", rest, err)
	}
}

// A response of known length that comes slowly is passed on as it comes, if it is too long to be held back.
func TestSlowLongBody(t *testing.T) {
	g := newRig(t)
	next := make(chan struct{})
	g.serve(1, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "200000")
		for range 20 {
			w.Write(bytes.Repeat([]byte("x"), 10000))
			http.NewResponseController(w).Flush()
			<-next
		}
	})
	resp, err := g.front.Client().Get(g.front.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	piece := make([]byte, 10000)
	for range 20 {
		if _, err := io.ReadFull(resp.Body, piece); err != nil {
			t.Fatal(err)
		}
		next <- struct{}{}
	}
}

func bigData(size int) []byte {
	data := make([]byte, size)
	random := rand.NewChaCha8([32]byte{1})
	random.Read(data)
	return data
}

func TestBigBodies(t *testing.T) {
	data := bigData(20 << 20)
	g := newRig(t)
	g.serve(1, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "GET" {
			if r.URL.Path == "/length" {
				w.Header().Set("Content-Length", fmt.Sprint(len(data)))
			}
			w.Write(data)
			return
		}
		sum := crc32.NewIEEE()
		n, err := io.Copy(sum, r.Body)
		fmt.Fprintf(w, "%d %d %x %v", r.ContentLength, n, sum.Sum32(), err)
	})
	for _, path := range []string{"/length", "/chunked"} {
		if r := g.get(path); r.err != nil || r.body != string(data) {
			t.Errorf("GET %s: %d bytes, %v", path, len(r.body), r.err)
		}
	}
	sum := crc32.ChecksumIEEE(data)
	for _, tt := range []struct {
		body   io.Reader
		length int
	}{{bytes.NewReader(data), len(data)}, {io.MultiReader(bytes.NewReader(data)), -1}} {
		r := g.send("POST", "/", tt.body)
		if want := fmt.Sprintf("%d %d %x <nil>", tt.length, len(data), sum); r.body != want {
			t.Errorf("got %q, want %q; %v", r.body, want, r.err)
		}
	}
}

// A body that is too large to be kept is not sent twice, whatever the method.
func TestBigBodyDies(t *testing.T) {
	g := newRig(t)
	w := g.raw(func(c net.Conn, in *bufio.Reader) {
		if r, err := http.ReadRequest(in); err == nil {
			io.CopyN(io.Discard, r.Body, 3<<20)
			kill(c, true)
		}
	})
	g.add(1, w.port)
	good, _ := g.witness(2, kinds[0])
	r := g.send("PUT", "/", bytes.NewReader(bigData(8<<20)))
	a := g.access(0)
	if a.Outcome != Failed || !strings.Contains(a.Reason, "too large") || len(a.Attempts) != 1 {
		t.Errorf("%+v", a)
	}
	if n, _, _ := good.Counts(); n != 0 || r.err == nil && r.status != 502 {
		t.Errorf("%+v, sent to the other one: %d", r, n)
	}
}

// One that was read only in part can be sent again, and the rest follows.
func TestUploadIsRepeated(t *testing.T) {
	for _, chunked := range []bool{false, true} {
		g := newRig(t)
		died := make(chan struct{})
		w := g.raw(func(c net.Conn, in *bufio.Reader) {
			r, err := http.ReadRequest(in)
			if err == nil {
				io.CopyN(io.Discard, r.Body, 100_000)
			}
			kill(c, true)
			close(died)
		})
		g.add(1, w.port)
		data := bigData(900_000)
		good := g.serve(2, func(w http.ResponseWriter, r *http.Request) {
			text, err := io.ReadAll(r.Body)
			fmt.Fprint(w, bytes.Equal(text, data), err)
		})
		in, out := io.Pipe()
		go func() {
			out.Write(data[:200_000])
			<-died
			out.Write(data[200_000:])
			out.Close()
		}()
		r, _ := http.NewRequest("PUT", g.front.URL, in)
		if !chunked {
			r.ContentLength = int64(len(data))
		}
		if got := g.do(r); got.body != "true <nil>" || g.access(0).Port != good.Port() {
			t.Errorf("chunked %t: %+v\n%+v", chunked, got, g.access(0))
		}
	}
}

// A worker answers before the client has sent all of its body, and the client gets that.
func TestEarlyAnswer(t *testing.T) {
	g := newRig(t)
	w := g.raw(func(c net.Conn, in *bufio.Reader) {
		if _, err := http.ReadRequest(in); err != nil {
			return
		}
		io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nlarge")
		io.Copy(io.Discard, in)
	})
	g.add(1, w.port)
	for _, length := range []string{"Content-Length: 10000000", "Content-Length: 100", "Transfer-Encoding: chunked"} {
		c, in := g.talk("POST / HTTP/1.1\r\nHost: a\r\n" + length + "\r\n\r\n5\r\nhello\r\n")
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		if resp.StatusCode != 413 || string(text) != "large" || err != nil || !resp.Close {
			t.Errorf("%s: %d %q %v, close %t", length, resp.StatusCode, text, err, resp.Close)
		}
		c.Close()
	}
}

// A client that asks first is told to go on by the worker, or by us when the worker says nothing.
func TestExpectContinue(t *testing.T) {
	for name, serve := range map[string]func(c net.Conn, in *bufio.Reader){
		"worker asks": func(c net.Conn, in *bufio.Reader) {
			r, err := http.ReadRequest(in)
			if err != nil || r.Header.Get("Expect") != "100-continue" || in.Buffered() > 0 {
				return
			}
			io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n")
			text, _ := io.ReadAll(r.Body)
			answer(c, string(text))
		},
		"worker ignores it": func(c net.Conn, in *bufio.Reader) {
			_, text, _ := readRequest(in)
			answer(c, text)
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t)
			g.add(1, g.raw(serve).port)
			c, in := g.talk("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
			if line, _ := in.ReadString('\n'); line != "HTTP/1.1 100 Continue\r\n" {
				t.Fatalf("%q", line)
			}
			in.ReadString('\n')
			io.WriteString(c, "hello")
			resp, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			if text, err := io.ReadAll(resp.Body); string(text) != "hello" || err != nil {
				t.Errorf("%q %v", text, err)
			}
		})
	}
}

func TestExpectRefused(t *testing.T) {
	g := newRig(t)
	g.add(1, g.raw(func(c net.Conn, in *bufio.Reader) {
		http.ReadRequest(in)
		io.WriteString(c, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
		io.Copy(io.Discard, in)
	}).port)
	_, in := g.talk("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
	resp, err := http.ReadResponse(in, nil)
	if err != nil || resp.StatusCode != 403 || !resp.Close {
		t.Errorf("%+v %v", resp, err)
	}
}

// What the client sends is no body: the worker does not get half of it for a whole one.
func TestBadUpload(t *testing.T) {
	g := newRig(t)
	var complete atomic.Int64
	g.serve(1, func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			complete.Add(1)
		}
	})
	_, in := g.talk("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nnonsense\r\n")
	resp, err := http.ReadResponse(in, nil)
	a := g.access(0)
	if err != nil || resp.StatusCode != 400 || a.Outcome != OK || complete.Load() != 0 {
		t.Errorf("%v %v\n%+v", resp, err, a)
	}
	if _, failures, _ := g.pool.backends[0].Counts(); failures != 0 {
		t.Errorf("the worker is blamed for it")
	}
}

// The client goes away while the worker works: the worker is told, and nothing has failed.
func TestClientGone(t *testing.T) {
	for _, method := range []string{"GET", "POST"} {
		g := newRig(t)
		working, told := make(chan struct{}), make(chan struct{})
		b := g.serve(1, func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			close(working)
			<-r.Context().Done()
			close(told)
		})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-working
			cancel()
		}()
		r, _ := http.NewRequestWithContext(ctx, method, g.front.URL, strings.NewReader("body"))
		if got := g.do(r); !errors.Is(got.err, context.Canceled) {
			t.Errorf("%+v", got)
		}
		<-told
		a := g.access(0)
		if a.Outcome != Canceled || a.Attempts[0].Result != ResultCanceled {
			t.Errorf("%+v", a)
		}
		if _, failures, inFlight := b.Counts(); failures != 0 || inFlight != 0 {
			t.Errorf("%d failures, %d in flight", failures, inFlight)
		}
	}
}

// The client goes away in the middle of its upload, and in the middle of a download.
func TestClientGoneHalfway(t *testing.T) {
	g := newRig(t)
	told := make(chan error, 2)
	g.serve(1, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "POST" {
			_, err := io.Copy(io.Discard, r.Body)
			told <- err
			return
		}
		for {
			if _, err := w.Write(make([]byte, 10000)); err != nil {
				told <- err
				return
			}
		}
	})
	for i, request := range []string{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nhello", getRequest} {
		c, in := g.talk(request)
		if i == 1 {
			in.ReadByte()
		} else {
			eventually(t, "the attempt", func() bool { _, _, n := g.pool.backends[0].Counts(); return n == 1 })
		}
		c.Close()
		if err := <-told; err == nil {
			t.Errorf("%q: the worker saw no error", request)
		}
		if a := g.access(i); a.Outcome != Canceled {
			t.Errorf("%+v", a)
		}
	}
}

// Shutdown ends streams at once and lets an ordinary request finish.
func TestShutdownWithStream(t *testing.T) {
	g := newRig(t)
	finish := make(chan struct{})
	g.serve(1, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-finish
			io.WriteString(w, "done")
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	stream, err := g.front.Client().Get(g.front.URL + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	slow := make(chan reply)
	go func() { slow <- g.get("/slow") }()
	eventually(t, "two requests", func() bool { return g.proxy.Stats().InFlight == 2 })
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := g.proxy.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a request in flight: %v", err)
	}
	if _, err := io.ReadAll(stream.Body); err == nil {
		t.Error("the stream ended cleanly")
	}
	if a := g.access(0); a.Outcome != OK || !strings.Contains(a.Reason, "shutdown") {
		t.Errorf("%+v", a)
	}
	close(finish)
	if r := <-slow; r.body != "done" {
		t.Errorf("%+v", r)
	}
	if err := g.proxy.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
