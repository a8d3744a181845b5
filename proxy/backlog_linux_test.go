package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// listenShort listens with a queue of a few connections, as Python's socketserver does.
func listenShort(t *testing.T, backlog int) net.Listener {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, backlog); err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "listener")
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// A slowListener starts a thread for each connection, and does not hurry.
type slowListener struct{ net.Listener }

func (l slowListener) Accept() (net.Conn, error) {
	time.Sleep(300 * time.Microsecond)
	return l.Listener.Accept()
}

// TestHeldLeaveGradually: those who were held don't overrun a worker that has a short listen queue and is slow to accept. (What
// TestPaceOfTheHeld says of the pace, seen from outside.)
func TestHeldLeaveGradually(t *testing.T) {
	g := newRig(t)
	l := listenShort(t, 10)
	b := g.pool.Add(1, portOf(l))
	b.Set(Coming, 1)
	const held = 100
	var clients sync.WaitGroup
	for range held {
		clients.Go(func() {
			if r := g.get("/"); r.status != 200 {
				t.Errorf("%+v", r)
			}
		})
	}
	eventually(t, "all are held", func() bool { return g.queued() == held })
	g.rawOn(slowListener{l}, func(c net.Conn, in *bufio.Reader) {
		if _, _, err := readRequest(in); err == nil {
			io.WriteString(c, "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	b.Set(Ready, 1)
	clients.Wait()
	late := 0
	for i := range held {
		if a := g.access(i); a.Attempts[len(a.Attempts)-1].Connect > 900*time.Millisecond || len(a.Attempts) > 1 {
			late++
		}
	}
	// All at once it would be 89. A busy machine may keep the worker from accepting for a while, and one more goes every 5 ms.
	if late > held/2 {
		t.Errorf("%d of %d found the listen queue full", late, held)
	}
}

// TestFullQueue: a worker whose listen queue is full is left for another one before Linux would send the next SYN, after 1 s.
func TestFullQueue(t *testing.T) {
	g := newRig(t)
	full := listenShort(t, 0)
	defer full.Close()
	for {
		c, err := net.DialTimeout("tcp", full.Addr().String(), 50*time.Millisecond)
		if err != nil {
			break
		}
		defer c.Close()
	}
	g.add(1, portOf(full))
	g.serve(2, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
	best := time.Hour
	for range 4 { // a busy machine may be late, but not each time
		if r := g.get("/"); r.status != 200 {
			t.Fatalf("%+v", r)
		}
	}
	for i := range 4 {
		if a := g.access(i).Attempts; len(a) == 2 && a[0].Result == ResultTimeout {
			best = min(best, a[0].Total)
		}
	}
	if best > 900*time.Millisecond {
		t.Errorf("left after %v", best)
	}
}
