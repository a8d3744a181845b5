package proxy

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// An origin is where a request comes from, and how its client addressed the front.
type origin struct {
	peer    string   // the address of whoever is connected
	client  string   // that of whoever sent the request: the peer, or the one for whom it speaks
	scheme  string   // http or https
	host    string   // with its port
	trusted bool     // the peer is a proxy whose word is believed
	chain   []string // the values of X-Forwarded-For that it sent
}

// originOf finds out where a request comes from. Nothing is believed of what the client says, unless it is trusted.
func (p *Proxy) originOf(r *http.Request) origin {
	peer := clientAddress(r.RemoteAddr)
	o := origin{peer: peer, client: peer, scheme: scheme(r), host: r.Host}
	if len(p.Trusted) == 0 || !p.trusts(peer) {
		return o
	}
	o.trusted = true
	o.chain = r.Header["X-Forwarded-For"]
	o.client = p.clientIn(o.chain, peer)
	if s := lastOf(r.Header["X-Forwarded-Proto"]); strings.EqualFold(s, "https") {
		o.scheme = "https"
	} else if strings.EqualFold(s, "http") {
		o.scheme = "http"
	}
	if h := r.Header["X-Forwarded-Host"]; len(h) == 1 && h[0] != "" && !strings.ContainsAny(h[0], ", /\\@?#") {
		o.host = h[0]
	}
	return o
}

// trusts says whether an address is that of a proxy before us.
func (p *Proxy) trusts(address string) bool {
	a, err := netip.ParseAddr(address)
	a = a.Unmap().WithZone("")
	return err == nil && slices.ContainsFunc(p.Trusted, func(block netip.Prefix) bool { return block.Contains(a) })
}

// clientIn walks through X-Forwarded-For from its end, which our peer has written, to its begin, which anybody may have. The
// first address that is not trusted is the client's: what stands before it is the client's own word. Behind something that is
// no address nothing is known.
func (p *Proxy) clientIn(chain []string, peer string) string {
	client := peer
	for i := len(chain) - 1; i >= 0; i-- {
		rest := chain[i]
		for rest != "" {
			var last string
			if at := strings.LastIndexByte(rest, ','); at >= 0 {
				rest, last = rest[:at], rest[at+1:]
			} else {
				rest, last = "", rest
			}
			address, ok := hopAddress(strings.TrimSpace(last))
			if !ok {
				return client
			}
			client = address
			if !p.trusts(address) {
				return client
			}
		}
	}
	return client
}

// hopAddress reads an address as proxies write it: mostly bare, by some with brackets or a port.
func hopAddress(text string) (address string, ok bool) {
	if a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")); err == nil {
		return a.Unmap().WithZone("").String(), true
	}
	if a, err := netip.ParseAddrPort(text); err == nil {
		return a.Addr().Unmap().WithZone("").String(), true
	}
	return "", false
}

// lastOf is the last element of a list that several proxies may have written: that of our peer.
func lastOf(values []string) string {
	if len(values) == 0 {
		return ""
	}
	last := values[len(values)-1]
	return strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
}

// appendOrigin appends what the worker is told of it.
func (o *origin) appendOrigin(buf []byte) []byte {
	buf = append(buf, "\r\nX-Forwarded-For: "...)
	buf = o.appendHops(buf)
	buf = appendField(buf, "X-Forwarded-Proto", o.scheme)
	return appendField(buf, "X-Forwarded-Host", o.host)
}

// appendHops appends the addresses that the request came by.
func (o *origin) appendHops(buf []byte) []byte {
	for _, hops := range o.chain {
		if hops != "" {
			buf = append(buf, hops...)
			buf = append(buf, ", "...)
		}
	}
	return append(buf, o.peer...)
}

// addTo is appendOrigin for HTTP/2.
func (o *origin) addTo(h http.Header) {
	h["X-Forwarded-For"] = []string{string(o.appendHops(nil))}
	h["X-Forwarded-Proto"] = []string{o.scheme}
	h["X-Forwarded-Host"] = []string{o.host}
}

// believed says whether a field that is otherwise ours goes to the worker as a trusted peer has sent it.
func believed(name string) bool {
	switch name {
	case "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host": // which appendOrigin writes
		return false
	case "Forwarded", "X-Real-Ip":
		return true
	}
	return strings.HasPrefix(name, "X-Forwarded-")
}
