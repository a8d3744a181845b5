package misbehave

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"strconv"
	"strings"
)

// serveTape listens on PORT and answers each request with the request itself, byte for byte, so that a client sees what a
// front made of what it sent. It reads only what fronts should send: lines with CRLF, a Content-Length or chunks.
func serveTape([]string) {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port()))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for {
		c, err := l.Accept()
		if err != nil {
			os.Exit(1)
		}
		go tape(c)
	}
}

func tape(c net.Conn) {
	defer c.Close()
	in := bufio.NewReaderSize(c, 256<<10)
	for {
		seen, err := record(in, c)
		switch {
		case len(seen) == 0:
			return
		case err != nil:
			fmt.Fprintf(c, "HTTP/1.1 400 Bad Request\r\nX-Tape: no\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
			return
		}
		answer := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nX-Tape: yes\r\nContent-Length: %d\r\n\r\n", len(seen))
		if !bytes.HasPrefix(seen, []byte("HEAD ")) {
			answer = append(answer, seen...)
		}
		c.Write(answer)
	}
}

// record reads one request.
func record(in *bufio.Reader, c net.Conn) ([]byte, error) {
	var seen bytes.Buffer
	line := func() (string, error) {
		text, err := in.ReadString('\n')
		seen.WriteString(text)
		if err == nil && !strings.HasSuffix(text, "\r\n") {
			err = fmt.Errorf("line %q", text)
		}
		return strings.TrimSuffix(text, "\r\n"), err
	}
	length, chunked := int64(0), false
	for {
		text, err := line()
		if err != nil {
			return seen.Bytes(), err
		}
		if text == "" {
			break
		}
		name, value, _ := strings.Cut(text, ":")
		switch value = strings.TrimSpace(value); textproto.CanonicalMIMEHeaderKey(name) {
		case "Content-Length":
			if length, err = strconv.ParseInt(value, 10, 64); err != nil {
				return seen.Bytes(), err
			}
		case "Transfer-Encoding":
			chunked = true
		case "Expect":
			io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n")
		}
	}
	for chunked {
		text, err := line()
		if err != nil {
			return seen.Bytes(), err
		}
		size, _, _ := strings.Cut(text, ";")
		n, err := strconv.ParseInt(size, 16, 64)
		if err != nil {
			return seen.Bytes(), err
		}
		if chunked = n > 0; chunked {
			if _, err := io.CopyN(&seen, in, n+2); err != nil {
				return seen.Bytes(), err
			}
			continue
		}
		for text = "x"; text != ""; {
			if text, err = line(); err != nil {
				return seen.Bytes(), err
			}
		}
	}
	_, err := io.CopyN(&seen, in, length)
	return seen.Bytes(), err
}
