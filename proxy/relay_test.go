package proxy

import (
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// tcpPair is a connection: both ends are closed with the test.
func tcpPair(t *testing.T) (near, far *net.TCPConn) {
	t.Helper()
	l := listenAt(t, "127.0.0.1:0")
	defer l.Close()
	far = dialFront(t, l.Addr().String())
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn), far
}

// TestCopyOn: what comes after the other side has ended may take longer than silence may.
func TestCopyOn(t *testing.T) {
	const silence = time.Second
	from, worker := tcpPair(t)
	to, client := tcpPair(t)
	from.SetReadDeadline(time.Now().Add(silence))
	go func() {
		for range 8 {
			io.WriteString(worker, "piece")
			time.Sleep(silence / 5)
		}
	}()
	n, err := copyOn(to, from, silence, never)
	if n != 40 || !wasSilent(err) {
		t.Errorf("copied %d bytes, %v", n, err)
	}
	to.Close()
	if text, _ := io.ReadAll(client); string(text) != strings.Repeat("piece", 8) {
		t.Errorf("got %q", text)
	}
	from.SetReadDeadline(time.Unix(1, 0))
	if _, err := copyOn(to, from, time.Hour, never); err == nil { // with nothing copied it stops
		t.Error("no error")
	}
}

// TestStalledWriteIsNoSilence: what was read and could not be written is lost, so the copying must not go on.
func TestStalledWriteIsNoSilence(t *testing.T) {
	to, _ := tcpPair(t)
	to.SetWriteDeadline(time.Unix(1, 0))
	_, err := to.Write([]byte("x"))
	if wasSilent(err) || wasSilent(&net.OpError{Op: "writeto", Err: err}) {
		t.Errorf("%v is taken for silence", err)
	}
}

// TestIsThere: whoever is gone is known, and so is who is not, whatever deadline has passed meanwhile.
func TestIsThere(t *testing.T) {
	for name, tt := range map[string]struct {
		does  func(far *net.TCPConn)
		there bool
	}{
		"silent": {func(*net.TCPConn) {}, true},
		"talks":  {func(far *net.TCPConn) { far.Write([]byte("x")) }, true},
		"closed": {func(far *net.TCPConn) { far.Close() }, false},
		"reset":  {func(far *net.TCPConn) { far.SetLinger(0); far.Close() }, false},
	} {
		near, far := tcpPair(t)
		near.SetReadDeadline(time.Unix(1, 0))
		tt.does(far)
		if got := isThere(near); got != tt.there {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestBrokenTLSIsNotThere: who speaks no TLS any more has lost the connection, though the one beneath it is whole.
func TestBrokenTLSIsNotThere(t *testing.T) {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	l, err := tls.Listen("tcp", "127.0.0.1:0", s.TLS)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	raw, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	client := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
	go client.Write([]byte("x"))
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if !isThere(c) {
		t.Error("it is not there while it is")
	}
	c.SetReadDeadline(time.Time{})
	raw.Write([]byte("no record of TLS"))
	if _, err := c.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Fatalf("read: %v", err)
	}
	if isThere(c) {
		t.Error("it is there")
	}
}

// TestSilentWorkerIsCut: a client that waits for the rest of an answer does not get an end in its place.
func TestSilentWorkerIsCut(t *testing.T) {
	client, far := tcpPair(t)
	sock, _ := tcpPair(t)
	b := &Backend{pool: NewPool(nil)}
	r := &pipe{client: client, worker: newConn(newUpstream(b, 1), sock), upEnded: make(chan struct{})}
	r.end(client, fromWorker, &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded})
	if _, err := far.Read(make([]byte, 1)); !isReset(err) {
		t.Errorf("the client sees %v", err)
	}
	if r.failed != fromWorker {
		t.Errorf("%v has failed", r.failed)
	}
}
