package dashboard

import (
	"net"
	"net/http"
	"strings"
	"testing"
)

// everything are all routes with a request that would have an effect or tell something.
var everything = []struct{ method, path, body string }{
	{"GET", "/", ""},
	{"GET", "/dashboard/", ""},
	{"GET", "/dashboard/main.js", ""},
	{"GET", "/dashboard/nothing", ""},
	{"GET", "/nothing", ""},
	{"GET", "/dashboard/v1/live", ""},
	{"GET", "/dashboard/v1/requests/1", ""},
	{"GET", "/dashboard/v1/requests/1?secrets=true", ""},
	{"GET", "/dashboard/v1/cluster", ""},
	{"GET", "/dashboard/v1/events?follow=false", ""},
	{"GET", "/dashboard/v1/logs?follow=false", ""},
	{"GET", "/dashboard/v1/requests", ""},
	{"GET", "/dashboard/metrics", ""},
	{"GET", "/v1/cluster", ""},
	{"GET", "/metrics", ""},
	{"POST", "/dashboard/v1/send", `{"n":3}`},
	{"PUT", "/dashboard/v1/load", `{"rps":50}`},
	{"POST", "/dashboard/v1/requests/1/replay", "{}"},
	{"POST", "/dashboard/v1/workers/1/kill", ""},
	{"POST", "/dashboard/v1/workers/1/stop", ""},
	{"POST", "/dashboard/v1/workers/1/start", ""},
	{"POST", "/dashboard/v1/workers/1/restart", ""},
	{"POST", "/dashboard/v1/workers/1/pause", ""},
	{"POST", "/dashboard/v1/workers/1/resume", ""},
	{"POST", "/dashboard/v1/workers/1/drain", ""},
	{"POST", "/dashboard/v1/workers/1/undrain", ""},
	{"PUT", "/dashboard/v1/workers/1/fault", `{"fault":"latency=1s"}`},
	{"PUT", "/dashboard/v1/workers/1/weight", `{"weight":3}`},
	{"PUT", "/dashboard/v1/workers", `{"n":4}`},
	{"PUT", "/dashboard/v1/policy", `{"policy":"random"}`},
	{"PUT", "/dashboard/v1/badge", `{"badge":true}`},
	{"POST", "/dashboard/v1/rolling-restart", ""},
	{"POST", "/dashboard/v1/shutdown", ""},
}

// TestStrangers: nobody who has no token, and no page but our own, reads or changes anything, on any route.
func TestStrangers(t *testing.T) {
	b := open(t, 2, "127.0.0.1:0")
	own := strings.TrimPrefix(b.Address(), "http://")
	_, port, _ := net.SplitHostPort(own)
	cookie := "Cookie: lbdev-" + port + "="
	strangers := []struct {
		name    string
		headers []string
		want    int
	}{
		{"no token", nil, 401},
		{"an empty token", []string{"Authorization: Bearer "}, 401},
		{"a wrong token", []string{"Authorization: Bearer " + token[1:]}, 401},
		{"a wrong cookie", []string{cookie + "x"}, 401},
		{"another dashboard's cookie", []string{"Cookie: lbdev-1=" + token}, 401},
		{"the token as a password", []string{"Authorization: Basic " + token}, 401},
		{"a foreign host", []string{cookie + token, "Host: evil.example"}, 403},
		{"a foreign host that begins like ours", []string{cookie + token, "Host: 127.0.0.1.evil.example:" + port}, 403},
		{"another address", []string{cookie + token, "Host: 192.0.2.1:" + port}, 403},
		{"a foreign origin", []string{cookie + token, "Origin: https://evil.example"}, 403},
		{"no origin at all", []string{cookie + token, "Origin: null"}, 403},
		{"the app's origin", []string{cookie + token, "Origin: http://127.0.0.1:8080", "Sec-Fetch-Site: same-site"}, 403},
		{"the app's page, as a script", []string{cookie + token, "Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: script"}, 403},
		{"a page of elsewhere, as a frame", []string{cookie + token, "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"}, 403},
	}
	before := b.Cluster.Snapshot()
	for _, route := range everything {
		for _, who := range strangers {
			resp, text := b.ask(route.method, route.path, route.body, who.headers...)
			if resp.StatusCode != who.want || !strings.HasPrefix(text, `{"error":"cannot `) {
				t.Errorf("%s %s with %s: %d %q, want %d", route.method, route.path, who.name, resp.StatusCode, text, who.want)
			}
			if resp.Header.Get("Set-Cookie") != "" || resp.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s %s with %s: %v", route.method, route.path, who.name, resp.Header)
			}
		}
	}
	after := b.Cluster.Snapshot()
	if after.Policy != before.Policy || *after.Badge || len(after.Workers) != 2 || after.Requests.Total != before.Requests.Total || b.sender.current().RPS != 0 {
		t.Errorf("something has changed: %+v, before %+v", after, before)
	}
	for i, w := range after.Workers {
		if was := before.Workers[i]; w.State != was.State || w.Incarnation != was.Incarnation || w.Weight != was.Weight || w.Fault != was.Fault {
			t.Errorf("worker %d has changed: %+v, before %+v", w.Worker, w, was)
		}
	}
}

// TestReaders: the token for readers shows everything and changes nothing.
func TestReaders(t *testing.T) {
	b := open(t, 1, "127.0.0.1:0")
	b.front("POST", "/echo", "secret", "X-Mine: secret", "Accept-Language: harmless", "Cookie: secret", "Referer: http://a.test/secret")
	before := b.Cluster.Snapshot().Workers[0].Incarnation
	for _, route := range everything {
		if strings.HasSuffix(route.path, "/live") {
			continue
		}
		resp, text := b.ask(route.method, route.path, route.body, "Authorization: Bearer "+readToken)
		if write := route.method != "GET" || strings.Contains(route.path, "secrets"); write != (resp.StatusCode == http.StatusForbidden) {
			t.Errorf("%s %s: %d %s", route.method, route.path, resp.StatusCode, text)
		}
	}
	_, text := b.ask("GET", home+"v1/requests/1", "", "Authorization: Bearer "+readToken)
	if !strings.Contains(text, `"X-Mine"`) || !strings.Contains(text, "harmless") || strings.Contains(text, "secret") {
		t.Errorf("of a request they see %s", text)
	}
	if w := b.Cluster.Snapshot().Workers[0]; w.Incarnation != before || w.Weight != 1 {
		t.Errorf("something has changed: %+v", w)
	}
}

// TestWelcome: the token in the URL becomes a cookie that only the dashboard's own path gets, and leaves the address bar.
func TestWelcome(t *testing.T) {
	b := open(t, 1, "127.0.0.1:0")
	resp, _ := b.ask("GET", strings.TrimPrefix(b.URL(), b.Address()), "", "Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate")
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != home {
		t.Fatalf("%s to %s", resp.Status, resp.Header.Get("Location"))
	}
	c := resp.Cookies()[0]
	if c.Path != home || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Domain != "" {
		t.Errorf("cookie: %+v", c)
	}
	resp, text := b.ask("GET", home, "", "Cookie: "+c.Name+"="+c.Value)
	if resp.StatusCode != 200 || !strings.Contains(text, "page") {
		t.Errorf("with the cookie: %s %s", resp.Status, text)
	}
	resp, _ = b.ask("GET", home, "", "Cookie: "+c.Name+"=old; "+c.Name+"="+c.Value)
	if resp.StatusCode != 200 {
		t.Errorf("with an older cookie too: %s", resp.Status)
	}
	for name, want := range map[string]string{
		"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin",
	} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if resp, _ := b.ask("GET", "/?token=wrong", ""); resp.StatusCode != 401 || len(resp.Cookies()) > 0 {
		t.Errorf("a wrong token: %s %v", resp.Status, resp.Cookies())
	}
	if resp, _ := b.ask("POST", "/?token="+token, ""); resp.StatusCode != 401 {
		t.Errorf("the token in a POST: %s", resp.Status)
	}
	if resp, _ := b.ask("POST", home+"v1/send?token="+token, `{"n":1}`); resp.StatusCode != 401 {
		t.Errorf("the token elsewhere: %s", resp.Status)
	}
}

// TestOpenToOthers: where others can reach it, it answers to addresses too, and to no name that somebody else can own.
func TestOpenToOthers(t *testing.T) {
	b := open(t, 1, "0.0.0.0:0")
	for host, want := range map[string]int{
		"192.0.2.1:8090": 200, "[2001:db8::1]:8090": 200, "localhost:8090": 200, "evil.example:8090": 403, "192.0.2.1.evil.example": 403,
	} {
		if resp, _ := b.ask("GET", home, "", bearer, "Host: "+host); resp.StatusCode != want {
			t.Errorf("%s: %s, want %d", host, resp.Status, want)
		}
	}
}

// TestFiles: the page's files come with what caches need, and nothing but them.
func TestFiles(t *testing.T) {
	b := open(t, 1, "127.0.0.1:0")
	resp, text := b.ask("GET", home+"main.js", "", bearer)
	tag := resp.Header.Get("ETag")
	if text != "export {}" || resp.Header.Get("Content-Type") != "text/javascript; charset=utf-8" || tag == "" || resp.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("%q %v", text, resp.Header)
	}
	if resp, text := b.ask("GET", home+"main.js", "", bearer, "If-None-Match: "+tag); resp.StatusCode != 304 || text != "" {
		t.Errorf("what is cached: %s %q", resp.Status, text)
	}
	if resp, _ := b.ask("GET", home+"../dashboard/nothing", "", bearer); resp.StatusCode == 200 {
		t.Errorf("what is not there: %s", resp.Status)
	}
	if resp, _ := b.ask("POST", home, "", bearer); resp.StatusCode != 405 || resp.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %s", resp.Status)
	}
}
