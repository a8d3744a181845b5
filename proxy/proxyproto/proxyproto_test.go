package proxyproto

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// binary2 builds a header of version 2.
func binary2(command, family byte, block string) string {
	h := []byte(signature2)
	h = append(h, command, family)
	h = binary.BigEndian.AppendUint16(h, uint16(len(block)))
	return string(h) + block
}

const (
	block4 = "\xc0\x00\x02\x01\xc0\x00\x02\x02\xdc\x04\x01\xbb" // 192.0.2.1:56324 to 192.0.2.2:443
	block6 = "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" +
		"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02" + "\xdc\x04\x01\xbb"
)

// value is a type-length-value of version 2.
func value(kind byte, data string) string {
	return string(binary.BigEndian.AppendUint16([]byte{kind}, uint16(len(data)))) + data
}

// summed is a header with a checksum that is right, computed by the letter of the specification.
func summed() string {
	h := []byte(binary2(0x21, tcp4, block4+value(4, "x")+value(checksum, "\x00\x00\x00\x00")))
	binary.BigEndian.PutUint32(h[len(h)-4:], crc32.Checksum(h, crc32.MakeTable(crc32.Castagnoli)))
	return string(h)
}

var headers = []struct {
	name, header string
	client       string // empty = an invalid AddrPort
	fault        string // part of the error; empty = none
}{
	{"v1 TCP4", "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n", "192.0.2.1:56324", ""},
	{"v1 TCP6", "PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n", "[2001:db8::1]:56324", ""},
	{"v1 longest TCP6", "PROXY TCP6 ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", "", "its line is"},
	{"v1 full TCP6", "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe 65535 65535\r\n", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", ""},
	{"v1 mapped", "PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n", "192.0.2.1:1", ""},
	{"v1 unknown", "PROXY UNKNOWN\r\n", "", ""},
	{"v1 unknown with more", "PROXY UNKNOWN ffff::1 ffff::2 1 2 and more\r\n", "", ""},
	{"v1 port 0", "PROXY TCP4 192.0.2.1 192.0.2.2 0 0\r\n", "192.0.2.1:0", ""},
	{"v1 LF alone", "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\n", "", "LF alone"},
	{"v1 CR within", "PROXY UNKNOWN\r x\r\n", "", "its line is"},
	{"v1 NUL", "PROXY UNKNOWN\x00\r\n", "", "its line is"},
	{"v1 two spaces", "PROXY TCP4  192.0.2.1 192.0.2.2 56324 443\r\n", "", "its line is"},
	{"v1 trailing space", "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443 \r\n", "", "its line is"},
	{"v1 tab", "PROXY TCP4\t192.0.2.1 192.0.2.2 56324 443\r\n", "", "its line is"},
	{"v1 lower case", "PROXY tcp4 192.0.2.1 192.0.2.2 56324 443\r\n", "", "its line is"},
	{"v1 UDP4", "PROXY UDP4 192.0.2.1 192.0.2.2 56324 443\r\n", "", "its line is"},
	{"v1 wrong family", "PROXY TCP4 2001:db8::1 2001:db8::2 56324 443\r\n", "", "its line is"},
	{"v1 wrong family 6", "PROXY TCP6 192.0.2.1 192.0.2.2 56324 443\r\n", "", "its line is"},
	{"v1 zone", "PROXY TCP6 fe80::1%eth0 fe80::2 56324 443\r\n", "", "its line is"},
	{"v1 leading zero", "PROXY TCP4 192.0.2.01 192.0.2.2 56324 443\r\n", "", "its line is"},
	{"v1 name", "PROXY TCP4 localhost 192.0.2.2 56324 443\r\n", "", "its line is"},
	{"v1 port with zero", "PROXY TCP4 192.0.2.1 192.0.2.2 056324 443\r\n", "", "its line is"},
	{"v1 port with sign", "PROXY TCP4 192.0.2.1 192.0.2.2 +1 443\r\n", "", "its line is"},
	{"v1 port too big", "PROXY TCP4 192.0.2.1 192.0.2.2 65536 443\r\n", "", "its line is"},
	{"v1 ports missing", "PROXY TCP4 192.0.2.1 192.0.2.2\r\n", "", "its line is"},
	{"v1 nothing", "PROXY \r\n", "", "its line is"},
	{"v1 too long", "PROXY UNKNOWN " + strings.Repeat("x", 100) + "\r\n", "", "longer than 107 bytes"},

	{"v2 TCP4", binary2(0x21, tcp4, block4), "192.0.2.1:56324", ""},
	{"v2 TCP6", binary2(0x21, tcp6, block6), "[2001:db8::1]:56324", ""},
	{"v2 values", binary2(0x21, tcp4, block4+value(2, "example.com")+value(4, "")), "192.0.2.1:56324", ""},
	{"v2 checksum", summed(), "192.0.2.1:56324", ""},
	{"v2 unix", binary2(0x21, unixStream, strings.Repeat("\x00", 216)), "", ""},
	{"v2 unspecified", binary2(0x21, unspecified, "whatever"), "", ""},
	{"v2 local", binary2(0x20, unspecified, ""), "", ""},
	{"v2 local with addresses", binary2(0x20, tcp4, block4), "", ""},
	{"v2 local of any family", binary2(0x20, 0x7f, "abc"), "", ""},
	{"v2 version 1", binary2(0x11, tcp4, block4), "", "its version is 1"},
	{"v2 version 3", binary2(0x31, tcp4, block4), "", "its version is 3"},
	{"v2 command 2", binary2(0x22, tcp4, block4), "", "its command is 2"},
	{"v2 datagrams", binary2(0x21, 0x12, block4), "", "which is no stream"},
	{"v2 family 4", binary2(0x21, 0x41, block4), "", "which is no stream"},
	{"v2 short block", binary2(0x21, tcp4, block4[:11]), "", "11 bytes of addresses instead of 12"},
	{"v2 short block 6", binary2(0x21, tcp6, block6[:35]), "", "35 bytes of addresses instead of 36"},
	{"v2 cut value", binary2(0x21, tcp4, block4+"\x04\x00"), "", "a value in it is cut off"},
	{"v2 long value", binary2(0x21, tcp4, block4+"\x04\x00\x05abcd"), "", "a value in it is cut off"},
	{"v2 wrong checksum", binary2(0x21, tcp4, block4+value(checksum, "abcd")), "", "its checksum is wrong"},
	{"v2 short checksum", binary2(0x21, tcp4, block4+value(checksum, "abc")), "", "its checksum is wrong"},
	{"v2 huge", binary2(0x21, tcp4, block4+strings.Repeat("\x04\x00\x00", 2000)), "", "more than 4096"},
	{"v2 signature but for a byte", "\r\n\r\n\x00\r\nQUIT\r\x21\x11\x00\x0c" + block4, "", "it begins with"},

	{"none: HTTP", "GET / HTTP/1.1\r\n\r\n", "", `it begins with "GET / HTTP/1`},
	{"none: TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00", "", "it begins with"},
	{"none: almost", "PROXYTCP4 192.0.2.1 192.0.2.2 56324 443\r\n", "", "it begins with"},
	{"none: a later CR", "\r\nPROXY UNKNOWN\r\n", "", "it begins with"},
}

func TestParse(t *testing.T) {
	for _, tt := range headers {
		h, n, err := Parse([]byte(tt.header + "GET /"))
		switch {
		case tt.fault != "":
			if !errors.Is(err, ErrHeader) || !strings.Contains(err.Error(), tt.fault) {
				t.Errorf("%s: %v, want %q", tt.name, err, tt.fault)
			}
			continue
		case err != nil || n != len(tt.header):
			t.Errorf("%s: %d bytes, %v", tt.name, n, err)
			continue
		}
		if got := h.Client; tt.client == "" && got.IsValid() || tt.client != "" && got != netip.MustParseAddrPort(tt.client) {
			t.Errorf("%s: the client is %v, want %q", tt.name, got, tt.client)
		}
		for i := range tt.header { // whatever part of it has come is no fault, and not enough
			if _, n, err := Parse([]byte(tt.header[:i])); n != 0 || err != nil {
				t.Errorf("%s: of %d bytes: %d, %v", tt.name, i, n, err)
			}
		}
	}
}

// slowly writes a text in small pieces.
func slowly(c net.Conn, text string, piece int) {
	for chunk := range slices.Chunk([]byte(text), piece) {
		if _, err := c.Write(chunk); err != nil {
			return
		}
	}
}

// TestAcceptLosesNothing sends a header and what follows in pieces of every size.
func TestAcceptLosesNothing(t *testing.T) {
	const follows = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	for _, tt := range headers {
		if tt.fault != "" {
			continue
		}
		for _, piece := range []int{1, 3, 16, 1000} {
			near, far := net.Pipe()
			go func() {
				slowly(far, tt.header+follows, piece)
				far.Close()
			}()
			c, err := Accept(near)
			if err != nil {
				t.Fatalf("%s in pieces of %d: %v", tt.name, piece, err)
			}
			if want := tt.client; want != "" && c.RemoteAddr().String() != want || want == "" && c.RemoteAddr() != near.RemoteAddr() {
				t.Errorf("%s: it comes from %v, want %q", tt.name, c.RemoteAddr(), want)
			}
			got, err := io.ReadAll(c)
			if string(got) != follows || err != nil {
				t.Errorf("%s in pieces of %d: %q, %v", tt.name, piece, got, err)
			}
			near.Close()
		}
	}
}

func TestAcceptRefuses(t *testing.T) {
	for _, tt := range []struct{ name, sent string }{{"nothing", ""}, {"half", "PROXY TCP4 192"}, {"half of v2", signature2 + "\x21"}, {"HTTP", "GET / HTTP/1.1\r\n"}} {
		near, far := net.Pipe()
		go func() {
			slowly(far, tt.sent, 5)
			far.Close()
		}()
		if _, err := Accept(near); !errors.Is(err, ErrHeader) {
			t.Errorf("%s: %v", tt.name, err)
		}
		near.Close()
	}
	near, far := net.Pipe()
	defer far.Close()
	near.SetDeadline(time.Now().Add(10 * time.Millisecond))
	if _, err := Accept(near); err == nil {
		t.Error("a client that says nothing is accepted")
	}
}

// TestCopiesBothWays over sockets, where the kernel copies, with bytes that came with the header and half-close.
func TestCopiesBothWays(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	raw, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	big := bytes.Repeat([]byte("0123456789"), 100_000)
	go func() {
		client.Write(append([]byte("PROXY UNKNOWN\r\nfirst"), big...))
		client.(*net.TCPConn).CloseWrite()
	}()
	c, err := Accept(raw)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if n, err := c.WriteTo(&got); err != nil || n != int64(len(big)+5) || !bytes.Equal(got.Bytes(), append([]byte("first"), big...)) {
		t.Errorf("%d bytes, %v", n, err)
	}
	go func() {
		c.ReadFrom(bytes.NewReader(big))
		c.CloseWrite()
	}()
	if back, err := io.ReadAll(client); err != nil || !bytes.Equal(back, big) {
		t.Errorf("%d bytes back, %v", len(back), err)
	}
}

// FuzzParse: a header that is accepted is complete and minimal, says the same however it is cut and whatever follows, and one
// of version 1 can be written again as it was.
func FuzzParse(f *testing.F) {
	for _, tt := range headers {
		f.Add([]byte(tt.header))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		h, n, err := Parse(data)
		switch {
		case err != nil:
			if n != 0 || h != (Header{}) || !errors.Is(err, ErrHeader) {
				t.Fatalf("with an error: %v, %d", h, n)
			}
			return
		case n == 0:
			if len(data) >= fixed2+maxHeader {
				t.Fatalf("%d bytes are not enough", len(data))
			}
			return
		case n > len(data):
			t.Fatalf("it is %d bytes long of %d", n, len(data))
		}
		for cut := range n {
			if _, m, err := Parse(data[:cut]); m != 0 || err != nil {
				t.Fatalf("of %d bytes: %d, %v", cut, m, err)
			}
		}
		if again, m, err := Parse(append(bytes.Clone(data[:n]), hex.EncodeToString(data)...)); again != h || m != n || err != nil {
			t.Fatalf("with other bytes behind it: %v, %d, %v", again, m, err)
		}
		line := string(data[:n])
		if strings.HasPrefix(line, "PROXY TCP4 ") {
			want := "PROXY TCP4 " + h.Client.Addr().String() + " " + h.Target.Addr().String() + " " + portText(h.Client) + " " + portText(h.Target) + "\r\n"
			if line != want {
				t.Fatalf("%q means %q", line, want)
			}
		}
	})
}

func portText(a netip.AddrPort) string {
	_, port, _ := net.SplitHostPort(a.String())
	return port
}
