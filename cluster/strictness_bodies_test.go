package cluster

import (
	"fmt"
	"strings"
)

// The families about bodies, limits, and what belongs to a connection.

func (t *rawTable) chunkSizes() {
	const whole = "5\r\nhello\r\n0\r\n\r\n"
	t.why = "chunks are forwarded as they come, with the size written in one way"
	t.chunks("no chunk but the last", "0\r\n\r\n", "0\r\n\r\n")
	t.chunks("zeros before a size", "0005\r\nhello\r\n000\r\n\r\n", whole)
	t.chunks("a size in capitals", "A\r\n0123456789\r\n0\r\n\r\n", "a\r\n0123456789\r\n0\r\n\r\n")
	t.chunks("two chunks in one packet", "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", whole)
	t.why = "chunk extensions mean nothing to anybody and are dropped (RFC 9112 section 7.1.1)"
	t.chunks("an extension", "5;a=b\r\nhello\r\n0\r\n\r\n", whole)
	t.chunks("an extension in quotes", "5;a=\"b;c\"\r\nhello\r\n0;d\r\n\r\n", whole)
	t.chunks("an empty extension", "5;\r\nhello\r\n0\r\n\r\n", whole)
	t.chunks("an extension of 900 bytes", "5;"+strings.Repeat("x", 900)+"\r\nhello\r\n0\r\n\r\n", whole)
	t.why = "an extension is part of a line, and its end the same for all"
	t.chunks("an extension with LF", "5;a\nhello\r\n0\r\n\r\n", "400")
	t.chunks("an extension with LF inside", "5;a\nb\r\nhello\r\n0\r\n\r\n", "400")
	t.chunks("an extension with CR", "5;a\rb\r\nhello\r\n0\r\n\r\n", "400")
	t.chunks("an extension with NUL", "5;a\x00\r\nhello\r\n0\r\n\r\n", "400")
	t.chunks("an extension of 2,000 bytes", "5;"+strings.Repeat("x", 2000)+"\r\nhello\r\n0\r\n\r\n", "400")
	t.why = "a chunk's size is hexadecimal digits and nothing else (RFC 9112 section 7.1)"
	for _, size := range []string{"", "x", "0x5", "+5", "-5", " 5", "5 ", "5\t", "5 ;a", "\t5", "5 5", "5,", "5.", "g", "5\x00", "5h", "_5", "\x0b5", "5\x0c", "٥", "\"5\"", "-0"} {
		t.chunks(fmt.Sprintf("chunk size %q", size), size+"\r\nhello\r\n0\r\n\r\n", "400")
	}
	t.why = "a size that does not fit into 60 bits is read differently by whoever cuts it off"
	for _, size := range []string{"ffffffffffffffff", "8000000000000005", "10000000000000005", "100000000000000000000000000000005", "0000000000000005"} {
		t.chunks("chunk size "+size, size+"\r\nhello\r\n0\r\n\r\n", "400")
	}
	t.why = "every line of a chunk ends with CRLF (RFC 9112 section 7.1)"
	t.chunks("LF after a size", "5\nhello\r\n0\r\n\r\n", "400")
	t.chunks("LF after a chunk", "5\r\nhello\n0\r\n\r\n", "400")
	t.chunks("LF after the last size", "5\r\nhello\r\n0\n\r\n", "400")
	t.chunks("LF as the last line", "5\r\nhello\r\n0\r\n\n", "400")
	t.chunks("CR after a size", "5\rhello\r\n0\r\n\r\n", "400")
	t.chunks("CR CR LF after a size", "5\r\r\nhello\r\n0\r\n\r\n", "400")
	t.chunks("CR after a chunk", "5\r\nhello\r0\r\n\r\n", "400")
	t.chunks("an empty line before a size", "\r\n5\r\nhello\r\n0\r\n\r\n", "400")
	t.why = "a chunk has as many bytes as it says"
	t.chunks("a chunk longer than its size", "5\r\nhello!\r\n0\r\n\r\n", "400")
	t.chunks("a chunk shorter than its size", "5\r\nhell\r\n0\r\n\r\n", "400")
	t.chunks("a chunk without an end", "5\r\nhello0\r\n\r\n", "400")
	t.why = "nobody needs a hundred times more chunk extensions than data"
	t.chunks("extensions to no end", strings.Repeat("1;"+strings.Repeat("x", 900)+"\r\nx\r\n", 60)+"0\r\n\r\n", "400")
}

func (t *rawTable) trailers() {
	const end = "5\r\nhello\r\n0\r\n"
	t.why = "trailers are forwarded (RFC 9110 section 6.5)"
	t.add("a trailer that is announced", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"+end+"X-Sum: 1\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n"+end+"X-Sum: 1\r\n\r\n")
	t.chunks("a trailer that is not announced", end+"X-Sum: 1\r\n\r\n", end+"X-Sum: 1\r\n\r\n")
	t.why = "a trailer is a field like those in the head, with the same rules"
	t.race = true
	t.chunks("LF after a trailer", end+"X: y\n\r\n", "400")
	t.chunks("a trailer that is folded", end+"X: y\r\n z\r\n\r\n", "400")
	t.chunks("a trailer with a space before the colon", end+"X : y\r\n\r\n", "400")
	t.chunks("a trailer without a name", end+": y\r\n\r\n", "400")
	t.chunks("a trailer without a colon", end+"X\r\n\r\n", "400")
	t.chunks("a trailer with NUL", end+"X: \x00\r\n\r\n", "400")
	t.chunks("a trailer with CR", end+"X: a\rb\r\n\r\n", "400")
	t.race = false
	t.why = "what frames or routes a request cannot come after it (RFC 9110 section 6.5.1)"
	t.chunks("Content-Length as a trailer", end+"Content-Length: 5\r\n\r\n", "400")
	t.chunks("Transfer-Encoding as a trailer", end+"Transfer-Encoding: chunked\r\n\r\n", "400")
	t.chunks("Host as a trailer", end+"Host: b\r\n\r\n", "400")
	for _, name := range []string{"Content-Length", "Transfer-Encoding", "Trailer", "host", "X, content-length"} {
		t.add("Trailer: "+name, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: "+name+"\r\n\r\n"+end+"\r\n", "400")
	}
	t.why = "what we vouch for or what belongs to one connection is not forwarded as a trailer either"
	t.chunks("X-Forwarded-For as a trailer", end+"X-Forwarded-For: 1.2.3.4\r\n\r\n", end+"\r\n")
	t.chunks("Connection as a trailer", end+"Connection: close\r\n\r\n", end+"\r\n")
	t.why = "trailers have a limit of 4,000 bytes"
	t.chunks("trailers of 3,000 bytes", end+"X: "+strings.Repeat("y", 3000)+"\r\n\r\n", end+"X: "+strings.Repeat("y", 3000)+"\r\n\r\n")
	t.chunks("trailers of 5,000 bytes", end+"X: "+strings.Repeat("y", 5000)+"\r\n\r\n", "400")
	t.chunks("trailers of 100,000 bytes", end+strings.Repeat("X: y\r\n", 17000)+"\r\n", "400")
}

func (t *rawTable) expectations() {
	t.why = "the one expectation is 100-continue (RFC 9110 section 10.1.1)"
	expect := func(value, want string) {
		t.add(fmt.Sprintf("Expect %q", value), "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: "+value+"\r\n\r\nhello", want)
	}
	const forwarded = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello"
	expect("100-continue", forwarded)
	expect("100-Continue", forwarded)
	for _, value := range []string{"", "200-ok", "100-continue, x", "100-continue=1", "x", "100-continu", "\"100-continue\""} {
		expect(value, "417")
	}
	t.add("Expect twice", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\nExpect: 100-continue\r\n\r\nhello", "417")
	t.why = "without a body there is nothing to ask for"
	t.add("Expect without a body", "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", rawGet)
	t.add("Expect in HTTP/1.0", "POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello", rawHello+" closed")
}

func (t *rawTable) limits() {
	long := func(n int) string { return strings.Repeat("x", n) }
	t.why = "targets have a limit of 16 KiB: 414 (RFC 9112 section 3)"
	t.same("a target of 7,000 bytes", "GET /"+long(6999)+" HTTP/1.1\r\nHost: a\r\n\r\n")
	t.same("a target of 16,000 bytes", "GET /"+long(15999)+" HTTP/1.1\r\nHost: a\r\n\r\n")
	t.add("a target of 17,000 bytes", "GET /"+long(16999)+" HTTP/1.1\r\nHost: a\r\n\r\n", "414")
	t.add("a target of 1,000,000 bytes", "GET /"+long(999999)+" HTTP/1.1\r\nHost: a\r\n\r\n", "414")
	t.add("a query of 17,000 bytes", "GET /?"+long(17000)+" HTTP/1.1\r\nHost: a\r\n\r\n", "414")
	t.why = "heads have a limit of 64 KiB: 431 (RFC 6585 section 5)"
	t.head("a field of 7,000 bytes", "X: "+long(7000)+"\r\n", "")
	t.head("a field of 15,000 bytes", "X: "+long(15000)+"\r\n", "")
	t.head("a field of 60,000 bytes", "X: "+long(60000)+"\r\n", "")
	t.head("a field of 70,000 bytes", "X: "+long(70000)+"\r\n", "431")
	t.head("a field of 1,000,000 bytes", "X: "+long(1000000)+"\r\n", "431")
	t.head("a name of 70,000 bytes", long(70000)+": y\r\n", "431")
	t.head("fields of 7,000 bytes each, 70,000 in all", strings.Repeat("X: "+long(7000)+"\r\n", 10), "431")
	t.why = "heads have a limit of 200 fields: 431"
	t.head("90 fields", strings.Repeat("X: y\r\n", 90), "")
	t.head("199 fields", strings.Repeat("X: y\r\n", 198), "")
	t.head("201 fields", strings.Repeat("X: y\r\n", 200), "431")
	t.head("10,000 fields", strings.Repeat("X: y\r\n", 10000), "431")
	t.why = "bodies have no limit unless --max-body sets one: an app under development gets what it is sent"
	t.same("a body of 100,000 bytes", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"+long(100000))
	t.same("a body of 3,000,000 bytes", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n"+long(3000000))
}

func (t *rawTable) hops() {
	t.why = "what belongs to one connection is not forwarded, nor what Connection lists (RFC 9110 section 7.6.1)"
	t.head("hop-by-hop fields", "Connection: keep-alive\r\nKeep-Alive: timeout=5\r\nProxy-Connection: x\r\nProxy-Authorization: y\r\nTE: gzip\r\n", rawGet)
	t.head("Connection lists a field", "Connection: X-Secret\r\nX-Secret: b\r\n", rawGet)
	t.head("Connection lists a field in another case", "Connection: x-sEcret\r\nX-Secret: b\r\n", rawGet)
	t.head("Connection lists fields with empty ones", "Connection: ,, X ,\r\nX: b\r\n", rawGet)
	t.head("two Connections", "Connection: X\r\nConnection: Y\r\nX: 1\r\nY: 2\r\n", rawGet)
	t.head("Connection lists what is ours", "Connection: X-Forwarded-For, X-Forwarded-Host\r\n", rawGet)
	t.why = "trailers are taken, and nothing else by TE"
	t.head("TE: trailers", "Connection: TE\r\nTE: trailers\r\n", "GET / HTTP/1.1\r\nHost: a\r\nConnection: TE\r\nTE: trailers\r\n\r\n")
	t.why = "X-Forwarded fields of a client are not believed: lbdev sets its own"
	t.head("X-Forwarded-For", "X-Forwarded-For: 1.2.3.4\r\n", rawGet)
	t.head("Forwarded", "Forwarded: for=1.2.3.4\r\n", rawGet)
	t.head("X-Real-IP", "X-Real-IP: 1.2.3.4\r\n", rawGet)
	t.head("X-Forwarded-Prefix", "X-Forwarded-Prefix: /a\r\n", rawGet)
	t.why = "a change of protocol is passed on, but not to HTTP/2, whose requests we would not see"
	t.head("Upgrade", "Connection: Upgrade\r\nUpgrade: tape\r\n", "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tape\r\n\r\n")
	t.head("Upgrade without Connection", "Upgrade: tape\r\n", rawGet)
	t.head("Upgrade to h2c", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n", rawGet)
	t.add("Upgrade with a body", "POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tape\r\nContent-Length: 5\r\n\r\nhello", rawHello)
}

func (t *rawTable) sequences() {
	t.why = "requests behind each other are answered one by one"
	t.add("three requests", rawGet+rawHello+rawChunked, rawGet+rawHello+rawChunked)
	t.add("ten requests", strings.Repeat(rawGet, 10), strings.Repeat(rawGet, 10))
	t.why = "answers to requests before a bad one go out first; nothing behind it is looked at"
	t.add("a bad one behind a good one", rawGet+"GET / HTTP/1.1\r\n\r\n"+rawGet, rawGet+"400")
	t.add("bad bytes behind a body", rawHello+"\x00\x00", rawHello+"400")
	t.add("a body longer than its length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nhello\r\n\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nhell400")
	t.add("chunks behind the last one", rawChunked+"5\r\nhello\r\n0\r\n\r\n", rawChunked+"400")
	t.add("a bad chunk behind a good request", rawGet+"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n\r\n", rawGet+"400")
	t.why = "an upgrade that is not done leaves HTTP/1.1 as it was, with all rules"
	up := "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tape\r\n\r\n"
	t.add("a request behind an upgrade that is not done", up+rawGet, up+rawGet)
	t.add("LF behind an upgrade that is not done", up+"GET / HTTP/1.1\nHost: a\n\n", up+"400")
	t.add("NUL behind an upgrade that is not done", up+"\x00", up+"400")
}
