package proxy

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lbdev/lbdev/proxy/fault"
)

// newTCPRig is a rig whose front balances connections.
func newTCPRig(t testing.TB, settings ...func(*Proxy)) (g *rig, address string) {
	g = newRig(t, settings...)
	g.front.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := NewTCPServer(g.proxy)
	s.ConnState = func(c net.Conn, state http.ConnState) {
		if c == nil || state != http.StateActive {
			t.Errorf("%v is %v", c, state)
		}
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		g.proxy.Shutdown(ctx)
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		s.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve has ended with %v", err)
		}
	})
	return g, l.Addr().String()
}

// talk sends a text, ends its side, and returns all that comes back.
func talk(t testing.TB, address, text string) (string, error) {
	t.Helper()
	c := dialFront(t, address)
	defer c.Close()
	if _, err := io.WriteString(c, text); err != nil {
		return "", err
	}
	c.CloseWrite()
	got, err := io.ReadAll(c)
	return string(got), err
}

func dialFront(t testing.TB, address string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

// TestTCPConcurrency: a worker has as many connections as it may, and the others wait in turn.
func TestTCPConcurrency(t *testing.T) {
	g, address := newTCPRig(t, withConcurrency(1))
	var now, most atomic.Int64
	w := g.raw(func(c net.Conn, in *bufio.Reader) {
		n := now.Add(1)
		for top := most.Load(); n > top && !most.CompareAndSwap(top, n); top = most.Load() {
		}
		io.Copy(io.Discard, in)
		now.Add(-1) // before anybody else can know
		io.WriteString(c, "at your service")
	})
	g.add(1, w.port)
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			if got, err := talk(t, address, "hello"); err != nil || got != "at your service" {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	all.Wait()
	if most.Load() != 1 {
		t.Errorf("the worker had %d at a time", most.Load())
	}
	if n := g.pool.Held(); n != 0 {
		t.Errorf("%d wait", n)
	}
}

// echoes gives back what comes, to its end, behind the worker's name.
func echoes(name string) func(net.Conn, *bufio.Reader) {
	return func(c net.Conn, in *bufio.Reader) {
		io.WriteString(c, name+":")
		io.Copy(c, in)
		c.(*net.TCPConn).CloseWrite()
	}
}

func TestTCPRoundRobinAndRecords(t *testing.T) {
	g, front := newTCPRig(t)
	for i := 1; i <= 3; i++ {
		g.add(i, g.raw(echoes(fmt.Sprint(i))).port)
	}
	for i := range 6 {
		if got, err := talk(t, front, "hello\n"); got != fmt.Sprintf("%d:hello\n", i%3+1) || err != nil {
			t.Errorf("%d: %q, %v", i, got, err)
		}
		g.access(i) // so that they are recorded in order
	}
	a := g.access(0)
	if a.Method != "TCP" || a.Proto != "TCP" || a.Status != 0 || a.Worker != 1 || a.Outcome != OK || a.Client != "127.0.0.1" || !strings.HasPrefix(a.Path, "127.0.0.1:") ||
		a.Bytes != 8 || len(a.Attempts) != 1 || a.Attempts[0].Result != ResultEnded || a.Attempts[0].FirstByte == 0 || !a.Attempts[0].Sent {
		t.Errorf("%+v", a)
	}
	eventually(t, "all are counted", func() bool { return g.proxy.Stats().InFlight == 0 })
	if s := g.proxy.Stats(); s.Total != 6 || s.OK != 6 {
		t.Errorf("%+v", s)
	}
	if n, _, inFlight := g.pool.backends[0].Counts(); n != 2 || inFlight != 0 {
		t.Errorf("worker 1 had %d, has %d", n, inFlight)
	}
}

// TestTCPHalfClose: the worker ends first, and still hears what the client says.
func TestTCPHalfClose(t *testing.T) {
	g, front := newTCPRig(t)
	heard := make(chan string, 1)
	g.add(1, g.raw(func(c net.Conn, in *bufio.Reader) {
		io.WriteString(c, "bye")
		c.(*net.TCPConn).CloseWrite()
		text, _ := io.ReadAll(in)
		heard <- string(text)
	}).port)
	c := dialFront(t, front)
	if got, err := io.ReadAll(c); string(got) != "bye" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	io.WriteString(c, "I am still here")
	c.CloseWrite()
	if got := <-heard; got != "I am still here" {
		t.Errorf("the worker heard %q", got)
	}
	if a := g.access(0); a.Outcome != OK {
		t.Errorf("%+v", a)
	}
}

// TestTCPBothWaysAtOnce moves a lot each way, byte for byte.
func TestTCPBothWaysAtOnce(t *testing.T) {
	g, front := newTCPRig(t)
	data := bigData(2 << 20)
	g.add(1, g.raw(func(c net.Conn, in *bufio.Reader) {
		io.Copy(c, in)
		c.(*net.TCPConn).CloseWrite()
	}).port)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			c := dialFront(t, front)
			go func() {
				c.Write(data)
				c.CloseWrite()
			}()
			if got, err := io.ReadAll(c); !bytes.Equal(got, data) || err != nil {
				t.Errorf("%d bytes of %d, %v", len(got), len(data), err)
			}
		})
	}
	all.Wait()
	for i := range 4 {
		if a := g.access(i); a.Bytes != int64(len(data)) || a.Outcome != OK {
			t.Errorf("%+v", a)
		}
	}
}

// TestTCPNextWorker: one that refuses costs nothing, and the attempts say so.
func TestTCPNextWorker(t *testing.T) {
	g, front := newTCPRig(t)
	g.add(1, deadPort(t))
	g.add(2, deadPort(t))
	g.add(3, g.raw(echoes("3")).port)
	if got, err := talk(t, front, "x"); got != "3:x" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	a := g.access(0)
	if a.Outcome != Rescued || len(a.Attempts) != 3 || a.Attempts[0].Result != ResultRefused || a.Attempts[1].Result != ResultRefused || a.Worker != 3 {
		t.Errorf("%+v", a)
	}
}

// TestTCPDiedInQueue: a worker that dies before a byte went either way has had nothing. The next one gets the client, also one
// that has ended its side.
func TestTCPDiedInQueue(t *testing.T) {
	for _, closes := range []bool{false, true} {
		for _, resets := range []bool{false, true} {
			g, front := newTCPRig(t)
			var first *Backend
			ready := make(chan struct{})
			first = g.add(1, g.raw(func(c net.Conn, in *bufio.Reader) {
				<-ready
				if resets {
					c.(*net.TCPConn).SetLinger(0)
				}
				c.Close()
				first.Died()
			}).port)
			g.add(2, g.raw(echoes("2")).port)
			close(ready)
			c := dialFront(t, front)
			if closes {
				c.CloseWrite()
			}
			if _, err := io.ReadFull(c, make([]byte, 2)); err != nil { // "2:"
				t.Fatal(err)
			}
			if !closes {
				io.WriteString(c, "later")
				c.CloseWrite()
			}
			got, err := io.ReadAll(c)
			if want := map[bool]string{true: "", false: "later"}[closes]; string(got) != want || err != nil {
				t.Errorf("%q, %v", got, err)
			}
			a := g.access(0)
			if a.Outcome != Rescued || a.Worker != 2 || len(a.Attempts) != 2 || a.Attempts[0].Sent || a.Attempts[1].Result != ResultEnded {
				t.Errorf("%+v", a)
			}
		}
	}
}

func TestTCPHeldUntilReady(t *testing.T) {
	g, front := newTCPRig(t)
	b := g.pool.Add(1, g.raw(echoes("1")).port)
	b.Set(Coming, 1)
	got := make(chan string, 1)
	go func() {
		text, err := talk(t, front, "x")
		got <- fmt.Sprint(text, err)
	}()
	eventually(t, "it is held", func() bool { return g.pool.Held() == 1 })
	b.Set(Ready, 1)
	if text := <-got; text != "1:x<nil>" {
		t.Errorf("%s", text)
	}
	if a := g.access(0); a.Held == 0 || a.Outcome != OK {
		t.Errorf("%+v", a)
	}
}

// TestTCPNobodyThere: the client sees a reset, not an end.
func TestTCPNobodyThere(t *testing.T) {
	for name, set := range map[string]func(*Proxy){
		"down":            func(p *Proxy) { p.Pool.Add(1, 1).Set(Down, 1) },
		"not held":        func(p *Proxy) { p.Hold = -1; p.Pool.Add(1, 1).Set(Coming, 1) },
		"held for a time": func(p *Proxy) { p.Hold = 20 * time.Millisecond; p.Pool.Add(1, 1).Set(Coming, 1) },
		"too many":        func(p *Proxy) { p.MaxHeld = -1; p.Pool.Add(1, 1).Set(Coming, 1) },
	} {
		g, front := newTCPRig(t, set)
		c, err := net.Dial("tcp", front)
		if err == nil {
			c.SetDeadline(time.Now().Add(patience))
			_, err = c.Read(make([]byte, 1))
			c.Close()
		}
		if !isReset(err) { // which Dial may see already
			t.Errorf("%s: %v", name, err)
		}
		if a := g.access(0); a.Outcome != Failed || a.Status != 0 || a.Reason == "" {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// TestTCPEndings tells who has ended a connection, by how it ended.
func TestTCPEndings(t *testing.T) {
	for _, tt := range []struct {
		name    string
		worker  func(b *Backend, c net.Conn, in *bufio.Reader)
		client  func(c *net.TCPConn)
		outcome Outcome
		result  string
		reset   bool // is what the client sees
	}{
		{"worker resets", func(_ *Backend, c net.Conn, in *bufio.Reader) {
			in.ReadByte()
			c.(*net.TCPConn).SetLinger(0)
			c.Close()
		}, nil, Cut, ResultReset, true},
		{"worker resets what it does not read", func(_ *Backend, c net.Conn, in *bufio.Reader) {
			in.ReadByte()
			c.(*net.TCPConn).SetLinger(0)
			c.Close()
		}, func(c *net.TCPConn) {
			for {
				if _, err := c.Write(make([]byte, 65536)); err != nil {
					return
				}
			}
		}, Cut, ResultReset, true},
		{"client goes away in the middle", func(_ *Backend, c net.Conn, in *bufio.Reader) {
			for {
				if _, err := c.Write(make([]byte, 65536)); err != nil {
					return
				}
			}
		}, func(c *net.TCPConn) {
			io.CopyN(io.Discard, c, 1<<20)
			c.Close()
		}, Canceled, ResultCanceled, false},
		{"worker dies with a FIN", func(b *Backend, c net.Conn, in *bufio.Reader) {
			in.ReadByte()
			c.Close()
			b.Died()
		}, nil, Cut, ResultClosed, false},
		{"worker has ended its side before and dies later", func(b *Backend, c net.Conn, in *bufio.Reader) {
			in.ReadByte()
			c.(*net.TCPConn).CloseWrite()
			time.AfterFunc(20*time.Millisecond, b.Died)
			io.Copy(io.Discard, in)
		}, func(c *net.TCPConn) { io.ReadAll(c) }, Cut, ResultClosed, false},
		{"worker ends", func(_ *Backend, c net.Conn, in *bufio.Reader) {
			in.ReadByte()
			c.Close()
		}, nil, OK, ResultEnded, false},
		{"client resets", func(_ *Backend, c net.Conn, in *bufio.Reader) {
			io.Copy(io.Discard, in)
		}, func(c *net.TCPConn) {
			c.SetLinger(0)
			c.Close()
		}, Canceled, ResultCanceled, false},
		{"client ends", func(_ *Backend, c net.Conn, in *bufio.Reader) {
			io.Copy(io.Discard, in)
		}, func(c *net.TCPConn) { c.Close() }, OK, ResultEnded, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, front := newTCPRig(t)
			var b *Backend
			ready := make(chan struct{})
			w := g.raw(func(c net.Conn, in *bufio.Reader) {
				<-ready
				tt.worker(b, c, in)
			})
			b = g.add(1, w.port)
			close(ready)
			c := dialFront(t, front)
			c.Write([]byte("x"))
			if tt.client != nil {
				eventually(t, "it is there", func() bool { n, _, _ := b.Counts(); return n == 1 })
				tt.client(c)
			} else {
				_, err := io.ReadAll(c)
				if isReset(err) != tt.reset {
					t.Errorf("the client sees %v", err)
				}
				c.Close()
			}
			a := g.access(0)
			if a.Outcome != tt.outcome || len(a.Attempts) != 1 || a.Attempts[0].Result != tt.result {
				t.Errorf("%+v", a)
			}
		})
	}
}

// TestTCPShutdown ends connections that would never end, in each of their states.
func TestTCPShutdown(t *testing.T) {
	g, front := newTCPRig(t)
	g.add(1, g.raw(func(c net.Conn, in *bufio.Reader) {
		first, _ := in.ReadByte()
		io.WriteString(c, "ok")
		if first == 'h' {
			c.(*net.TCPConn).CloseWrite()
		}
		io.Copy(io.Discard, in)
		<-g.proxy.streams.ending()
	}).port)
	var conns []*net.TCPConn
	for _, text := range []string{"open", "half", "client half"} {
		c := dialFront(t, front)
		io.WriteString(c, text)
		if _, err := io.ReadFull(c, make([]byte, 2)); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	conns[2].CloseWrite()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	began := time.Now()
	if err := g.proxy.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > patience/2 {
		t.Errorf("it took %v", took)
	}
	for i := range conns {
		if a := g.access(i); a.Outcome != OK {
			t.Errorf("%+v", a)
		}
	}
}

func TestTCPWorkerOnUnixSocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "lb")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	l, err := net.Listen("unix", filepath.Join(dir, "w"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.Copy(c, c)
			c.Close()
		}
	}()
	g, front := newTCPRig(t)
	b := g.pool.Add(1, 1)
	b.Over(Wire{Socket: l.Addr().String()})
	b.Set(Ready, 1)
	if got, err := talk(t, front, "over a socket"); got != "over a socket" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	g.access(0)
}

// TestTCPFaults: those that need no HTTP.
func TestTCPFaults(t *testing.T) {
	g, front := newTCPRig(t)
	setFault(t, g.add(1, g.raw(echoes("1")).port), "refuse=100%")
	second := setFault(t, g.add(2, g.raw(echoes("2")).port), "latency=30ms")
	began := time.Now()
	if got, err := talk(t, front, "x"); got != "2:x" || err != nil || time.Since(began) < 30*time.Millisecond {
		t.Errorf("%q after %v, %v", got, time.Since(began), err)
	}
	setFault(t, second, "reset=100%")
	if got, err := talk(t, front, "x"); got != "" || !isReset(err) {
		t.Errorf("%q, %v", got, err)
	}
	text := strings.Repeat("x", 20_000)
	setFault(t, second, "bandwidth=200kB/s")
	began = time.Now()
	if got, err := talk(t, front, text); got != "2:"+text || err != nil || time.Since(began) < 100*time.Millisecond {
		t.Errorf("%d bytes after %v, %v", len(got), time.Since(began), err)
	}
	setFault(t, second, "blackhole=100%")
	c := dialFront(t, front)
	io.WriteString(c, "x")
	eventually(t, "the connection being swallowed", func() bool {
		_, _, inFlight := second.Counts()
		return inFlight == 1
	})
	c.SetReadDeadline(time.Now().Add(30 * time.Millisecond))
	if n, err := c.Read(make([]byte, 1)); !isTimeout(err) {
		t.Errorf("%d bytes, %v", n, err)
	}
	c.SetReadDeadline(time.Now().Add(patience))
	second.SetFault(fault.Plan{})
	if _, err := c.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("a connection that was swallowed goes on after the fault: %v", err)
	}
}
