package strict

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"
)

// A scripted connection gives out its text in pieces and forgets what is written to it.
type scripted struct {
	text []byte
	cuts []byte // how much each read gets at most; then all
}

func (s *scripted) Read(p []byte) (int, error) {
	if len(s.text) == 0 {
		return 0, io.EOF
	}
	n := len(s.text)
	if len(s.cuts) > 0 {
		n, s.cuts = int(s.cuts[0])+1, s.cuts[1:]
	}
	n = copy(p, s.text[:min(n, len(s.text))])
	s.text = s.text[n:]
	return n, nil
}

func (s *scripted) Write(p []byte) (int, error)      { return len(p), nil }
func (s *scripted) Close() error                     { return nil }
func (s *scripted) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (s *scripted) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (s *scripted) SetDeadline(time.Time) error      { return nil }
func (s *scripted) SetReadDeadline(time.Time) error  { return nil }
func (s *scripted) SetWriteDeadline(time.Time) error { return nil }

// passed is what a server gets of a text, and what is wrong with the rest.
func passed(text, cuts []byte) ([]byte, *Refusal) {
	c := (&Rules{HTTP2: true}).Conn(&scripted{bytes.Clone(text), cuts}).(*Conn)
	var all []byte
	p := make([]byte, 512)
	for {
		n, err := c.Read(p)
		all = append(all, p[:n]...)
		if err != nil {
			return all, c.fault
		}
	}
}

// FuzzConn: how the bytes are cut into reads makes no difference to what a server gets, with all that a Conn adds to its
// scanner: empty lines, upgrades, HTTP/2.
func FuzzConn(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed), []byte{0, 1, 2, 3, 20})
		f.Add([]byte("\r\n"+seed+"\r\n"+seed), []byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	}
	f.Fuzz(func(t *testing.T, text, cuts []byte) {
		all, fault := passed(text, nil)
		some, cutFault := passed(text, cuts)
		switch n := min(len(all), len(some)); {
		case (fault == nil) != (cutFault == nil), !bytes.Equal(all[:n], some[:n]):
			t.Fatalf("at once %q, %v; cut at %v %q, %v", all, fault, cuts, some, cutFault)
		case fault == nil && len(all) != len(some):
			t.Fatalf("at once %q, cut at %v %q", all, cuts, some)
		}
	})
}
