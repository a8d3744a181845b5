package proxy

import (
	"net"
	"net/http"
	"slices"
	"time"
)

// halfClosed is how long one side of a tunnel may be silent when the other has ended.
const halfClosed = 30 * time.Second

// A tunnel is a connection that has changed its protocol (101). Bytes go both ways until both have ended.
type tunnel struct {
	client  net.Conn
	early   []byte // what was read of the client before
	worker  *conn
	down    int64 // bytes to the client
	upEnded chan struct{}
}

// tunnel answers with 101 and copies both ways until the end.
func (x *exchange) tunnel(way line, a *Attempt) loss {
	c, ok := way.(*conn)
	if x.upgrade == "" || !ok {
		err := nonsense("it changed the protocol unasked")
		return loss{stage: sent, result: ResultNonsense, err: err}
	}
	if !c.claim() {
		return lossByPause
	}
	c.waiting.Store(false)
	client, rw, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		return loss{stage: gone, err: err}
	}
	client.SetDeadline(time.Time{}) // the server's limits were for the request's head
	a.Result = "101"
	x.head.close = true // never to be used again
	x.credit(c.up, http.StatusSwitchingProtocols)
	x.record.Outcome = x.success()
	x.way, x.streaming = c, true
	x.proxy.streams.add(x, true)
	defer x.unstream()
	t := &tunnel{client: client, worker: c, upEnded: make(chan struct{})}
	first, _ := rw.Reader.Peek(rw.Reader.Buffered())
	t.early = slices.Clone(first)
	if strict, ok := client.(interface{ Hijacked() ([]byte, net.Conn) }); ok {
		var more []byte
		more, t.client = strict.Hijacked()
		t.early = append(t.early, more...)
	}
	if _, err := client.Write(x.switchingHead(c.up)); err == nil {
		t.run()
	}
	client.Close()
	x.written = t.down
	return loss{}
}

// switchingHead is the 101 for the client, whose hop-by-hop fields are ours.
func (x *exchange) switchingHead(up *upstream) []byte {
	h := x.w.Header()
	x.copyFields(h)
	x.bind(h, up)
	h["X-Lbdev-Worker"] = up.label
	if text := x.attempts(); text != "" {
		h["X-Lbdev-Attempts"] = []string{text}
	}
	buf := []byte("HTTP/1.1 101 Switching Protocols")
	for name, values := range h {
		for _, v := range values {
			buf = appendField(buf, name, v)
		}
	}
	buf = appendField(buf, "Connection", "Upgrade")
	buf = appendField(buf, "Upgrade", x.head.upgrade)
	return append(buf, "\r\n\r\n"...)
}

// run copies both ways and returns when both have ended.
func (t *tunnel) run() {
	go t.up()
	n, err := t.client.Write(t.worker.in.buffered())
	t.down = int64(n)
	if err == nil {
		var more int64
		more, err = copyOn(t.client, t.worker.sock, halfClosed, never)
		t.down += more
	}
	t.end(t.client, err)
	<-t.upEnded
}

// up is the goroutine that copies from the client to the worker; run waits for it.
func (t *tunnel) up() {
	defer close(t.upEnded)
	_, err := t.worker.sock.Write(t.early)
	if err == nil {
		_, err = copyOn(t.worker.sock, t.client, halfClosed, never)
	}
	t.end(t.worker.sock, err)
}

// end passes the end of what goes to one side on to it. That side may still send, as long as it is not silent for too long;
// after an error there is nothing to wait for.
func (t *tunnel) end(to net.Conn, err error) {
	half, ok := to.(interface{ CloseWrite() error })
	if err != nil || !ok || half.CloseWrite() != nil {
		t.client.Close()
		t.worker.abort()
		return
	}
	to.SetReadDeadline(time.Now().Add(halfClosed))
}
