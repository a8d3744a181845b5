package badge

import (
	"net/http"
	"reflect"
	"strings"
	"testing"
)

// header makes one of "Name: value".
func header(lines ...string) http.Header {
	h := http.Header{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		h.Add(name, value)
	}
	return h
}

func TestWanted(t *testing.T) {
	tests := []struct {
		name, method string
		head         http.Header
		want         bool
	}{
		{"a browser's page", "GET", header("Sec-Fetch-Dest: document", "Accept: */*"), true},
		{"its head", "HEAD", header("Sec-Fetch-Dest: document"), true},
		{"a form", "POST", header("Sec-Fetch-Dest: document", "Accept: text/html"), true},
		{"another method", "PUT", header("Accept: text/html"), false},
		{"a frame", "GET", header("Sec-Fetch-Dest: iframe", "Accept: text/html"), false},
		{"a script's request", "GET", header("Sec-Fetch-Dest: empty", "Accept: text/html"), false},
		{"a browser that does not say", "GET", header("Accept: application/xml;q=0.9, text/html , */*"), true},
		{"jQuery", "GET", header("Accept: text/html, */*", "X-Requested-With: XMLHttpRequest"), false},
		{"curl", "GET", header("Accept: */*"), false},
		{"none of HTML", "GET", header("Accept: text/html;q=0"), false},
	}
	for _, tc := range tests {
		if got := Wanted(&http.Request{Method: tc.method, Header: tc.head}); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
}

func TestCoding(t *testing.T) {
	for accepted, want := range map[string]string{
		"gzip, deflate, br": "gzip", "br": "identity", "": "identity", "gzip;q=0": "identity", "gzip; q=0.0": "identity", "gzip;q=0.5": "gzip", "GZIP;Q=1": "gzip",
	} {
		if got := Coding(&http.Request{Header: header("Accept-Encoding: " + accepted)}); got != want {
			t.Errorf("%q: %s, want %s", accepted, got, want)
		}
	}
}

func TestFits(t *testing.T) {
	html := "Content-Type: text/html; charset=utf-8"
	tests := []struct {
		name         string
		status       int
		head         http.Header
		gzipped, fit bool
	}{
		{"a page", 200, header(html), false, true},
		{"an error's page", 500, header("Content-Type: text/html"), false, true},
		{"a packed one", 200, header(html, "Content-Encoding: gzip"), true, true},
		{"one packed otherwise", 200, header(html, "Content-Encoding: br"), false, false},
		{"packed twice", 200, header(html, "Content-Encoding: gzip", "Content-Encoding: gzip"), false, false},
		{"a part", 206, header(html), false, false},
		{"nothing new", 304, header(html), false, false},
		{"JSON", 200, header("Content-Type: application/json"), false, false},
		{"XHTML", 200, header("Content-Type: application/xhtml+xml"), false, false},
		{"what says nothing", 200, header(), false, false},
		{"UTF-16", 200, header("Content-Type: text/html; charset=UTF-16LE"), false, false},
		{"a download", 200, header(html, "Content-Disposition: Attachment; filename=a.html"), false, false},
		{"not to be changed", 200, header(html, "Cache-Control: public, no-transform"), false, false},
	}
	for _, tc := range tests {
		if gzipped, fit := Fits(tc.status, tc.head); gzipped != tc.gzipped || fit != tc.fit {
			t.Errorf("%s: gzipped %v, fits %v", tc.name, gzipped, fit)
		}
	}
}

func TestPrepare(t *testing.T) {
	h := header("Content-Type: text/html", "Content-Length: 5", "Content-Encoding: gzip", "ETag: x", "Last-Modified: x", "Expires: x", "Accept-Ranges: bytes",
		"Cache-Control: max-age=5", "Content-Digest: x", "Vary: Accept-Encoding", "Content-Security-Policy: style-src 'self'", "Content-Security-Policy: img-src *")
	Prepare(h)
	want := header("Content-Type: text/html", "Cache-Control: no-store", "Vary: Accept-Encoding",
		"Content-Security-Policy: style-src 'self' "+styleHash, "Content-Security-Policy: img-src *")
	if !reflect.DeepEqual(h, want) {
		t.Errorf("%v, want %v", h, want)
	}
}

func TestAllow(t *testing.T) {
	for policy, want := range map[string]string{
		"":                                    "",
		"img-src *":                           "img-src *",
		"default-src 'self'":                  "default-src 'self'; style-src 'self' #",
		"default-src 'none'; img-src a.test;": "default-src 'none'; img-src a.test; style-src #",
		"img-src *; STYLE-SRC 'none' ; a b":   "img-src *; style-src #; a b",
		"style-src 'unsafe-inline' *":         "style-src 'unsafe-inline' *",
		"style-src 'unsafe-inline' 'nonce-x'": "style-src 'unsafe-inline' 'nonce-x' #",
		"style-src 'unsafe-inline'; style-src-elem 'self'": "style-src 'unsafe-inline'; style-src-elem 'self' #",
		"style-src a, default-src b":                       "style-src a #, default-src b; style-src b #",
		"style-src":                                        "style-src #",
	} {
		if got := allow(policy); got != strings.ReplaceAll(want, "#", styleHash) {
			t.Errorf("%q became %q, want %q", policy, got, want)
		}
	}
}
