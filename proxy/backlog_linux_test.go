package proxy

import (
	"bufio"
	"io"
	"net"
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

// TestHeldLeaveGradually: those who were held don't overrun a worker that has a short listen queue and is slow to accept.
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
	if late > held/10 { // a busy machine may keep the worker from accepting
		t.Errorf("%d of %d found the listen queue full", late, held)
	}
}
