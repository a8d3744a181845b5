package proxy

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/lbdev/lbdev/proxy/badge"
)

// pages is a worker with a page in every form.
func pages(w http.ResponseWriter, r *http.Request) {
	page := "<!doctype html><title>x</title><body><h1>hello</h1>" + strings.Repeat("<p>more</p>", 20)
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Etag", `"1"`)
	h.Set("X-Asked", r.Header.Get("Accept-Encoding")+r.Header.Get("If-None-Match"))
	switch r.URL.Path {
	case "/json":
		h.Set("Content-Type", "application/json")
		io.WriteString(w, `"<body>"`)
	case "/length":
		h.Set("Content-Length", fmt.Sprint(len(page)))
		io.WriteString(w, page)
	case "/large":
		page += strings.Repeat("<p>more</p>", 1<<16)
		h.Set("Content-Length", fmt.Sprint(len(page)))
		io.WriteString(w, page)
	case "/gzip":
		h.Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		io.WriteString(z, page)
		z.Close()
	case "/policy":
		h.Set("Content-Security-Policy", "default-src 'none'")
		io.WriteString(w, page)
	case "/empty":
	case "/trailer":
		h.Set("Trailer", "X-After")
		io.WriteString(w, page)
		h.Set("X-After", "yes")
	}
}

var browses = []string{"Sec-Fetch-Dest: document", "Accept-Encoding: gzip, br", `If-None-Match: "1"`}

// TestBadge: a browser's page has the label of its worker, in every form; everything else is as the worker sent it, and so is the page
// without the badge.
func TestBadge(t *testing.T) {
	for _, lanes := range []bool{false, true} {
		g := newRig(t)
		var b *Backend
		if lanes {
			b, _ = g.lanesWorker(1, pages)
		} else {
			b = g.serve(1, pages)
		}
		mark := fmt.Sprintf(`aria-label="served by port %d"`, b.port)
		for _, path := range []string{"/json", "/length", "/large", "/gzip", "/policy", "/empty", "/trailer"} {
			g.proxy.SetBadge(false)
			before := g.send("GET", path, nil, browses...)
			if before.header.Get("X-Asked") != `gzip, br"1"` || before.header.Get("Etag") != `"1"` {
				t.Errorf("%s: without the badge: %v", path, before.header)
			}
			g.proxy.SetBadge(true)
			if other := g.send("GET", path, nil, "Accept: */*", "Accept-Encoding: gzip, br"); other.body != before.body || other.header.Get("X-Asked") != "gzip, br" {
				t.Errorf("%s: what is no page has changed: %v", path, other.header)
			}
			got := g.send("GET", path, nil, browses...)
			if got.err != nil || got.header.Get("X-Asked") != "gzip" {
				t.Errorf("%s: %v, the worker was asked for %q", path, got.err, got.header.Get("X-Asked"))
			}
			if path == "/json" {
				if got.body != before.body || got.header.Get("Etag") == "" {
					t.Errorf("%s: %q, %v", path, got.body, got.header)
				}
				continue
			}
			if got.header.Get("Etag")+got.header.Get("Content-Encoding") != "" || got.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %v", path, got.header)
			}
			if path == "/empty" {
				continue
			}
			at := strings.Index(got.body, "<lbdev-badge ")
			end := strings.Index(got.body, "</lbdev-badge>") + len("</lbdev-badge>")
			if at < 0 || !strings.Contains(got.body[at:end], mark) || got.body[:at] != "<!doctype html><title>x</title><body>" {
				t.Fatalf("%s: %.300q", path, got.body)
			}
			if rest := got.body[:at] + got.body[end:]; path != "/gzip" && rest != before.body {
				t.Errorf("%s: but for its label the page has changed: %d bytes, before %d", path, len(rest), len(before.body))
			}
			if policy := got.header.Get("Content-Security-Policy"); (path == "/policy") != strings.Contains(policy, "style-src 'sha256-") {
				t.Errorf("%s: policy %q", path, policy)
			}
		}
		got := g.send("HEAD", "/length", nil, browses...)
		if got.header.Get("Content-Length") != "" || got.status != 200 || got.err != nil {
			t.Errorf("its head alone: %+v", got)
		}
		if after := g.send("GET", "/trailer", nil, append(browses, "TE: trailers")...); !strings.Contains(after.body, mark) {
			t.Errorf("with trailers: %q", after.body)
		}
	}
}

// TestBadgeStreams: a page that never ends has its label at once, packed or not, and what follows comes as it is sent.
func TestBadgeStreams(t *testing.T) {
	g := newRig(t)
	g.proxy.SetBadge(true)
	more := make(chan bool)
	g.serve(1, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		var to interface {
			io.Writer
			Flush() error
		} = bufio.NewWriter(w)
		if r.Header.Get("Accept-Encoding") == "gzip" {
			w.Header().Set("Content-Encoding", "gzip")
			packed := gzip.NewWriter(w)
			defer packed.Close()
			to = packed
		}
		for i := 1; i <= 3; i++ {
			fmt.Fprintf(to, "tick %d\n", i)
			to.Flush()
			http.NewResponseController(w).Flush()
			<-more
		}
	})
	for _, coding := range []string{"identity", "gzip"} {
		r, _ := http.NewRequest("GET", g.front.URL, nil)
		r.Header.Set("Accept", "text/html")
		r.Header.Set("Accept-Encoding", coding)
		resp, err := g.front.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		in := bufio.NewReader(resp.Body)
		for i := 1; i <= 3; i++ {
			line, err := in.ReadString('\n')
			if want := fmt.Sprintf("tick %d\n", i); !strings.HasSuffix(line, want) || err != nil || (i == 1) != strings.HasPrefix(line, "<lbdev-badge ") {
				t.Errorf("%s: %q, %v", coding, line, err)
			}
			more <- true
		}
		if rest, err := io.ReadAll(in); len(rest) > 0 || err != nil {
			t.Errorf("%s: in the end %q, %v", coding, rest, err)
		}
		resp.Body.Close()
	}
}

// TestBadgeOfNonsense: what claims to be packed and is not is cut, and said to be what it is.
func TestBadgeOfNonsense(t *testing.T) {
	g := newRig(t)
	g.proxy.SetBadge(true)
	g.serve(1, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Content-Encoding", "gzip")
		io.WriteString(w, "no gzip")
	})
	g.send("GET", "/", nil, browses...)
	if a := g.access(0); a.Outcome != Cut || !strings.Contains(a.Reason, badge.ErrPacking.Error()) {
		t.Errorf("%+v", a)
	}
}
