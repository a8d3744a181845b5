package proxy

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func parseAll(text []byte, oneByOne bool) (*head, []byte, []field, error) {
	var src io.Reader = bytes.NewReader(text)
	if oneByOne {
		src = iotest.OneByteReader(src)
	}
	in := newReader(src)
	defer in.reset()
	var h head
	if err := h.readHead(&in); err != nil {
		return nil, nil, nil, err
	}
	var b body
	b.of(&h, "GET", &in)
	var all []byte
	for {
		piece, err := b.next()
		all = append(all, piece...)
		if err == io.EOF {
			return &h, all, b.trailer, nil
		}
		if err != nil {
			return &h, all, nil, err
		}
	}
}

// FuzzResponse compares our reading with net/http's, which is less strict: whatever we take, it takes too, and reads the
// same. And how the bytes are cut into reads makes no difference.
func FuzzResponse(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.0 200 OK\r\n\r\nhello",
		"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
		"HTTP/1.1 204 No Content\r\nX: y\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
		"HTTP/1.1 200\r\nConnection: close, X\r\nKeep-Alive: timeout=7\r\nX: 1\r\n\r\nbody",
		"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		h, all, trailer, err := parseAll(text, false)
		_, all1, trailer1, err1 := parseAll(text, true)
		if (err == nil) != (err1 == nil) || !bytes.Equal(all, all1) || !slices.Equal(trailer, trailer1) {
			t.Fatalf("in one read: %q %v %v; byte by byte: %q %v %v", all, trailer, err, all1, trailer1, err1)
		}
		if err != nil || h.status < 200 {
			return
		}
		resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(text)), &http.Request{Method: "GET"})
		if err != nil {
			t.Fatalf("net/http does not read it: %v", err)
		}
		theirs, err := io.ReadAll(resp.Body)
		if err != nil && !strings.Contains(err.Error(), "trailer") || resp.StatusCode != h.status || !bytes.Equal(theirs, all) {
			t.Fatalf("%d %q; net/http: %d %q %v", h.status, all, resp.StatusCode, theirs, err)
		}
	})
}

func TestChunks(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	for text, want := range map[string]string{
		"0\r\n\r\n":                            "",
		"5\r\nhello\r\n0\r\n\r\n":              "hello",
		"00005 ;x=\"y\"\r\nhello\r\n0\r\n\r\n": "hello",
		"5\r\nhello\r\n0\r\nX: y\r\n\r\n":      "hello",
		"5\nhello\r\n0\r\n\r\n":                "!",
		"5\r\nhello\n0\r\n\r\n":                "!",
		"5\r\nhello!\r\n0\r\n\r\n":             "!",
		"0x5\r\nhello\r\n0\r\n\r\n":            "!",
		"+5\r\nhello\r\n0\r\n\r\n":             "!",
		" 5\r\nhello\r\n0\r\n\r\n":             "!",
		"5 6\r\nhello\r\n0\r\n\r\n":            "!",
		"-1\r\nhello\r\n0\r\n\r\n":             "!",
		"\r\nhello\r\n0\r\n\r\n":               "!",
		"5;a\rb\r\nhello\r\n0\r\n\r\n":         "!",
		"8000000000000000\r\nhello":            "!",
		"0\r\n X: y\r\n\r\n":                   "!",
		"5;" + strings.Repeat("x", maxChunkLine) + "\r\nhello\r\n0\r\n\r\n":           "!",
		"0\r\n" + strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 40) + "\r\n": "!",
		"5\r\nhel":            "?",
		"5\r\nhello\r\n":      "?",
		"5\r\nhello\r\n0\r\n": "?",
	} {
		_, all, _, err := parseAll([]byte(head+text), false)
		switch want {
		case "!":
			if !errors.Is(err, errNonsense) {
				t.Errorf("%.40q: %q, %v", text, all, err)
			}
		case "?":
			if err != io.ErrUnexpectedEOF {
				t.Errorf("%.40q: %q, %v", text, all, err)
			}
		default:
			if err != nil || string(all) != want {
				t.Errorf("%.40q: %q, %v", text, all, err)
			}
		}
	}
}

func TestKeepAliveTicks(t *testing.T) {
	for value, want := range map[string]int64{
		"timeout=5": 80, "timeout=5, max=100": 80, "max=3,Timeout=2": 20, "timeout=1": 0, "timeout=0": 0, "timeout=-7": 0,
		"timeout=100000": 1200, "": idleTicks, "timeout=x": idleTicks,
	} {
		if got := keepAliveTicks(value); got != want {
			t.Errorf("%q: %d, want %d", value, got, want)
		}
	}
}
