package strict

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

// A message is a request as a scanner delimits it.
type message struct {
	text  []byte // what is let through
	whole bool
	fault *fault
}

// messagesOf scans a connection's bytes, size of them at once.
func messagesOf(text []byte, size int, rules *Rules) []message {
	var all []message
	s := scanner{rules: rules}
	for len(text) > 0 {
		var m message
		rest := text
		for len(rest) > 0 && m.fault == nil && !m.whole {
			var n int
			n, m.fault = s.scan(rest[:min(size, len(rest))])
			rest = rest[n:]
			m.whole = s.state == between
		}
		m.text = text[:len(text)-len(rest)]
		text = rest
		all = append(all, m)
		if m.fault != nil {
			break
		}
	}
	return all
}

// errMore says that a parser reads on where it must not.
var errMore = errors.New("there is no more")

// readByServer reads a request as net/http's server does, and returns how many bytes it has.
func readByServer(text []byte) (int, error) {
	src := bytes.NewReader(text)
	in := bufio.NewReader(io.MultiReader(src, iotest.ErrReader(errMore)))
	r, err := http.ReadRequest(in)
	if err != nil {
		return 0, err
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return 0, err
	}
	return len(text) - src.Len() - in.Buffered(), nil
}

// FuzzRequests compares how requests are delimited here with how net/http does it: what is let through net/http must take,
// and end where it ends here. What is held back because of a fault must not be missed by net/http. And how the bytes are cut
// into reads makes no difference.
func FuzzRequests(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		all := messagesOf(text, len(text), &Rules{})
		for _, size := range []int{1, 3} {
			some := messagesOf(text, size, &Rules{})
			if len(all) != len(some) {
				t.Fatalf("%d requests at once, %d in pieces of %d", len(all), len(some), size)
			}
			for i := range all {
				if n := min(len(all[i].text), len(some[i].text)); !bytes.Equal(all[i].text[:n], some[i].text[:n]) || all[i].whole != some[i].whole || (all[i].fault == nil) != (some[i].fault == nil) {
					t.Fatalf("request %d: at once %.300q %v, in pieces of %d %.300q %v", i, all[i].text, all[i].fault, size, some[i].text, some[i].fault)
				}
			}
		}
		for i, m := range all {
			n, err := readByServer(m.text)
			switch {
			case m.whole && (err != nil || n != len(m.text)):
				t.Fatalf("request %d %.300q is whole; net/http: %d, %v", i, m.text, n, err)
			case !m.whole && err == nil:
				t.Fatalf("request %d %.300q is incomplete (%v); net/http took %d", i, m.text, m.fault, n)
			}
		}
	})
}

var seeds = []string{
	"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /a?b=c HTTP/1.0\r\n\r\nGET /%41 HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nHost: b\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"GET http://a:80/b HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
	"OPTIONS * HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
	"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
	"GET / HTTP/1.1\nHost: a\n\n",
	"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
	"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1;"+strings.Repeat("x", 1000)+"\r\nx\r\n", 20) + "0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + strings.Repeat("x", 4100) + "\r\n\r\n",
}
