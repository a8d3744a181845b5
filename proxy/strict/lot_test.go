package strict

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// openLot is open with a lot.
func openLot(t *testing.T, idle time.Duration, handler http.HandlerFunc) (*house, *Lot) {
	t.Helper()
	lot := NewLot(&net.TCPAddr{})
	var server *http.Server
	h := open(t, &Rules{Lot: lot}, handler, func(s *http.Server) {
		s.IdleTimeout, s.ReadHeaderTimeout = idle, patience
		server = s
	})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		server.Serve(lot)
	}()
	t.Cleanup(func() {
		server.Close()
		<-ended
		if n := lot.Len(); n > 0 {
			t.Errorf("%d are still parked", n)
		}
	})
	return h, lot
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

// ask sends a request and returns its status; 0 = the connection is closed.
func ask(c net.Conn, in *bufio.Reader, text string) int {
	io.WriteString(c, text)
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		return 0
	}
	io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// TestLot: a connection is parked again and again, and its client does not notice.
func TestLot(t *testing.T) {
	t.Parallel()
	h, lot := openLot(t, patience, echo)
	c := h.dial()
	in := bufio.NewReader(c)
	for _, text := range []string{get, post, "\r\n" + get, get} {
		if got := ask(c, in, text); got != 200 {
			t.Fatalf("%q: %d", text, got)
		}
		eventually(t, "the connection being parked", func() bool { return lot.Len() == 1 })
	}
	io.WriteString(c, "G")
	eventually(t, "the connection being back", func() bool { return lot.Len() == 0 })
	time.Sleep(parkAfter + parkAfter/2) // with a part of a head nothing is idle
	if got := ask(c, in, get[1:]); got != 200 {
		t.Fatalf("a slow head: %d", got)
	}
	eventually(t, "the connection being parked", func() bool { return lot.Len() == 1 })
	if got := ask(c, in, "PRI * HTTP/2.0"+prefaceEnd); got != 505 {
		t.Errorf("HTTP/2 in the middle: %d", got)
	}
	if all := h.refusals(); len(all) != 1 || all[0].Method != "PRI" {
		t.Errorf("refusals: %+v", all)
	}
}

// TestLotTimes: the server's idle timeout holds, a connection without a request is not parked, nor one whose handler runs.
func TestLotTimes(t *testing.T) {
	t.Parallel()
	h, lot := openLot(t, 2*parkAfter, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/x" {
			return
		}
		time.Sleep(parkAfter + parkAfter/2)
	})
	fresh, idle, slow := h.dial(), h.dial(), h.dial()
	idleIn := bufio.NewReader(idle)
	if got := ask(idle, idleIn, get); got != 200 {
		t.Fatalf("got %d", got)
	}
	began := time.Now()
	over := make(chan int, 1)
	go func() { over <- ask(slow, bufio.NewReader(slow), post) }()
	eventually(t, "the idle one being parked", func() bool { return lot.Len() > 0 })
	if got := <-over; got != 200 {
		t.Errorf("the one with a handler got %d", got)
	}
	if _, err := idleIn.ReadByte(); err != io.EOF {
		t.Errorf("the idle one ended with %v", err)
	}
	if took := time.Since(began); took < 3*parkAfter/2 {
		t.Errorf("the idle one was closed after %v", took)
	}
	if got := ask(fresh, bufio.NewReader(fresh), get); got != 200 {
		t.Errorf("the one without a request got %d", got)
	}
}

// TestLotEnds: the end of the server closes what is parked, also when the client is gone already.
func TestLotEnds(t *testing.T) {
	t.Parallel()
	h, lot := openLot(t, patience, echo)
	var all []net.Conn
	for range 20 {
		c := h.dial()
		if got := ask(c, bufio.NewReader(c), get); got != 200 {
			t.Fatalf("got %d", got)
		}
		all = append(all, c)
	}
	eventually(t, "all being parked", func() bool { return lot.Len() == 20 })
	for _, c := range all[:10] {
		c.Close()
	}
	eventually(t, "those that were closed being forgotten", func() bool { return lot.Len() == 10 })
	lot.Close()
	for _, c := range all[10:] {
		if _, err := c.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("ended with %v", err)
		}
	}
}
