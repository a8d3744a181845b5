package limit

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds everything that tests wait for.
const patience = 30 * time.Second

func serve(t *testing.T, l *Limiter, handler http.HandlerFunc) string {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler, ConnState: l.State}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		server.Serve(l.Listener(inner))
	}()
	t.Cleanup(func() {
		server.Close()
		<-ended
		if n := l.Count(); n != 0 {
			eventually(t, "no connections at the end", func() bool { return l.Count() == 0 })
		}
	})
	return inner.Addr().String()
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("waited in vain: %s", what)
}

type client struct {
	net.Conn
	in *bufio.Reader
}

func dial(t *testing.T, address string) client {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return client{c, bufio.NewReader(c)}
}

// get sends a request and returns its status; 0 = the connection is closed.
func (c client) get(path string) int {
	io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: a\r\n\r\n")
	return c.status()
}

func (c client) status() int {
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return 0
	}
	io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// waiting counts those that wait.
func (l *Limiter) waiting() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		if c.waiting.Load() != 0 {
			n++
		}
	}
	return n
}

const busy = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

// TestOldestGoes: a new connection takes the place of the one that has waited longest, whatever it waits with.
func TestOldestGoes(t *testing.T) {
	l := &Limiter{Max: 4, Busy: []byte(busy)}
	address := serve(t, l, func(http.ResponseWriter, *http.Request) {})
	idle, slow, fresh, late := dial(t, address), dial(t, address), dial(t, address), dial(t, address)
	if idle.get("/") != 200 {
		t.Fatal("the first one is not served")
	}
	io.WriteString(slow, "GET / HTTP/1.1\r\nHo")
	eventually(t, "all connections", func() bool { return l.Count() == 4 })
	time.Sleep(onItsWay) // no request of theirs is on its way any more
	allWait := func() { eventually(t, "all waiting", func() bool { return l.waiting() == 4 }) }
	for _, c := range []client{late, idle} {
		if c.get("/") != 200 {
			t.Fatal("one that was there is not served")
		}
		allWait()
	}
	for i, loser := range []client{slow, fresh, late, idle} {
		allWait()
		if dial(t, address).get("/") != 200 {
			t.Errorf("a new one is not served while %d wait", 4-i)
		}
		if status := loser.status(); status != 0 {
			t.Errorf("number %d is still there: %d", i, status)
		}
	}
}

// TestIdleGoesFirst: a connection that has just been opened is not closed under its first request while another one is idle.
func TestIdleGoesFirst(t *testing.T) {
	l := &Limiter{Max: 2, Busy: []byte(busy)}
	address := serve(t, l, func(http.ResponseWriter, *http.Request) {})
	fresh := dial(t, address)
	eventually(t, "the connection", func() bool { return l.Count() == 1 })
	idle := dial(t, address)
	if idle.get("/") != 200 {
		t.Error("the second one is not served")
	}
	eventually(t, "both waiting", func() bool { return l.waiting() == 2 })
	if dial(t, address).get("/") != 200 {
		t.Error("a new one is not served")
	}
	if status := idle.status(); status != 0 {
		t.Errorf("the idle one is still there: %d", status)
	}
	if status := fresh.get("/"); status != 200 {
		t.Errorf("the one that was just opened: %d", status)
	}
}

// TestBusy: when all have a request new ones are turned away, with an answer, and those that have one are not touched.
func TestBusy(t *testing.T) {
	var told atomic.Int64
	l := &Limiter{Max: 3, Busy: []byte(busy), OnBusy: func(net.Addr) { told.Add(1) }}
	release, begun := make(chan struct{}), make(chan struct{}, 3)
	address := serve(t, l, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			begun <- struct{}{}
			<-release
		}
	})
	var working []client
	for range 3 {
		c := dial(t, address)
		working = append(working, c)
		io.WriteString(c, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
		<-begun
	}
	for range 100 {
		c := dial(t, address)
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nX: "+strings.Repeat("x", 3000)+"\r\n\r\n")
		if got := c.status(); got != 503 {
			t.Fatalf("got %d", got)
		}
		c.Close()
	}
	close(release)
	for _, c := range working {
		if got := c.status(); got != 200 {
			t.Errorf("one that had its request got %d", got)
		}
	}
	eventually(t, "all idle", func() bool { return l.waiting() == 3 })
	if dial(t, address).get("/") != 200 {
		t.Error("not served when there is room again")
	}
	if told.Load() != 100 {
		t.Errorf("told of %d", told.Load())
	}
}

// stuffed writes until the client, which does not read, has stalled the connection, and says what came of it.
func stuffed(stall time.Duration) (*Limiter, http.HandlerFunc, chan error) {
	failed := make(chan error, 1)
	return &Limiter{Stall: stall}, func(w http.ResponseWriter, r *http.Request) {
		piece := make([]byte, 64<<10)
		for range 1000 {
			if _, err := w.Write(piece); err != nil {
				failed <- err
				return
			}
		}
		failed <- nil
	}, failed
}

func TestStall(t *testing.T) {
	l, handler, failed := stuffed(200 * time.Millisecond)
	c := dial(t, serve(t, l, handler))
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	select {
	case err := <-failed:
		if !os.IsTimeout(err) {
			t.Errorf("the write ended with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("the write does not end")
	}
}

// TestSlowReader: one that takes a little from time to time gets all of it, though each write takes longer than the limit.
func TestSlowReader(t *testing.T) {
	l := &Limiter{Stall: time.Second}
	const size = 8 << 20
	address := serve(t, l, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(size))
		w.Write(make([]byte, size)) // in one write
	})
	c := dial(t, address)
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	piece, n := make([]byte, size/20), 0
	for n < size {
		more, err := io.ReadFull(resp.Body, piece[:min(len(piece), size-n)])
		if n += more; err != nil {
			t.Fatalf("after %d bytes: %v", n, err)
		}
		time.Sleep(75 * time.Millisecond) // 1.5 s in all
	}
}

// TestQuiet: a stream on which nothing is written for longer than the limit goes on, also with others' deadlines between.
func TestQuiet(t *testing.T) {
	const stall = 250 * time.Millisecond // within which a write that nothing holds up has to be made, on any machine
	l := &Limiter{Stall: stall}
	address := serve(t, l, func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		for i := range 4 {
			fmt.Fprintln(w, i)
			if err := c.Flush(); err != nil {
				t.Error(err)
			}
			if i == 1 {
				c.SetWriteDeadline(time.Now().Add(time.Hour))
				c.SetWriteDeadline(time.Time{})
			}
			if i < 3 {
				time.Sleep(stall + 50*time.Millisecond)
			}
		}
	})
	c := dial(t, address)
	for range 2 {
		if got := c.get("/"); got != 200 {
			t.Fatalf("got %d", got)
		}
	}
}

// TestAllocations: a write and the states of a request cost no allocation.
func TestAllocations(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	l := &Limiter{Max: 10}
	c := l.admit(near)
	defer c.Close()
	go io.Copy(io.Discard, far)
	c.Write([]byte("x"))
	if n := testing.AllocsPerRun(100, func() {
		l.State(c, http.StateActive)
		c.extend(time.Minute)
		c.SetWriteDeadline(time.Time{})
		l.State(c, http.StateIdle)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
