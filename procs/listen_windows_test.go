package procs

import (
	"net"
	"slices"
	"testing"
)

// Wine runs this too, though it does not know the owners; see scripts/wine.
func TestListeningSocketsOnly(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		rows := listening()
		listens := func(a net.Addr) bool {
			return slices.ContainsFunc(rows, func(r listenRow) bool { return r.port == a.(*net.TCPAddr).Port })
		}
		if !listens(l.Addr()) {
			t.Errorf("%v has no listener on %v", rows, l.Addr())
		}
		if listens(conn.LocalAddr()) {
			t.Errorf("%v has %v, which is a connection", rows, conn.LocalAddr())
		}
	}
}
