// Package proxyproto reads the header of HAProxy's PROXY protocol, versions 1 and 2, with which a proxy before us tells whose
// connection it passes on.
//
//	conn, err := proxyproto.Accept(conn) // conn.RemoteAddr() is the client's
//
// The header is trusted: whoever can connect can claim any address. It is read strictly, as the specification asks for: a
// connection without a header, or with one that is not exactly right, is refused, because what follows could be read in two
// ways. What was sent behind the header is not lost.
package proxyproto

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// ErrHeader says that a connection does not begin with a valid header.
var ErrHeader = errors.New("cannot read the PROXY protocol's header")

func fault(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrHeader, fmt.Sprintf(format, args...))
}

const (
	signature2 = "\r\n\r\n\x00\r\nQUIT\n"
	fixed2     = len(signature2) + 4
	// maxLine is the longest line of version 1 with its end (section 2.1 of the specification).
	maxLine = 107
	// maxHeader bounds a header of version 2. Its length field allows 64 KiB; what is sent, with the names of a TLS client's
	// certificate, are some hundred bytes.
	maxHeader = 4096
)

// A Header is what was said. An invalid Client means that nothing was: the connection is the proxy's own, such as a health
// check, or it does not know the client.
type Header struct {
	Client netip.AddrPort
	Target netip.AddrPort // where the client connected to
}

// Accept reads the header and returns the connection as the client's. The caller sets a deadline before and clears it after;
// after an error it closes the connection.
func Accept(c net.Conn) (*Conn, error) {
	buf := make([]byte, 0, 256)
	for {
		h, n, err := Parse(buf)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			return newConn(c, h, buf[n:]), nil
		}
		if len(buf) == cap(buf) {
			buf = append(make([]byte, 0, fixed2+maxHeader), buf...)
		}
		more, err := c.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+more]
		if err != nil && more == 0 {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, fmt.Errorf("%w: %w", ErrHeader, err)
		}
	}
}

// Parse reads a header at the beginning of what was received. A length of 0 without an error means that it is not complete.
func Parse(data []byte) (h Header, length int, err error) {
	switch {
	case prefixed(data, signature2):
		return parse2(data)
	case prefixed(data, "PROXY "):
		return parse1(data)
	}
	return h, 0, fault("it begins with %q", data[:min(len(data), 12)])
}

// prefixed says whether the data begins with the text, as far as it goes.
func prefixed(data []byte, text string) bool {
	n := min(len(data), len(text))
	return string(data[:n]) == text[:n]
}

// parse1 reads a line such as "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443".
func parse1(data []byte) (h Header, length int, err error) {
	end := bytes.IndexByte(data[:min(len(data), maxLine)], '\n')
	switch {
	case end < 0 && len(data) >= maxLine:
		return h, 0, fault("its line is longer than %d bytes", maxLine)
	case end < 0:
		return h, 0, nil
	case data[end-1] != '\r':
		return h, 0, fault("its line ends with LF alone")
	}
	line := string(data[:end-1])
	if strings.IndexByte(line, '\r') >= 0 || strings.IndexByte(line, 0) >= 0 {
		return h, 0, fault("its line is %q", line)
	}
	words := strings.Split(line, " ")
	switch {
	case words[1] == "UNKNOWN": // the rest of the line is to be ignored
		return h, end + 1, nil
	case len(words) != 6 || words[1] != "TCP4" && words[1] != "TCP6":
		return h, 0, fault("its line is %q", line)
	}
	v4 := words[1] == "TCP4"
	var okClient, okTarget bool
	h.Client, okClient = addrPort(words[2], words[4], v4)
	h.Target, okTarget = addrPort(words[3], words[5], v4)
	if !okClient || !okTarget {
		return Header{}, 0, fault("its line is %q", line)
	}
	return h, end + 1, nil
}

// addrPort reads an address in the one way to write its family's, and a port in the one way to write a number.
func addrPort(host, port string, v4 bool) (netip.AddrPort, bool) {
	a, err := netip.ParseAddr(host)
	if err != nil || a.Is4() != v4 || a.Zone() != "" {
		return netip.AddrPort{}, false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || strconv.FormatUint(n, 10) != port {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(n)), true
}

// The families and transports of version 2 that a stream can have come over, and their addresses' lengths.
const (
	unspecified = 0x00
	tcp4        = 0x11
	tcp6        = 0x21
	unixStream  = 0x31
)

var addressLength = map[byte]int{unspecified: 0, tcp4: 12, tcp6: 36, unixStream: 216}

// parse2 reads the binary form: signature, version and command, family, length, addresses, further values.
func parse2(data []byte) (h Header, length int, err error) {
	if len(data) < fixed2 {
		return h, 0, nil
	}
	command, family := data[12], data[13]
	size := int(binary.BigEndian.Uint16(data[14:]))
	need, known := addressLength[family]
	switch {
	case command>>4 != 2:
		return h, 0, fault("its version is %d", command>>4)
	case command&0xf > 1:
		return h, 0, fault("its command is %d", command&0xf)
	case !known && command&0xf == 1:
		return h, 0, fault("its family and transport are 0x%02x, which is no stream", family)
	case size > maxHeader:
		return h, 0, fault("it is %d bytes long, more than %d", size, maxHeader)
	case size < need && command&0xf == 1:
		return h, 0, fault("it has %d bytes of addresses instead of %d", size, need)
	case len(data) < fixed2+size:
		return h, 0, nil
	}
	whole := data[:fixed2+size]
	if command&0xf == 0 { // LOCAL: whatever follows is to be skipped
		return h, len(whole), nil
	}
	h = addresses2(family, whole[fixed2:])
	if family != unspecified {
		err = checkValues(whole, fixed2+need)
	}
	if err != nil {
		return Header{}, 0, err
	}
	return h, len(whole), nil
}

func addresses2(family byte, block []byte) Header {
	n := 0
	switch family {
	case tcp4:
		n = 4
	case tcp6:
		n = 16
	default: // nobody, or a unix socket, whose peer has no address
		return Header{}
	}
	at := func(i int) netip.AddrPort {
		a, _ := netip.AddrFromSlice(block[i*n : (i+1)*n])
		return netip.AddrPortFrom(a.Unmap(), binary.BigEndian.Uint16(block[2*n+2*i:]))
	}
	return Header{Client: at(0), Target: at(1)}
}

// checksum is the type of the value that holds a CRC-32C of the header (section 2.2.4).
const checksum = 0x03

// checkValues sees to it that the values behind the addresses fill their room exactly, and that a checksum among them is
// right. What they mean is not looked at.
func checkValues(whole []byte, from int) error {
	for at := from; at < len(whole); {
		if len(whole)-at < 3 {
			return fault("a value in it is cut off")
		}
		value, size := at+3, int(binary.BigEndian.Uint16(whole[at+1:]))
		if size > len(whole)-value {
			return fault("a value in it is cut off")
		}
		if whole[at] == checksum {
			if size != 4 || binary.BigEndian.Uint32(whole[value:]) != sumWithout(whole, value) {
				return fault("its checksum is wrong")
			}
		}
		at = value + size
	}
	return nil
}

// sumWithout is the checksum of a header, in which its own four bytes count as zero.
func sumWithout(whole []byte, at int) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Update(0, table, whole[:at])
	sum = crc32.Update(sum, table, make([]byte, 4))
	return crc32.Update(sum, table, whole[at+4:])
}
