package proxy

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// The rules for messages. They know nothing of connections, so that another engine can use them.

// hopByHop says whether a field belongs to one connection and is not forwarded (RFC 9110 section 7.6.1; Keep-Alive and
// Proxy-Connection by custom). Names are in canonical form here and below.
func hopByHop(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer",
		"Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}

// ours says whether the worker gets this field from us alone. A client's own is not believed.
func ours(name string) bool {
	switch name {
	case "Forwarded", "X-Real-Ip", "Host", "Content-Length", "Expect", "Http2-Settings":
		return true
	}
	return strings.HasPrefix(name, "X-Forwarded-")
}

// aliased says whether a name with "_" becomes, in a worker that speaks CGI, WSGI or PHP, the name of a field that we vouch
// for: both X-Forwarded-For and X_Forwarded_For are HTTP_X_FORWARDED_FOR there.
func aliased(name string) bool {
	if strings.IndexByte(name, '_') < 0 {
		return false
	}
	name = http.CanonicalHeaderKey(strings.ReplaceAll(name, "_", "-"))
	return ours(name) || hopByHop(name) || name == "Content-Type"
}

// forwarded says whether a field of a request goes to the worker as it is.
func forwarded(name string, listed []string) bool {
	return !hopByHop(name) && !ours(name) && !aliased(name) && !slices.Contains(listed, name)
}

// options returns what a Connection field lists, in canonical form: more fields that are hop-by-hop.
func options(values []string, to []string) []string {
	for _, v := range values {
		for option := range strings.SplitSeq(v, ",") {
			if option = strings.TrimSpace(option); option != "" {
				to = append(to, http.CanonicalHeaderKey(option))
			}
		}
	}
	return to
}

// upgradeOf returns the protocol that a request wants to change to; "" = none. It is not done for h2c, whose requests we
// would not see, nor for HTTP/1.0 (RFC 9110 section 7.8), nor with a body.
func upgradeOf(r *http.Request, listed []string) string {
	up := r.Header["Upgrade"]
	if len(up) == 0 || r.ProtoMajor != 1 || r.ProtoMinor == 0 || r.ContentLength != 0 || !slices.Contains(listed, "Upgrade") {
		return ""
	}
	value := strings.Join(up, ", ")
	if strings.Contains(strings.ToLower(value), "h2c") {
		return ""
	}
	return value
}

// talksGRPC says whether a request is a call of gRPC.
func talksGRPC(r *http.Request) bool {
	return r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc")
}

// wantsTrailers says whether a client understands trailers.
func wantsTrailers(r *http.Request) bool {
	for _, v := range r.Header["Te"] {
		for coding := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(coding), "trailers") {
				return true
			}
		}
	}
	return false
}

// mayTrail says whether a field may come in a trailer: none that frames or routes the message (RFC 9110 section 6.5.1).
func mayTrail(name string) bool {
	return !hopByHop(name) && !ours(name) && !aliased(name) && name != "Content-Encoding" && name != "Content-Type" &&
		name != "Content-Range"
}

// target is the request target for a worker: origin form, or "*". Of one in absolute form it is what follows the host, as the
// client wrote it (RFC 9112 section 3.2.2); the host has become Host in net/http.
func target(r *http.Request) string {
	if strings.HasPrefix(r.RequestURI, "/") || r.RequestURI == "*" {
		return r.RequestURI
	}
	_, rest, _ := strings.Cut(r.RequestURI, "://")
	switch i := strings.IndexAny(rest, "/?"); {
	case i >= 0 && rest[i] == '/':
		return rest[i:]
	case i >= 0:
		return "/" + rest[i:]
	case r.Method == http.MethodOptions:
		return "*" // RFC 9112 section 3.2.4
	}
	return "/"
}

// ensureHost gives a request of HTTP/1.0 that names no host the address which it came to: HTTP/1.1 to the worker needs one.
func ensureHost(r *http.Request) {
	if r.Host != "" {
		return
	}
	r.Host = "localhost"
	if a, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
		r.Host = a.String()
	}
}

// takesNoTurn says whether a path is one that browsers ask for unasked. It would eat every second turn.
func takesNoTurn(path string) bool {
	switch {
	case path == "/favicon.ico", path == "/robots.txt", path == "/browserconfig.xml":
		return true
	case strings.HasPrefix(path, "/favicon"):
		return strings.HasSuffix(path, ".png") || strings.HasSuffix(path, ".svg") || strings.HasSuffix(path, ".ico")
	case strings.HasPrefix(path, "/apple-touch-icon"):
		return strings.HasSuffix(path, ".png")
	}
	return strings.HasPrefix(path, "/.well-known/appspecific/")
}

// idempotent says whether a request may be executed twice (RFC 9110 section 9.2.2). Whoever sends Idempotency-Key promises
// that the second time does nothing.
func idempotent(r *http.Request) bool {
	switch r.Method {
	case "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE":
		return true
	}
	return len(r.Header["Idempotency-Key"]) > 0 || len(r.Header["X-Idempotency-Key"]) > 0
}

// rewriteLocation makes a Location that names the worker itself one that names the front, as the client addressed it.
func rewriteLocation(location string, port int, o *origin) string {
	if !strings.HasPrefix(location, "http") { // the common case is a path
		return location
	}
	u, err := url.Parse(location)
	if err != nil || u.Port() != strconv.Itoa(port) {
		return location
	}
	switch u.Hostname() {
	case "localhost", "127.0.0.1", "::1", "0.0.0.0":
	default:
		return location
	}
	u.Scheme, u.Host = o.scheme, o.host
	return u.String()
}

func scheme(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// clientAddress is the address that a request came from, without its port, brackets and zone. Whoever comes by a unix socket
// is on this machine, and apps want to read an address.
func clientAddress(remote string) string {
	if remote == "" || remote[0] == '@' || remote[0] == '/' {
		return "127.0.0.1"
	}
	if i := strings.LastIndexByte(remote, ':'); i >= 0 {
		remote = remote[:i]
	}
	remote = strings.TrimSuffix(strings.TrimPrefix(remote, "["), "]")
	address, _, _ := strings.Cut(remote, "%")
	return address
}
