package proxy

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"testing"
)

// Bodies of which the kernel moves most arrive whole, and the connections at both ends are used again.
func TestGlide(t *testing.T) {
	for _, size := range []int{glideFrom - 1, glideFrom + smallBuffer + 1, 2*glidePiece + 3} {
		g := newRig(t)
		data := bigData(size)
		w := g.raw(func(c net.Conn, in *bufio.Reader) {
			for {
				if _, _, err := readRequest(in); err != nil {
					return
				}
				answer(c, string(data))
			}
		})
		g.add(1, w.port)
		for i := range 3 {
			r := g.get("/")
			if sha256.Sum256([]byte(r.body)) != sha256.Sum256(data) || r.err != nil {
				t.Fatalf("size %d: %d bytes came, %v", size, len(r.body), r.err)
			}
			if a := g.access(i); a.Outcome != OK || a.Bytes != int64(size) {
				t.Errorf("%+v", a)
			}
		}
		if n := w.accepted.Load(); n != 1 {
			t.Errorf("%d connections", n)
		}
	}
}

// A worker that dies while the kernel moves its body cuts it; a client that goes away then cancels it.
func TestGlideEnds(t *testing.T) {
	const size, most = 64 << 20, 1 << 20
	for _, tt := range []struct {
		name   string
		dies   bool
		resets bool
		want   Outcome
	}{{"the worker closes", true, false, Cut}, {"the worker is reset", true, true, Cut}, {"the client leaves", false, false, Canceled}} {
		t.Run(tt.name, func(t *testing.T) {
			g := newRig(t)
			g.add(1, g.raw(func(c net.Conn, in *bufio.Reader) {
				readRequest(in)
				fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size)
				piece := make([]byte, most)
				for range size / most {
					if _, err := c.Write(piece); err != nil {
						return
					}
					if tt.resets {
						c.(*net.TCPConn).SetLinger(0)
					}
					if tt.dies {
						return
					}
				}
			}).port)
			c, in := g.talk("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			got, err := io.CopyN(io.Discard, in, most/2)
			if tt.want == Canceled {
				c.Close()
			} else if more, rest := io.Copy(io.Discard, in); got+more >= size {
				t.Errorf("%d bytes came, %v, %v", got+more, err, rest)
			}
			if a := g.access(0); a.Outcome != tt.want {
				t.Errorf("%+v", a)
			}
		})
	}
}
