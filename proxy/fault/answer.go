package fault

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"sync"
)

// Header marks an answer that was made by a fault; its value is the kind.
const Header = "X-Lbdev-Fault"

// answer serves what comes over a connection with a status, in HTTP/1 or in HTTP/2 with prior knowledge, until it is closed.
func answer(c net.Conn, status int) {
	closed := make(chan struct{})
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := http.Server{
		Handler:                      broken(status),
		Protocols:                    &protocols,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     log.New(io.Discard, "", 0),
	}
	server.Serve(&single{conn: &told{Conn: c, closed: closed}}) // its one error is io.EOF; the connection goes on
	<-closed
}

// broken is an app that answers every request with an error.
type broken int

func (status broken) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body) // as an app mostly does, so that the client's connection lives on
	text := fmt.Sprintf("%d %s\n\nlbdev made this error: a fault was set for this worker.\n", status, http.StatusText(int(status)))
	h := w.Header()
	h.Set(Header, string(KindErrors))
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(int(status))
	io.WriteString(w, text)
}

// A single listener accepts one connection.
type single struct {
	conn net.Conn
	done bool
}

func (l *single) Accept() (net.Conn, error) {
	if l.done {
		return nil, io.EOF
	}
	l.done = true
	return l.conn, nil
}

func (l *single) Close() error   { return nil }
func (l *single) Addr() net.Addr { return l.conn.LocalAddr() }

// A told connection tells that it was closed.
type told struct {
	net.Conn
	once   sync.Once
	closed chan struct{}
}

func (c *told) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { close(c.closed) })
	return err
}
