package fault

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds everything that tests wait for.
const patience = 30 * time.Second

// A scene is a worker and a fault of it.
type scene struct {
	t        *testing.T
	listener *net.TCPListener
	live     *Live
}

// newScene has a worker that serves each connection with serve.
func newScene(t *testing.T, plan string, serve func(*net.TCPConn)) *scene {
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		for {
			c, err := l.AcceptTCP()
			if err != nil {
				return
			}
			c.SetDeadline(time.Now().Add(patience))
			serve(c)
			c.Close()
		}
	}()
	s := &scene{t, l, Begin(mustParse(t, plan), 1)}
	t.Cleanup(func() {
		s.live.End()
		l.Close()
		<-over
	})
	return s
}

// meet returns the caller's end.
func (s *scene) meet() *StandIn {
	s.t.Helper()
	c, err := s.live.Meet(s.dial)
	if err != nil || c == nil {
		s.t.Fatalf("met %v, %v", c, err)
	}
	c.SetDeadline(time.Now().Add(patience))
	s.t.Cleanup(func() { c.Close() })
	return c
}

func (s *scene) dial(ctx context.Context) (Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", s.listener.Addr().String())
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

// echo sends back what it gets, and its end.
func echo(c *net.TCPConn) {
	io.Copy(c, c)
	c.CloseWrite()
}

// send sends something and waits until the request is in a phase.
func (s *scene) send(c *StandIn, until phase) {
	s.t.Helper()
	if _, err := io.WriteString(c, "hello"); err != nil {
		s.t.Fatal(err)
	}
	for end := time.Now().Add(patience); c.phase.Load() != until; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("the request is in phase %d, want %d", c.phase.Load(), until)
		}
	}
}

// ending is what is read up to the end, and how that came.
func ending(c io.Reader) (string, error) {
	text, err := io.ReadAll(c)
	return string(text), err
}

func isReset(err error) bool {
	const wsaConnReset = syscall.Errno(10054)
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, wsaConnReset)
}

// isLost says whether a connection ended without an answer. Windows may show an end where others show a reset.
func isLost(text string, err error) bool { return text == "" && (err == nil || isReset(err)) }

// TestLatencyDelays: bytes reach the worker late, and both ways, with both ends.
func TestLatencyDelays(t *testing.T) {
	s := newScene(t, "latency=60ms±10ms", echo)
	start := time.Now()
	c := s.meet()
	io.WriteString(c, "hello")
	c.CloseWrite()
	text, err := ending(c)
	if took := time.Since(start); text != "hello" || err != nil || took < 50*ms {
		t.Errorf("%q, %v after %v", text, err, took)
	}
	if c.Kind != KindLatency || !c.Reached() {
		t.Errorf("kind %s, reached %v", c.Kind, c.Reached())
	}
}

// TestLatencyEndsWithItsFault: who waits goes on.
func TestLatencyEndsWithItsFault(t *testing.T) {
	s := newScene(t, "latency=1h reset=50% blackhole=50%", echo)
	c := s.meet()
	io.WriteString(c, "hello")
	c.CloseWrite()
	s.live.End()
	if text, err := ending(c); text != "hello" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if c, err := s.live.Meet(s.dial); c != nil || err != nil {
		t.Errorf("a fault that is over gave %v, %v", c, err)
	}
}

// TestGivesBackWhatTheWorkerDoesNotHave: when the worker dies or is frozen, who still waits for it can go elsewhere.
func TestGivesBackWhatTheWorkerDoesNotHave(t *testing.T) {
	for name, give := range map[string]func(*Live){"sever": (*Live).Sever, "recall": (*Live).Recall} {
		s := newScene(t, "latency=1h", echo)
		c := s.meet()
		s.send(c, waiting)
		give(s.live)
		if text, err := ending(c); !isLost(text, err) || c.Reached() {
			t.Errorf("%s: %q, %v, reached %v", name, text, err, c.Reached())
		}
	}
}

// TestDeadWorkerHasNothing: nobody listens when the delay is over.
func TestDeadWorkerHasNothing(t *testing.T) {
	s := newScene(t, "latency=1ms", echo)
	s.listener.Close()
	c := s.meet()
	if _, err := ending(c); !isReset(err) || c.Reached() {
		t.Errorf("%v, reached %v", err, c.Reached())
	}
}

// TestLeavesNothingBehind leaves in each phase; goleak sees whether a goroutine stays.
func TestLeavesNothingBehind(t *testing.T) {
	for plan, phase := range map[string]phase{"latency=1h": waiting, "blackhole=100%": swallowed, "errors=503": passed, "reset=100%": passed, "bandwidth=1B/s": passed} {
		s := newScene(t, plan, func(c *net.TCPConn) { io.Copy(c, c) })
		c := s.meet()
		if phase == passed {
			for c.phase.Load() != passed {
				time.Sleep(time.Millisecond)
			}
		} else {
			s.send(c, phase)
		}
		c.Close()
		c.Close()
	}
}

func TestBlackholeSwallows(t *testing.T) {
	s := newScene(t, "blackhole=100%", func(*net.TCPConn) { t.Error("the worker was reached") })
	c := s.meet()
	s.send(c, swallowed)
	io.WriteString(c, strings.Repeat("x", 8<<20)) // more than sockets buffer: it is taken
	c.SetReadDeadline(time.Now().Add(20 * ms))
	if _, err := c.Read(make([]byte, 1)); !isTimeout(err) {
		t.Errorf("an answer: %v", err)
	}
	c.SetReadDeadline(time.Now().Add(patience))
	s.live.Recall() // is for what the worker does not have
	s.live.Sever()
	if text, err := ending(c); !isLost(text, err) || !c.Reached() {
		t.Errorf("with the worker's death: %q, %v, reached %v", text, err, c.Reached())
	}
	c = s.meet()
	s.send(c, swallowed)
	c.CloseWrite()
	s.live.End()
	if text, err := ending(c); !isLost(text, err) || c.Reached() {
		t.Errorf("with the fault's end: %q, %v, reached %v", text, err, c.Reached())
	}
}

func isTimeout(err error) bool {
	ne, ok := errors.AsType[net.Error](err)
	return ok && ne.Timeout()
}

func TestResetResetsARequest(t *testing.T) {
	s := newScene(t, "reset=100%", func(*net.TCPConn) { t.Error("the worker was reached") })
	c := s.meet()
	c.SetReadDeadline(time.Now().Add(20 * ms))
	if _, err := c.Read(make([]byte, 1)); !isTimeout(err) {
		t.Errorf("before the request: %v", err)
	}
	c.SetReadDeadline(time.Now().Add(patience))
	io.WriteString(c, "hello")
	if _, err := ending(c); !isReset(err) || !c.Reached() {
		t.Errorf("%v, reached %v", err, c.Reached())
	}
}

func TestRefuses(t *testing.T) {
	s := newScene(t, "refuse=100% latency=1h", echo)
	if c, err := s.live.Meet(s.dial); c != nil || !errors.Is(err, ErrRefused) {
		t.Errorf("%v, %v", c, err)
	}
}

// TestErrorsInBothProtocols: a request with a body gets an answer that is marked, over HTTP/1.1 and over HTTP/2.
func TestErrorsInBothProtocols(t *testing.T) {
	s := newScene(t, "errors=503", func(*net.TCPConn) { t.Error("the worker was reached") })
	for _, version := range []int{1, 2} {
		tr := &http.Transport{
			DialContext: func(context.Context, string, string) (net.Conn, error) { return s.meet(), nil },
			Protocols:   new(http.Protocols),
		}
		tr.Protocols.SetHTTP1(version == 1)
		tr.Protocols.SetUnencryptedHTTP2(version == 2)
		r, _ := http.NewRequest("POST", "http://worker/", strings.NewReader("a=b"))
		resp, err := tr.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := ending(resp.Body)
		if resp.StatusCode != 503 || resp.ProtoMajor != version || resp.Header.Get(Header) != "errors" || !strings.HasPrefix(text, "503 Service Unavailable\n") {
			t.Errorf("HTTP/%d: %d, %v, %q", version, resp.StatusCode, resp.Header, text)
		}
		resp.Body.Close()
		tr.CloseIdleConnections()
	}
}

// TestBandwidthIsShared: 30 kB each way over two connections at 200 kB/s.
func TestBandwidthIsShared(t *testing.T) {
	s := newScene(t, "bandwidth=200kB/s", echo)
	text := strings.Repeat("0123456789", 1500)
	start := time.Now()
	for range 2 {
		c := s.meet()
		go func() {
			io.WriteString(c, text)
			c.CloseWrite()
		}()
		if got, err := ending(c); got != text || err != nil {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	}
	if took := time.Since(start); took < 150*ms {
		t.Errorf("30 kB passed in %v", took)
	}
}

// TestBandwidthEndsWithItsFault: the rest comes at full speed.
func TestBandwidthEndsWithItsFault(t *testing.T) {
	text := strings.Repeat("x", 4<<20)
	s := newScene(t, "bandwidth=10B/s", func(c *net.TCPConn) { io.WriteString(c, text) })
	c := s.meet()
	in := bufio.NewReader(c)
	if b, err := in.ReadByte(); b != 'x' || err != nil {
		t.Fatalf("%q, %v", b, err)
	}
	s.live.End()
	if n, err := io.Copy(io.Discard, in); n != int64(len(text))-1 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// TestWorkersEndIsTheCallers: that the worker closes, or dies, is seen as it is.
func TestWorkersEndIsTheCallers(t *testing.T) {
	for _, plan := range []string{"latency=1ms", "bandwidth=1MB/s"} {
		read := make(chan bool)
		s := newScene(t, plan, func(c *net.TCPConn) {
			b := make([]byte, 5)
			io.ReadFull(c, b)
			io.WriteString(c, "half")
			<-read // a reset may overtake what was sent
			if string(b) == "reset" {
				reset(c)
			}
		})
		for _, how := range []string{"close", "reset"} {
			c := s.meet()
			io.WriteString(c, how)
			half := make([]byte, 4)
			if _, err := io.ReadFull(c, half); err != nil || string(half) != "half" {
				t.Errorf("%s, %s: %q, %v", plan, how, half, err)
			}
			read <- true
			if text, err := ending(c); text != "" || isReset(err) != (how == "reset") {
				t.Errorf("%s, %s: then %q, %v", plan, how, text, err)
			}
		}
	}
}
