package cluster

import (
	"fmt"
	"strings"
)

// A rawCase is bytes that a client sends, and what becomes of them.
type rawCase struct {
	name string
	sent string
	want string // the statuses of refusals and the requests as the worker gets them, without what every request gets from us
	why  string // why we do it so, where nginx or HAProxy may do otherwise
	race bool   // HAProxy refuses it or not, depending on whether the worker has answered by then
}

// A rawTable is made of families of cases.
type rawTable struct {
	cases []rawCase
	why   string // of what is added
	race  bool
}

func (t *rawTable) add(name, sent, want string) {
	t.cases = append(t.cases, rawCase{name, sent, want, t.why, t.race})
}

// same adds requests that are forwarded as they are.
func (t *rawTable) same(name, sent string) { t.add(name, sent, sent) }

// head adds a GET with more lines in its head, each with its end.
func (t *rawTable) head(name, lines, want string) {
	if want == "" {
		want = "GET / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n"
	}
	t.add(name, "GET / HTTP/1.1\r\nHost: a\r\n"+lines+"\r\n", want)
}

// chunks adds a POST in chunks.
func (t *rawTable) chunks(name, body, want string) {
	const head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	if !isStatus(want) {
		want = head + want
	}
	t.add(name, head+body, want)
}

func isStatus(want string) bool { return len(want) == 3 }

const (
	rawGet     = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	rawHello   = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
	rawChunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
)

// rawCases are all of them.
func rawCases() []rawCase {
	t := &rawTable{}
	t.ordinary()
	t.lineEnds()
	t.firstLines()
	t.methods()
	t.targets()
	t.versions()
	t.fieldNames()
	t.fieldValues()
	t.folds()
	t.hosts()
	t.lengths()
	t.codings()
	t.smuggling()
	t.chunkSizes()
	t.trailers()
	t.expectations()
	t.limits()
	t.hops()
	t.sequences()
	return t.cases
}

func (t *rawTable) ordinary() {
	t.why = "an ordinary request"
	t.same("GET", rawGet)
	t.same("with a query", "GET /a/b?c=d&e=%20f HTTP/1.1\r\nHost: a\r\n\r\n")
	t.same("with a body", rawHello)
	t.same("in chunks", rawChunked)
	t.same("an empty body", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
	t.add("POST without a length", "POST / HTTP/1.1\r\nHost: a\r\n\r\n", "POST / HTTP/1.1\r\nHost: a\r\n\r\n")
	t.same("GET with a body", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
	t.same("fields", "GET / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nCookie: a=b; c=d\r\nUser-Agent: x/1 (y; z)\r\n\r\n")
	t.same("the same field twice", "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nX: 2\r\n\r\n")
	t.why = "names are forwarded in the form that most people write: fields are the same in any case (RFC 9110 section 5.1)"
	t.add("names in lower case", "GET / HTTP/1.1\r\nhost: a\r\nx-foo: b\r\ncontent-length: 0\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nX-Foo: b\r\n\r\n")
	t.add("names in capitals", "GET / HTTP/1.1\r\nHOST: a\r\nX-FOO: b\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX-Foo: b\r\n\r\n")
	t.why = "HTTP/1.0 has no Host; the worker gets the front's address, since HTTP/1.1 to it needs one"
	t.add("HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost: FRONT\r\n\r\n closed")
	t.add("HTTP/1.0 with Host", "GET / HTTP/1.0\r\nHost: a\r\n\r\n", rawGet+" closed")
	t.add("HTTP/1.0 with a body", "POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", rawHello+" closed")
	t.add("HTTP/1.0 that keeps the connection", "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", rawGet)
}

func (t *rawTable) lineEnds() {
	t.why = "a line that ends with LF alone ends elsewhere for those who only know CRLF (RFC 9112 section 2.2 lets us refuse it)"
	t.add("LF after the first line", "GET / HTTP/1.1\nHost: a\r\n\r\n", "400")
	t.add("LF after Host", "GET / HTTP/1.1\r\nHost: a\n\r\n", "400")
	t.add("LF after a field", "GET / HTTP/1.1\r\nHost: a\r\nX: b\nY: c\r\n\r\n", "400")
	t.add("LF as the empty line", "GET / HTTP/1.1\r\nHost: a\r\n\n", "400")
	t.add("LF everywhere", "GET / HTTP/1.1\nHost: a\n\n", "400")
	t.add("LF CR", "GET / HTTP/1.1\n\rHost: a\n\r\n\r", "400")
	t.add("LF hides Content-Length", "POST / HTTP/1.1\r\nHost: a\r\nX: b\nContent-Length: 5\r\n\r\nhello", "400")
	t.add("LF hides Transfer-Encoding", "POST / HTTP/1.1\r\nHost: a\r\nX: b\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400")
	t.why = "some take a CR alone for the end of a line, some for a part of it (RFC 9112 section 2.2)"
	t.add("CR after the first line", "GET / HTTP/1.1\rHost: a\r\n\r\n", "400")
	t.add("CR CR LF after the first line", "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", "400")
	t.add("CR after Host", "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", "400")
	t.add("CR in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: b\rc\r\n\r\n", "400")
	t.add("CR CR LF after a field", "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\r\n\r\n", "400")
	t.add("CR before a name", "GET / HTTP/1.1\r\nHost: a\r\n\rX: b\r\n\r\n", "400")
	t.add("CR as the empty line", "GET / HTTP/1.1\r\nHost: a\r\n\rx", "400")
	t.add("CR before Transfer-Encoding", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400")
	t.add("CR in a name", "GET / HTTP/1.1\r\nHost: a\r\nX\r: b\r\n\r\n", "400")
	t.add("CR in the target", "GET /a\rb HTTP/1.1\r\nHost: a\r\n\r\n", "400")
	t.add("CR in the method", "GE\rT / HTTP/1.1\r\nHost: a\r\n\r\n", "400")
	t.why = "one empty line before a request is dropped, as RFC 9112 section 2.2 asks; more are nobody's mistake"
	t.add("an empty line first", "\r\n"+rawGet, rawGet)
	t.add("two empty lines first", "\r\n\r\n"+rawGet, "400")
	t.add("LF first", "\n"+rawGet, "400")
	t.add("CR first", "\r"+rawGet, "400")
	t.add("a space first", " "+rawGet, "400")
	t.add("a tab first", "\t"+rawGet, "400")
	t.add("a line with a space first", " \r\n"+rawGet, "400")
	t.add("an empty line between requests", rawHello+"\r\n"+rawGet, rawHello+rawGet)
	t.add("a byte order mark first", "\xef\xbb\xbf"+rawGet, "400")
}

func (t *rawTable) firstLines() {
	t.why = "the parts of the first line have exactly one space between them (RFC 9112 section 3); guessing where the target ends lets others guess differently"
	for _, line := range []string{
		"GET  / HTTP/1.1", "GET /  HTTP/1.1", "GET / HTTP/1.1 ", "GET\t/ HTTP/1.1", "GET /\tHTTP/1.1", "GET / HTTP/1.1\t",
		"GET /a b HTTP/1.1", "GET / HTTP/1.1 HTTP/1.1", "GET /\x0bHTTP/1.1", "GET\x0c/ HTTP/1.1", "GET\xa0/ HTTP/1.1",
		"GET / x HTTP/1.1", "GET /\r HTTP/1.1", "GET/ HTTP/1.1", "GET /HTTP/1.1", "GET", "GET ", "/ HTTP/1.1", " / HTTP/1.1", "HTTP/1.1", "GET HTTP/1.1",
		"GET  HTTP/1.1",
	} {
		t.add(fmt.Sprintf("first line %q", line), line+"\r\nHost: a\r\n\r\n", "400")
	}
	t.why = "HTTP/0.9 has no heads: its answers could be anybody's text"
	t.add("no version", "GET /\r\n\r\n", "400")
	t.add("no version with a field", "GET /\r\nHost: a\r\n\r\n", "400")
	t.add("no version, a space", "GET / \r\n\r\n", "400")
	t.why = "this is no HTTP"
	t.add("a TLS handshake", "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00\r\n\r\n", "400")
	t.add("SSH", "SSH-2.0-OpenSSH_9.2\r\n\r\n", "400")
	t.add("NUL bytes", "\x00\x00\x00\x00\r\n\r\n", "400")
	t.add("a response", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "400")
}

func (t *rawTable) methods() {
	t.why = "a method is any token, and case matters (RFC 9110 section 9.1): fetch() in browsers sends \"patch\" as it was written"
	for _, m := range []string{"PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "M-SEARCH", "FOO", "get", "patch", "X_Y", "G3T", "$%'*+.^`|~!#&"} {
		t.same("method "+m, m+" / HTTP/1.1\r\nHost: a\r\n\r\n")
	}
	t.why = "a method is a token (RFC 9110 section 9.1)"
	for _, m := range []string{"GE T", "G(T", "G:T", "G/T", "G\"T", "G@T", "G[T", "G{T", "G\x00T", "G\x7fT", "G\x80T", "GÉT", "G,T", "G;T", "G<T", "G=T", "G?T", "G\\T"} {
		t.add(fmt.Sprintf("method %q", m), m+" / HTTP/1.1\r\nHost: a\r\n\r\n", "400")
	}
	t.why = "a method that is longer than any gets 501 (RFC 9112 section 3)"
	t.add("a method of 32 bytes", strings.Repeat("X", 32)+" / HTTP/1.1\r\nHost: a\r\n\r\n", strings.Repeat("X", 32)+" / HTTP/1.1\r\nHost: a\r\n\r\n")
	t.add("a method of 33 bytes", strings.Repeat("X", 33)+" / HTTP/1.1\r\nHost: a\r\n\r\n", "501")
	t.add("a method of 10,000 bytes", strings.Repeat("X", 10000)+" / HTTP/1.1\r\nHost: a\r\n\r\n", "501")
	t.why = "CONNECT is for forward proxies, and lbdev is none (RFC 9110 section 9.3.6)"
	t.add("CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", "405 and goes on")
	t.add("CONNECT to nothing", "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", "400")
	t.add("CONNECT without a port", "CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n", "400")
	t.add("CONNECT to a URL", "CONNECT http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "400")
	t.add("CONNECT with a body", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nContent-Length: 5\r\n\r\nhello", "405")
	t.why = "TRACE is the app's business"
	t.same("TRACE", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n")
}

func (t *rawTable) targets() {
	same := func(target string) {
		t.same(fmt.Sprintf("target %.60q", target), "GET "+target+" HTTP/1.1\r\nHost: a\r\n\r\n")
	}
	bad := func(target, want string) {
		t.add(fmt.Sprintf("target %.60q", target), "GET "+target+" HTTP/1.1\r\nHost: a\r\n\r\n", want)
	}
	t.why = "what a path means is the app's to say: it is forwarded as it came, without taking out dots or slashes"
	for _, target := range []string{
		"/..", "/a/../b", "/a/./b", "//a", "//evil.example/a", "/a//b", "/%2e%2e/a", "/a%2fb", "/a;b=c", "/?", "/??", "/a?b?c", "/%00", "/a|b", `/a"b`,
		"/a{b}", "/a<b>", "/a\\b", "/a^b", "/a`b", "/a'b", "/?a=%", "/?a=%zz", "/:a", "/a@b", "/[a]", "/~", "/?http://b/",
	} {
		same(target)
	}
	t.why = "a target has only bytes that URIs may have (RFC 9112 section 3.2): what others mean depends on the encoding that each side believes in"
	for _, b := range []string{"\x00", "\x01", "\x7f", "\x80", "\xff", "ä", "\x1b"} {
		bad("/a"+b+"b", "400")
		bad("/?a"+b+"b", "400")
	}
	t.why = "a fragment is never sent (RFC 9110 section 7.1); one side would cut it off, the other would not"
	bad("/#a", "400")
	bad("/a?b#c", "400")
	bad("#", "400")
	t.why = "a path with a broken percent-encoding has no meaning that all agree on"
	for _, target := range []string{"/%", "/%a", "/%zz", "/a%2", "/%%41"} {
		bad(target, "400")
	}
	t.why = "the target is a path, *, or an http or https URL (RFC 9112 section 3.2)"
	for _, target := range []string{"a", "a/b", "?a", "*", "*a", ".", "ftp://a/", "file:///a", "javascript:a", "http:a", "http:/a", "http:///a", "http://", "http", "https://", "://a", "a:80", "%2fa", "http//a/", "h"} {
		bad(target, "400")
	}
	t.why = "the host of an absolute target replaces Host (RFC 9112 section 3.2.2): the worker sees one host"
	abs := func(target, path, host string) {
		t.add(fmt.Sprintf("target %q", target), "GET "+target+" HTTP/1.1\r\nHost: a\r\n\r\n", "GET "+path+" HTTP/1.1\r\nHost: "+host+"\r\n\r\n")
	}
	abs("http://a/b", "/b", "a")
	abs("http://b/c", "/c", "b")
	abs("http://b:81/c", "/c", "b:81")
	abs("http://b", "/", "b")
	abs("http://b?c=d", "/?c=d", "b")
	abs("https://b/c", "/c", "b")
	abs("HTTP://b/c", "/c", "b")
	abs("http://[::1]:80/c", "/c", "[::1]:80")
	abs("http://b//c", "//c", "b")
	abs("http://b/a|b", "/a|b", "b")
	t.why = "the host of an absolute target must be a valid one, without a user name (RFC 9110 section 4.2.4)"
	for _, target := range []string{"http://b@c/", "http://b:c@d/", "http://b:x/", "http://b:99999/", "http://[::1/", "http://b c/", "http://b\\c/", "http://:80/", "http://b%41/", "http://[b]/"} {
		bad(target, "400")
	}
	t.add("an absolute target without Host", "GET http://b/ HTTP/1.1\r\n\r\n", "400")
	t.add("an absolute target in HTTP/1.0", "GET http://b/c HTTP/1.0\r\n\r\n", "GET /c HTTP/1.1\r\nHost: b\r\n\r\n closed")
	t.why = "OPTIONS * asks about the server as a whole (RFC 9112 section 3.2.4): the app answers"
	t.same("OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
	t.add("OPTIONS of a URL without a path", "OPTIONS http://b HTTP/1.1\r\nHost: b\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: b\r\n\r\n")
	t.add("OPTIONS *a", "OPTIONS *a HTTP/1.1\r\nHost: a\r\n\r\n", "400")
	t.add("POST *", "POST * HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "400")
}

func (t *rawTable) versions() {
	t.why = "a version that is none is 400, another one than 1.0 and 1.1 is 505 (RFC 9110 section 15.6.6)"
	for _, v := range []string{"http/1.1", "Http/1.1", "HTTP/1", "HTTP/11", "HTTP/1.1.1", "HTTP/1,1", "HTTP/ 1.1", "HTTP/1. 1", "HTTP /1.1", "HTTP/1.10", "HTTP/01.1", "HTTP/+1.1", "HTTP/-1.1", "HTTP/x.y", "HTTP/1.", "HTTP/.1", "HTTPS/1.1", "HTTP", "HTTP/1.1\x00", "XTTP/1.1"} {
		t.add(fmt.Sprintf("version %q", v), "GET / "+v+"\r\nHost: a\r\n\r\n", "400")
	}
	for _, v := range []string{"HTTP/0.9", "HTTP/1.2", "HTTP/1.9", "HTTP/2.0", "HTTP/3.0", "HTTP/9.9", "HTTP/0.0"} {
		t.add("version "+v, "GET / "+v+"\r\nHost: a\r\n\r\n", "505")
	}
	t.why = "what begins like HTTP/2's preface must be all of it (RFC 9113 section 3.4)"
	t.add("half a preface", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "400")
	t.add("a preface with a field", "PRI * HTTP/2.0\r\nHost: a\r\n\r\n", "400")
	t.add("a preface behind a request", rawGet+"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", rawGet+"505")
	t.add("PRI in HTTP/1.1", "PRI * HTTP/1.1\r\nHost: a\r\n\r\n", "400")
}

func (t *rawTable) fieldNames() {
	t.why = "a field's name is a token (RFC 9110 section 5.1)"
	for _, b := range []byte("\x00\x01\x0b\x0c\x1f\"(),/;<=>?@[\\]{}\x7f\x80\xff") {
		t.head(fmt.Sprintf("%q in a name", b), "X"+string([]byte{b})+"Y: b\r\n", "400")
	}
	t.add("a name of umlauts", "GET / HTTP/1.1\r\nHost: a\r\nÄÖ: b\r\n\r\n", "400")
	t.why = "white space before the colon makes two names of one (RFC 9112 section 5.1)"
	t.head("a space before the colon", "X : b\r\n", "400")
	t.head("a tab before the colon", "X\t: b\r\n", "400")
	t.head("a space before Content-Length's colon", "Content-Length : 5\r\n", "400")
	t.head("a space in a name", "X Y: b\r\n", "400")
	t.add("a space before Host's colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", "400")
	t.add("a space before Transfer-Encoding's colon", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "400")
	t.add("a tab before Transfer-Encoding's colon", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n", "400")
	t.add("a form feed before Transfer-Encoding's colon", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding\x0c: chunked\r\n\r\n0\r\n\r\n", "400")
	t.why = "a line without a name and a colon is no field (RFC 9112 section 5)"
	t.head("no name", ": b\r\n", "400")
	t.head("no colon", "X\r\n", "400")
	t.head("no colon, a value", "X b\r\n", "400")
	t.head("a colon alone", ":\r\n", "400")
	t.why = "names may have more than letters"
	t.head("a name of all that tokens have", "X!#$%&'*+-.^`|~9: b\r\n", "")
	t.why = "no name is forwarded that becomes the name of another field in CGI, WSGI or PHP, where - and _ are the same"
	t.head("a name with _", "X_foo: b\r\n", "")
	t.head("Content_Length", "Content_Length: 5\r\n", rawGet)
	t.head("Transfer_Encoding", "Transfer_Encoding: chunked\r\n", rawGet)
	t.head("X_Forwarded_For", "X_Forwarded_For: 1.2.3.4\r\n", rawGet)
	t.head("X-Forwarded_Host", "X-Forwarded_Host: b\r\n", rawGet)
}

func (t *rawTable) fieldValues() {
	t.why = "a value has no control characters but tabs (RFC 9110 section 5.5)"
	for _, b := range []byte("\x00\x01\x02\x07\x08\x0b\x0c\x0e\x1b\x1f\x7f") {
		t.head(fmt.Sprintf("%q in a value", b), "X: a"+string([]byte{b})+"b\r\n", "400")
	}
	t.head("NUL at the end of a value", "X: a\x00\r\n", "400")
	t.add("NUL in Host", "GET / HTTP/1.1\r\nHost: a\x00b\r\n\r\n", "400")
	t.why = "white space around a value is none of it (RFC 9112 section 5.1)"
	t.head("no space before a value", "X:b\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\r\n")
	t.head("spaces around a value", "X:  \t b c \t \r\n", "GET / HTTP/1.1\r\nHost: a\r\nX: b c\r\n\r\n")
	t.head("an empty value", "X:\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n")
	t.head("a value of spaces", "X:   \r\n", "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n")
	t.head("a tab in a value", "X: b\tc\r\n", "")
	t.why = "bytes above ASCII are allowed in values, though opaque (RFC 9110 section 5.5)"
	t.head("Latin-1 in a value", "X: \xe4\xff\x80\r\n", "")
	t.head("UTF-8 in a value", "X: ä€😀\r\n", "")
	t.head("colons in a value", "X: a:b: c\r\n", "")
}

func (t *rawTable) folds() {
	t.why = "a folded line belongs to the field before it for some, and is a field of its own for others (RFC 9112 section 5.2)"
	t.head("a folded field", "X: b\r\n c\r\n", "400")
	t.head("a folded field with a tab", "X: b\r\n\tc\r\n", "400")
	t.head("a fold of white space", "X: b\r\n \r\n", "400")
	t.head("a folded Content-Length", "Content-Length:\r\n 5\r\n", "400")
	t.head("a fold that looks like a field", "X: b\r\n Content-Length: 5\r\n", "400")
	t.add("a folded Transfer-Encoding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", "400")
	t.add("a folded Host", "GET / HTTP/1.1\r\nHost:\r\n a\r\n\r\n", "400")
	t.why = "white space before the first field is skipped by some and ends the head for others (RFC 9112 section 2.2)"
	t.add("a space before the first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", "400")
	t.add("a tab before the first field", "GET / HTTP/1.1\r\n\tHost: a\r\n\r\n", "400")
	t.add("a line of spaces before the first field", "GET / HTTP/1.1\r\n  \r\nHost: a\r\n\r\n", "400")
}

func (t *rawTable) hosts() {
	host := func(value, want string) {
		sent := "GET / HTTP/1.1\r\nHost: " + value + "\r\n\r\n"
		if want == "" {
			want = sent
		}
		t.add(fmt.Sprintf("Host %.60q", value), sent, want)
	}
	t.why = "an ordinary Host"
	for _, value := range []string{"localhost:8080", "127.0.0.1", "shop.example", "[::1]", "[::1]:8080", "a_b", "a.b.", "xn--bcher-kva.example", "A.Example", "a:0", "a:65535"} {
		host(value, "")
	}
	t.why = "Host must be a name or an address, with or without a port (RFC 9110 section 7.2): apps build links with it, and choose by it whom they serve"
	for _, value := range []string{"", "a b", "a, b", "a/b", "a?b", "a#b", "a@b", "a:b", "a:1x", "a:99999", "a:-1", "a:", "a:80:80", ":80", "[::1", "::1", "[a]", "[::1]x", "[fe80::1%25eth0]", "a\\b", "<a>", "a\"", "a;b", "ä", "a%41", "http://a", "a\tb", "*"} {
		host(value, "400")
	}
	t.add("a Host of 300 bytes", "GET / HTTP/1.1\r\nHost: "+strings.Repeat("a", 300)+"\r\n\r\n", "GET / HTTP/1.1\r\nHost: "+strings.Repeat("a", 300)+"\r\n\r\n")
	t.add("a Host of 400 bytes", "GET / HTTP/1.1\r\nHost: "+strings.Repeat("a", 400)+"\r\n\r\n", "400")
	t.why = "HTTP/1.1 has exactly one Host (RFC 9112 section 3.2)"
	t.add("no Host", "GET / HTTP/1.1\r\n\r\n", "400")
	t.add("no Host but another field", "GET / HTTP/1.1\r\nX: b\r\n\r\n", "400")
	t.head("two Hosts", "Host: b\r\n", "400")
	t.head("the same Host twice", "Host: a\r\n", "400")
	t.head("two Hosts in different case", "hOST: b\r\n", "400")
	t.add("two Hosts in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", "400")
	t.add("two Hosts with fields between", "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\nHost: c\r\n\r\n", "400")
}

func (t *rawTable) lengths() {
	length := func(value string) {
		t.add(fmt.Sprintf("Content-Length %.60q", value), "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: "+value+"\r\n\r\nhello", "400")
	}
	t.why = "Content-Length is digits and nothing else (RFC 9110 section 8.6)"
	for _, value := range []string{"", "+5", "-5", "-0", "0x5", "5 5", "5.0", "5e0", "5,", ",5", "5;", "five", "5_0", "\"5\"", "5\x00", "٥", "5\t5", "9223372036854775808", "18446744073709551621", "99999999999999999999999", strings.Repeat("9", 500), "0b101", "5h", "NaN"} {
		length(value)
	}
	t.why = "more than one length is refused also where they agree: RFC 9110 section 8.6 allows that, and nobody sends it"
	length("5, 5")
	length("5,5")
	t.add("the same length twice", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "400")
	t.why = "two lengths: front and worker may each believe another one (RFC 9112 section 6.3)"
	length("5, 6")
	t.add("two lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "400")
	t.add("two lengths in different case", "POST / HTTP/1.1\r\nHost: a\r\ncontent-length: 5\r\nCONTENT-LENGTH: 0\r\n\r\nhello", "400")
	t.add("two lengths, one 0", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n", "400")
	t.why = "zeros at the beginning change nothing; the worker gets the number"
	t.add("Content-Length with zeros", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0005\r\n\r\nhello", rawHello)
	t.add("Content-Length with spaces around", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:  5 \r\n\r\nhello", rawHello)
}

func (t *rawTable) codings() {
	coding := func(value, want string) {
		t.add(fmt.Sprintf("Transfer-Encoding %q", value), "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "+value+"\r\n\r\n5\r\nhello\r\n0\r\n\r\n", want)
	}
	t.why = "the one coding is chunked, and what else is there could be read as that or not (RFC 9112 section 6.3)"
	for _, value := range []string{"", "identity", "gzip", "deflate", "cow", "xchunked", "chunkedx", "chunked, identity", "chunked, gzip", "chunked, chunked", "chunked,", ",chunked", "chunked;q=1", "chunked; a=b", "\"chunked\"", "'chunked'", "chunked\x0b", "\x0bchunked", "chunked\x00", "chunked\x7f", "chunked \x0c", "chun ked", "chunked chunked", "chunked\tx", "c\xc5\xabunked", "chunked, ", "gzip chunked"} {
		coding(value, "400")
	}
	t.why = "what is encoded in another way besides gets 501: we cannot know what it means (RFC 9112 section 6.1)"
	for _, value := range []string{"gzip, chunked", "identity, chunked", "gzip,deflate,chunked", "x, chunked"} {
		coding(value, "501")
	}
	t.why = "chunked is the same in any case, and white space around it is none of it"
	for _, value := range []string{"Chunked", "CHUNKED", "chunked ", " chunked", "\tchunked\t"} {
		coding(value, rawChunked)
	}
	t.why = "two Transfer-Encodings: one side may look at the first, the other at the last"
	two := func(first, second string) {
		t.add(fmt.Sprintf("Transfer-Encoding %q and %q", first, second),
			"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "+first+"\r\nTransfer-Encoding: "+second+"\r\n\r\n0\r\n\r\n", "400")
	}
	two("chunked", "chunked")
	two("chunked", "identity")
	two("identity", "chunked")
	two("gzip", "chunked")
	two("chunked", "x")
	t.add("Transfer-Encoding in two cases", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\ntransfer-encoding: x\r\n\r\n0\r\n\r\n", "400")
	t.why = "HTTP/1.0 has no Transfer-Encoding: its parsers would take chunks for the body (RFC 9112 section 6.1)"
	t.add("Transfer-Encoding in HTTP/1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "400")
}

func (t *rawTable) smuggling() {
	const evil = "GET /evil HTTP/1.1\r\nHost: a\r\n\r\n"
	t.why = "Content-Length with Transfer-Encoding is how requests are smuggled (RFC 9112 section 6.1 lets us refuse it)"
	t.add("CL.TE", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG", "400")
	t.add("TE.CL", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n1e\r\n"+evil+"\r\n0\r\n\r\n", "400")
	t.add("CL.TE with a whole request", fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n%s", 5+len(evil), evil), "400")
	t.add("CL.TE, both right", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400")
	t.add("CL 0 and TE", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400")
	t.add("TE in HTTP/1.0 with CL", "POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400")
	t.why = "a Transfer-Encoding in disguise, beside a Content-Length: whoever sees it reads another request"
	for _, line := range []string{
		"Transfer-Encoding: xchunked", "Transfer-Encoding : chunked", "Transfer-Encoding:\x0bchunked", "Transfer-Encoding: chunked\x0b",
		"Transfer-Encoding\x00: chunked", " Transfer-Encoding: chunked", "X: b\n Transfer-Encoding: chunked", "X: b\rTransfer-Encoding: chunked",
		"Transfer-Encoding\n: chunked", "Transfer-\r\n Encoding: chunked", "Transfer-Encoding: \"chunked\"", "Transfer-Encoding: chunked, identity",
	} {
		t.add(fmt.Sprintf("CL and %q", line), "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"+line+"\r\n\r\n0\r\n\r\n", "400")
	}
	t.why = "a name that only resembles one is another field"
	t.add("CL and Transfer-Encodings", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encodings: chunked\r\n\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encodings: chunked\r\n\r\n0\r\n\r\n")
	t.add("CL and X-Transfer-Encoding", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX-Transfer-Encoding: chunked\r\n\r\nhello",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX-Transfer-Encoding: chunked\r\n\r\nhello")
	t.why = "what Connection lists is not forwarded, but framing is ours: nobody can have it taken out"
	t.add("Connection lists Content-Length", "POST / HTTP/1.1\r\nHost: a\r\nConnection: Content-Length\r\nContent-Length: 5\r\n\r\nhello", rawHello)
	t.add("Connection lists Transfer-Encoding", "POST / HTTP/1.1\r\nHost: a\r\nConnection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", rawChunked)
	t.add("Connection lists Host", "GET / HTTP/1.1\r\nHost: a\r\nConnection: Host\r\n\r\n", rawGet)
	t.why = "a body is a body, whatever it looks like"
	t.same("a request as a body", fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", len(evil), evil))
	t.same("GET with a request as a body", fmt.Sprintf("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", len(evil), evil))
	t.same("OPTIONS with a request as a body", fmt.Sprintf("OPTIONS / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", len(evil), evil))
}
