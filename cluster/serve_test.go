package cluster

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
)

// serve is a child that answers at a socket, or at $PORT if address is empty, in HTTP/1, or in both versions after "h2c:". It
// never removes its socket.
func serve(address string) {
	address, both := strings.CutPrefix(address, "h2c:")
	s := &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.ProtoMajor, " ", os.Getenv("LBDEV_SOCKET"))
	})}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetUnencryptedHTTP2(both)
	network := "unix"
	if address == "" {
		network, address = "tcp", "127.0.0.1:"+os.Getenv("PORT")
	}
	l, err := net.Listen(network, address)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false)
	}
	fmt.Fprintln(os.Stderr, s.Serve(l))
	os.Exit(1)
}
