package proxy

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func prefixes(texts ...string) (blocks []netip.Prefix) {
	for _, text := range texts {
		blocks = append(blocks, netip.MustParsePrefix(text))
	}
	return blocks
}

func TestOrigin(t *testing.T) {
	local := prefixes("127.0.0.0/8", "10.0.0.0/8", "::1/128", "fd00::/8")
	for _, tt := range []struct {
		name, remote string
		trusted      []netip.Prefix
		fields       []string // "Name: value"
		client       string
		sent         string // For|Proto|Host
	}{
		{"nobody is trusted", "127.0.0.1:1", nil, []string{"X-Forwarded-For: 9.9.9.9", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil"}, "127.0.0.1", "127.0.0.1|http|front:80"},
		{"not this one", "192.0.2.1:1", local, []string{"X-Forwarded-For: 9.9.9.9", "X-Forwarded-Proto: https"}, "192.0.2.1", "192.0.2.1|http|front:80"},
		{"nothing said", "127.0.0.1:1", local, nil, "127.0.0.1", "127.0.0.1|http|front:80"},
		{"one hop", "127.0.0.1:1", local, []string{"X-Forwarded-For: 192.0.2.9", "X-Forwarded-Proto: https", "X-Forwarded-Host: shop.example"}, "192.0.2.9", "192.0.2.9, 127.0.0.1|https|shop.example"},
		{"the client's own word", "127.0.0.1:1", local, []string{"X-Forwarded-For: 9.9.9.9, 192.0.2.9, 10.1.1.1"}, "192.0.2.9", "9.9.9.9, 192.0.2.9, 10.1.1.1, 127.0.0.1|http|front:80"},
		{"several fields", "127.0.0.1:1", local, []string{"X-Forwarded-For: 192.0.2.9", "X-Forwarded-For: 10.1.1.1"}, "192.0.2.9", "192.0.2.9, 10.1.1.1, 127.0.0.1|http|front:80"},
		{"all trusted", "127.0.0.1:1", local, []string{"X-Forwarded-For: 10.2.2.2, 10.1.1.1"}, "10.2.2.2", "10.2.2.2, 10.1.1.1, 127.0.0.1|http|front:80"},
		{"junk ends it", "127.0.0.1:1", local, []string{"X-Forwarded-For: 192.0.2.9, unknown, 10.1.1.1"}, "10.1.1.1", "192.0.2.9, unknown, 10.1.1.1, 127.0.0.1|http|front:80"},
		{"only junk", "127.0.0.1:1", local, []string{"X-Forwarded-For: unknown"}, "127.0.0.1", "unknown, 127.0.0.1|http|front:80"},
		{"empty elements", "127.0.0.1:1", local, []string{"X-Forwarded-For: 192.0.2.9,"}, "127.0.0.1", "192.0.2.9,, 127.0.0.1|http|front:80"},
		{"empty", "127.0.0.1:1", local, []string{"X-Forwarded-For: "}, "127.0.0.1", "127.0.0.1|http|front:80"},
		{"IPv6", "[::1]:1", local, []string{"X-Forwarded-For: 2001:db8::9"}, "2001:db8::9", "2001:db8::9, ::1|http|front:80"},
		{"brackets and a port", "[::1]:1", local, []string{"X-Forwarded-For: [2001:db8::9]:1234"}, "2001:db8::9", "[2001:db8::9]:1234, ::1|http|front:80"},
		{"a port", "[::1]:1", local, []string{"X-Forwarded-For: 192.0.2.9:1234"}, "192.0.2.9", "192.0.2.9:1234, ::1|http|front:80"},
		{"mapped", "[::ffff:10.0.0.1]:1", local, []string{"X-Forwarded-For: 192.0.2.9"}, "192.0.2.9", "192.0.2.9, ::ffff:10.0.0.1|http|front:80"},
		{"a unix socket", "@", local, []string{"X-Forwarded-For: 192.0.2.9"}, "192.0.2.9", "192.0.2.9, 127.0.0.1|http|front:80"},
		{"a unix socket, nobody trusted", "", nil, []string{"X-Forwarded-For: 192.0.2.9"}, "127.0.0.1", "127.0.0.1|http|front:80"},
		{"protos of two", "127.0.0.1:1", local, []string{"X-Forwarded-Proto: http, HTTPS"}, "127.0.0.1", "127.0.0.1|https|front:80"},
		{"no such proto", "127.0.0.1:1", local, []string{"X-Forwarded-Proto: javascript"}, "127.0.0.1", "127.0.0.1|http|front:80"},
		{"hosts of two", "127.0.0.1:1", local, []string{"X-Forwarded-Host: a, b"}, "127.0.0.1", "127.0.0.1|http|front:80"},
		{"no host", "127.0.0.1:1", local, []string{"X-Forwarded-Host: a/b"}, "127.0.0.1", "127.0.0.1|http|front:80"},
	} {
		r, _ := http.NewRequest("GET", "http://front:80/", nil)
		r.RemoteAddr = tt.remote
		for _, f := range tt.fields {
			name, value, _ := strings.Cut(f, ": ")
			r.Header.Add(name, value)
		}
		o := (&Proxy{Trusted: tt.trusted}).originOf(r)
		sent := string(o.appendOrigin(nil))
		want := "\r\nX-Forwarded-For: %s\r\nX-Forwarded-Proto: %s\r\nX-Forwarded-Host: %s"
		parts := strings.Split(tt.sent, "|")
		if want = fmt.Sprintf(want, parts[0], parts[1], parts[2]); o.client != tt.client || sent != want {
			t.Errorf("%s: client %q, want %q\nsent %q\nwant %q", tt.name, o.client, tt.client, sent, want)
		}
	}
}

// TestTrustedPeer is what a worker and a client see: the fields that go through, the Location, the record.
func TestTrustedPeer(t *testing.T) {
	for _, trusted := range []bool{false, true} {
		g := newRig(t, func(p *Proxy) {
			if trusted {
				p.Trusted = prefixes("127.0.0.0/8")
			}
		})
		var worker *Backend
		var got http.Header
		worker = g.serve(1, func(w http.ResponseWriter, r *http.Request) {
			got = r.Header
			http.Redirect(w, r, fmt.Sprintf("http://localhost:%d/next", worker.Port()), http.StatusFound)
		})
		r, _ := http.NewRequest("GET", g.front.URL, nil)
		for name, value := range map[string]string{
			"X-Forwarded-For": "192.0.2.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "shop.example", "X-Forwarded-Port": "443",
			"Forwarded": "for=192.0.2.9", "X-Real-Ip": "192.0.2.9", "X_Forwarded_For": "6.6.6.6",
		} {
			r.Header[name] = []string{value}
		}
		answer := g.do(r)
		a := g.access(0)
		if len(got["X_forwarded_for"]) > 0 {
			t.Errorf("an alias went through: %v", got)
		}
		var names []string
		for _, name := range []string{"X-Forwarded-Port", "Forwarded", "X-Real-Ip"} {
			if len(got[name]) > 0 {
				names = append(names, name)
			}
		}
		if !trusted {
			if len(names) > 0 || got.Get("X-Forwarded-For") != "127.0.0.1" || answer.header.Get("Location") != g.front.URL+"/next" || a.Client != "127.0.0.1" {
				t.Errorf("believed: %v, %v, %+v", got, answer.header, a)
			}
			continue
		}
		if !slices.Equal(names, []string{"X-Forwarded-Port", "Forwarded", "X-Real-Ip"}) || got.Get("X-Forwarded-For") != "192.0.2.9, 127.0.0.1" ||
			answer.header.Get("Location") != "https://shop.example/next" || a.Client != "192.0.2.9" {
			t.Errorf("not believed: %v, %v, %+v", got, answer.header, a)
		}
	}
}
