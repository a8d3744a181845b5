package strict

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"
)

// What a byte may be. Tables, as each byte of each head is looked up.
const (
	inToken = 1 << iota // RFC 9110 section 5.6.2
	inValue             // of a field: no control characters but tabs (RFC 9110 section 5.5)
	inPath              // of the target, without % and ?
	inQuery             // of the target
	inHost              // a name or an IPv4 address
	inHex
)

var bytesOf = func() (table [256]byte) {
	const alphanumeric = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for class, set := range map[byte]string{
		inToken: "!#$%&'*+-.^_`|~" + alphanumeric,
		inHost:  "-._~" + alphanumeric,
		inHex:   "0123456789abcdefABCDEF",
	} {
		for _, b := range []byte(set) {
			table[b] |= class
		}
	}
	for b := range table {
		if b >= ' ' && b != 0x7f || b == '\t' {
			table[b] |= inValue
		}
		// RFC 3986 allows fewer, but browsers send " | and their like unencoded, and no server reads them in two ways.
		if b > ' ' && b < 0x7f && b != '#' {
			table[b] |= inQuery
			if b != '%' && b != '?' {
				table[b] |= inPath
			}
		}
	}
	return table
}()

// run returns how many bytes at the beginning of p are of a class.
func run(p []byte, class byte) int {
	for i, b := range p {
		if bytesOf[b]&class == 0 {
			return i
		}
	}
	return len(p)
}

// runOfText returns how many bytes at the beginning of p are of a field's value. Most values are plain text up to a CR: that
// is seen eight bytes at a time.
func runOfText(p []byte) int {
	n := bytes.IndexByte(p, '\r')
	if n < 0 {
		n = len(p)
	}
	i := 0
	for ; i+8 <= n; i += 8 {
		const ones, highs = 0x0101010101010101, 0x8080808080808080
		word := binary.LittleEndian.Uint64(p[i:])
		belowSpace, del := word-' '*ones, word^0x7f*ones-ones
		if (word|belowSpace|del)&highs != 0 { // not ASCII, or below a space, or DEL
			break
		}
	}
	return i + run(p[i:], inValue)
}

func lower(b byte) byte {
	if b >= 'A' && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

// validHost says whether text is a host with or without a port (RFC 9110 section 7.2). An empty one is refused by RFC 9110
// section 4.2.1, and percent-encoding by the name system.
func validHost(text []byte, needsPort bool) bool {
	n := run(text, inHost)
	if len(text) > 0 && text[0] == '[' {
		end := strings.IndexByte(string(text), ']')
		if end < 0 {
			return false
		}
		ip, err := netip.ParseAddr(string(text[1:end]))
		if err != nil || !ip.Is6() || ip.Zone() != "" {
			return false
		}
		n = end + 1
	}
	port := text[n:]
	if n == 0 || len(port) == 0 {
		return n > 0 && !needsPort
	}
	_, err := strconv.ParseUint(string(port[1:]), 10, 16)
	return port[0] == ':' && err == nil && run(port[1:], inHex) == len(port)-1
}
