package strict

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync/atomic"
	"time"
)

const (
	// refusalPatience is how long a refusal may take to go out.
	refusalPatience = 5 * time.Second
	// linger is how long a client that was refused may go on sending. What it sends is read and dropped: closing a
	// connection with unread data resets it, and the client might lose the answer (RFC 9112 section 9.6).
	linger = time.Second
	// keptLine is how much is kept of the first line of a head that does not come in one read.
	keptLine = 256
)

// A Conn is a connection to a client that lets only requests through that keep the rules. It is for an http.Server: Read
// relies on how net/http reads. All else goes to the connection beneath.
type Conn struct {
	net.Conn
	scan  scanner
	fault *Refusal // what is wrong with what comes next; nil = nothing so far
	body  bool     // the fault is in a body
	told  bool     // the client knows of it, or the handler

	emptied bool   // an empty line was dropped before this request
	cr      bool   // the first half of one was
	line    []byte // of a head that did not come in one read, the beginning

	// After a request that asks for another protocol nothing is looked at until it is clear whether it gets it.
	undecided bool
	early     []byte // what came with that request
	unseen    int    // a byte that was read since, plus 1; 0 = none

	deadline atomic.Int64 // for reading, as the server set it; in Unix ns, 0 = none

	served   bool        // a request was complete
	parkable bool        // what is waited for now is another request, with a deadline of parkAfter
	leaving  atomic.Bool // the server was told that the client is gone; Close is to park it
}

// tlsConn is a Conn over TLS. net/http asks such a connection for what a request's TLS field says.
type tlsConn struct {
	*Conn
	tls interface{ ConnectionState() tls.ConnectionState }
}

func (c tlsConn) ConnectionState() tls.ConnectionState { return c.tls.ConnectionState() }

// Conn returns a connection that lets through what keeps the rules. If c is one of TLS, so is the result.
func (r *Rules) Conn(c net.Conn) net.Conn {
	conn := &Conn{Conn: c}
	conn.scan.rules = r
	if t, ok := c.(interface{ ConnectionState() tls.ConnectionState }); ok {
		return tlsConn{conn, t}
	}
	return conn
}

// Read reads what keeps the rules.
//
// How net/http reads matters here. While a handler runs it reads one byte ahead, to see whether the client goes away; an
// error would be taken for that. So a read of one byte never fails because of a fault: it gets a byte that completes
// nothing. Any other read comes when all answers to earlier requests are out, or for a body.
func (c *Conn) Read(p []byte) (int, error) {
	c.lookAtUnseen()
	for {
		switch {
		case c.fault != nil:
			return c.refuse(p)
		case c.undecided && len(p) == 1:
			return c.readUnseen(p)
		case c.scan.state == inPreface:
			if err := c.readPreface(); err != nil {
				return 0, err
			}
			continue
		}
		c.undecided = false
		n, err := c.fill(p)
		passed := c.look(p[:n])
		switch {
		case c.fault != nil && passed > 0:
			return passed, nil
		case c.fault != nil:
			continue
		case n == 0 && len(p) > 1:
			return 0, c.explain(err)
		case passed > 0 || err != nil:
			return passed, err
		}
	}
}

// fill reads without looking.
func (c *Conn) fill(p []byte) (int, error) {
	if len(c.early) > 0 {
		n := copy(p, c.early)
		c.early = c.early[n:]
		return n, nil
	}
	if timeout := c.scan.rules.bodyTimeout(); timeout > 0 && c.scan.afterHead() {
		c.limitBody(timeout)
	}
	return c.Conn.Read(p)
}

// limitBody sets a deadline for the next read, unless the server has set one, perhaps at this moment.
func (c *Conn) limitBody(timeout time.Duration) {
	if c.deadline.Load() != 0 {
		return
	}
	c.Conn.SetReadDeadline(time.Now().Add(timeout))
	if d := c.deadline.Load(); d != 0 {
		c.Conn.SetReadDeadline(time.Unix(0, d))
	}
}

// SetReadDeadline implements net.Conn. With one in the future between two requests the server begins to wait for another one:
// for no longer than parkAfter.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.note(t)
	if c.scan.rules.Lot != nil && !t.IsZero() {
		if park := time.Now().Add(parkAfter); t.After(park) {
			if c.parkable = c.served && c.scan.state == between; c.parkable {
				t = park
			}
		}
	}
	return c.Conn.SetReadDeadline(t)
}

// Close implements net.Conn.
func (c *Conn) Close() error {
	rules := c.scan.rules
	if c.leaving.Swap(false) && rules.Lot.park(c.Conn, rules, time.Unix(0, c.deadline.Load())) {
		return nil
	}
	return c.Conn.Close()
}

// SetDeadline implements net.Conn.
func (c *Conn) SetDeadline(t time.Time) error {
	c.note(t)
	return c.Conn.SetDeadline(t)
}

func (c *Conn) note(t time.Time) {
	if t.IsZero() {
		c.deadline.Store(0)
	} else {
		c.deadline.Store(t.UnixNano())
	}
}

// look looks at what was read and returns how much of it is let through. It may have moved the bytes: empty lines before a
// request are taken out.
func (c *Conn) look(p []byte) int {
	begin := -1 // where the request begins that is being looked at; -1 = in an earlier read
	for i := 0; i < len(p); {
		if c.scan.state == between {
			if skip := c.skipEmptyLine(p[i:]); skip > 0 {
				p = append(p[:i], p[i+skip:]...)
				continue
			}
			if c.fault != nil {
				return i
			}
			begin = i
		}
		n, f := c.scan.scan(p[i:])
		i += n
		if f != nil {
			c.found(f, p, begin)
			return i
		}
		switch c.scan.state {
		case inPreface:
			c.early = slices.Clone(p[i:])
			return i
		case between:
			c.emptied, c.served = false, true
			c.line = c.line[:0]
			if c.scan.upgrade {
				c.undecided = true
				c.early = slices.Clone(p[i:])
				return i
			}
		}
	}
	if c.scan.inHead() {
		c.keepLine(p, begin)
	}
	return len(p)
}

// readPreface waits for the end of HTTP/2's preface. What follows it is not looked at, and its beginning alone would be a
// whole request to net/http: so it is let through only when it is complete.
func (c *Conn) readPreface() error {
	for {
		n := min(len(c.early), len(prefaceEnd))
		if string(c.early[:n]) != prefaceEnd[:n] {
			c.found(faultPreface, c.early, -1)
			return nil
		}
		if n == len(prefaceEnd) {
			c.scan.state = opaque
			return nil
		}
		var more [len(prefaceEnd)]byte
		n, err := c.Conn.Read(more[:])
		c.early = append(c.early, more[:n]...)
		if err != nil {
			return err
		}
	}
}

// skipEmptyLine returns how many bytes there are of an empty line before a request. RFC 9112 section 2.2 asks to ignore
// at least one, for clients that send one after a body.
func (c *Conn) skipEmptyLine(p []byte) int {
	switch {
	case c.cr && p[0] == '\n':
		c.cr = false
		return 1
	case c.cr:
		c.found(faultCR, p, 0)
	case p[0] == '\r' && c.emptied:
		c.found(faultEmptyLines, p, 0)
	case p[0] == '\r':
		c.cr, c.emptied = true, true
		return 1
	}
	return 0
}

// keepLine keeps the first line of a head of which more is to come.
func (c *Conn) keepLine(p []byte, begin int) {
	if begin >= 0 {
		c.line = c.line[:0]
		p = p[begin:]
	}
	if room := keptLine - len(c.line); room > 0 {
		c.line = append(c.line, p[:min(room, len(p))]...)
	}
}

// found notes what is wrong with a request.
func (c *Conn) found(f *fault, p []byte, begin int) {
	c.fault = &Refusal{Start: time.Now(), Client: c.RemoteAddr().String(), Status: f.status, Reason: f.reason}
	if c.body = f.body; !c.body {
		c.keepLine(p, begin)
		c.fault.describe(c.line)
	}
}

// explain turns the end of a deadline into a refusal where a request is incomplete.
func (c *Conn) explain(err error) error {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	switch {
	case c.parkable && c.scan.state == between:
		c.leaving.Store(true)
		return io.EOF
	case c.scan.inHead():
		c.found(faultSlowHead, nil, -1)
	case c.scan.afterHead() && c.deadline.Load() == 0:
		c.found(faultSlowBody, nil, -1)
	default:
		return err
	}
	_, err = c.refuse(nil)
	return err
}

// refuse ends the connection's requests. p is room that may be used.
func (c *Conn) refuse(p []byte) (int, error) {
	if len(p) == 1 {
		p[0] = 'x' // see Read
		return 1, nil
	}
	told := c.told
	c.told = true
	if c.body && !told {
		return 0, c.fault
	}
	if !told {
		c.answer(p)
	}
	// net/http writes nothing after such an error.
	return 0, &net.OpError{Op: "read", Net: "tcp", Err: c.fault}
}

// answer gives the client the refusal and the time to read it.
func (c *Conn) answer(p []byte) {
	if told := c.scan.rules.OnRefuse; told != nil {
		told(c.fault)
	}
	c.Conn.SetDeadline(time.Now().Add(refusalPatience))
	if _, err := c.Conn.Write(c.fault.response()); err != nil {
		return
	}
	if c.CloseWrite() != nil {
		return
	}
	if len(p) == 0 {
		p = make([]byte, 512)
	}
	c.Conn.SetReadDeadline(time.Now().Add(linger))
	for {
		if _, err := c.Conn.Read(p); err != nil {
			return
		}
	}
}

// CloseWrite ends what goes to the client.
func (c *Conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// NetConn is what lies beneath.
func (c *Conn) NetConn() net.Conn { return c.Conn }

// ReadFrom implements io.ReaderFrom, so that what comes from a socket or a file need not be copied.
func (c *Conn) ReadFrom(r io.Reader) (int64, error) { return io.Copy(c.Conn, r) }

// readUnseen reads the one byte that comes after a request for another protocol, before it is clear what it is.
func (c *Conn) readUnseen(p []byte) (int, error) {
	n, err := c.fill(p)
	if n > 0 {
		c.undecided = false
		c.unseen = int(p[0]) + 1
	}
	return n, err
}

// lookAtUnseen looks at that byte, as there is a read after it: the request did not get its protocol. It must begin another
// one. An empty line cannot be taken out any more.
func (c *Conn) lookAtUnseen() {
	if c.unseen == 0 {
		return
	}
	p := []byte{byte(c.unseen - 1)}
	c.unseen = 0
	if _, f := c.scan.scan(p); f != nil {
		c.found(f, p, 0)
		return
	}
	c.keepLine(p, 0)
}

// Hijacked returns what is beneath, for a handler that has taken the connection over, and what was read of it. The Conn must
// not be used any more.
func (c *Conn) Hijacked() (early []byte, beneath net.Conn) { return c.early, c.Conn }
