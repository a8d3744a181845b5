package limit

import (
	"io"
	"net"
	"testing"
	"time"
)

// copied lets a Conn of a Limiter take what comes from a socket, in whichever way it copies, and returns the far ends: where bytes
// are put in, and where they come out.
func copied(t *testing.T, l *Limiter) (in, out net.Conn, done chan error) {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := l.Listener(inner)
	defer listener.Close()
	pair := func() (far, near net.Conn) {
		far, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		near, err = listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { far.Close(); near.Close() })
		far.SetDeadline(time.Now().Add(patience))
		return far, near
	}
	in, source := pair()
	out, target := pair()
	done = make(chan error, 1)
	go func() {
		if _, err := target.Write([]byte("head")); err != nil {
			done <- err
			return
		}
		_, err := target.(io.ReaderFrom).ReadFrom(source.(*Conn).Conn)
		target.Close()
		done <- err
	}()
	return in, out, done
}

// TestCopyGoesOn: what the kernel copies may take longer than the limit, as long as the client takes it.
func TestCopyGoesOn(t *testing.T) {
	in, out, done := copied(t, &Limiter{Stall: 200 * time.Millisecond})
	go func() {
		defer in.(*net.TCPConn).CloseWrite()
		for range 10 {
			in.Write([]byte("piece"))
			time.Sleep(60 * time.Millisecond)
		}
	}()
	if _, err := io.ReadFull(out, make([]byte, len("head")+10*len("piece"))); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestCopyStalls: a client that takes nothing is not waited for by the kernel either.
func TestCopyStalls(t *testing.T) {
	in, _, done := copied(t, &Limiter{Stall: 300 * time.Millisecond})
	go func() {
		for piece := make([]byte, 64<<10); ; {
			if _, err := in.Write(piece); err != nil {
				return
			}
		}
	}()
	select {
	case err := <-done:
		if err == nil {
			t.Error("the copying ended without an error")
		}
	case <-time.After(patience):
		t.Error("the copying does not end")
	}
}
