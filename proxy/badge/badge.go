// Package badge puts a small label with the port of the worker that served a page into the page's corner.
//
//	if badge.Wanted(request) && badge.Fits(status, header) {
//		badge.Prepare(header)
//		page := badge.NewPage(next, gzipped, worker, port)
//		for piece, err := page.Next(); …
//	}
//
// Only what a browser shows as a page of its own gets one: no part that a script fetches, no frame, no download. The label is plain
// HTML with a style of its own, as a script could be forbidden or meet the page's own. Everything that a page needs in order to be
// right with it is done: its length, its coding, its policy (CSP), its caching.
package badge

import (
	"mime"
	"net/http"
	"slices"
	"strings"
)

// Wanted says whether a request asks for what a browser shows as a page: by Fetch Metadata, which browsers send to this machine
// and over TLS, or else by what is accepted.
func Wanted(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost: // of forms
	default:
		return false
	}
	if dest := r.Header["Sec-Fetch-Dest"]; len(dest) > 0 {
		return dest[0] == "document"
	}
	return accepts(r.Header["Accept"], "text/html") && len(r.Header["X-Requested-With"]) == 0
}

// Hides says whether a field of the request is kept from the worker: its answer must not be "you have it", which would be a page with
// another worker's label, and must not be packed in a way that can't be undone here.
func Hides(method, name string) bool {
	switch name {
	case "Accept-Encoding":
		return true
	case "If-None-Match", "If-Modified-Since":
		return method != http.MethodPost // to which they mean something else (RFC 9110 section 13.1.2)
	}
	return false
}

// Coding is the Accept-Encoding that a worker gets instead of the client's.
func Coding(r *http.Request) string {
	if accepts(r.Header["Accept-Encoding"], "gzip") {
		return "gzip"
	}
	return "identity"
}

// accepts says whether a list of what a client takes names something, with a quality other than 0.
func accepts(lists []string, what string) bool {
	for _, list := range lists {
		for item := range strings.SplitSeq(list, ",") {
			name, parameters, _ := strings.Cut(item, ";")
			if strings.EqualFold(strings.TrimSpace(name), what) {
				quality := strings.ReplaceAll(strings.ToLower(parameters), " ", "")
				return strings.Trim(strings.TrimPrefix(quality, "q="), "0.") != "" || !strings.HasPrefix(quality, "q=0")
			}
		}
	}
	return false
}

// Fits says whether the answer with this status and head is a page that can bear a label, and whether it is packed with gzip.
func Fits(status int, h http.Header) (gzipped, ok bool) {
	switch status {
	case http.StatusNoContent, http.StatusResetContent, http.StatusPartialContent, http.StatusNotModified:
		return false, false
	}
	kind, parameters, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || kind != "text/html" || wide(parameters["charset"]) {
		return false, false
	}
	disposition, _, _ := strings.Cut(h.Get("Content-Disposition"), ";")
	if strings.EqualFold(strings.TrimSpace(disposition), "attachment") || accepts(h["Cache-Control"], "no-transform") { // RFC 9110 section 7.7
		return false, false
	}
	switch coding := strings.ToLower(strings.TrimSpace(strings.Join(h["Content-Encoding"], ","))); coding {
	case "", "identity":
		return false, true
	case "gzip", "x-gzip":
		return true, true
	}
	return false, false
}

// wide says whether a page in this charset is not made of ASCII and more.
func wide(charset string) bool {
	charset = strings.ToLower(charset)
	return strings.HasPrefix(charset, "utf-16") || strings.HasPrefix(charset, "utf-32") || strings.HasPrefix(charset, "ucs-") || charset == "utf-7"
}

// stale are the fields that are true of the page without its label.
var stale = []string{
	"Content-Length", "Content-Encoding", "Content-Md5", "Digest", "Content-Digest", "Repr-Digest", "Accept-Ranges",
	"Etag", "Last-Modified", "Expires",
}

// Prepare makes the head one of the page with its label, which is not packed and is not to be kept by caches: the next time another
// worker may serve it.
func Prepare(h http.Header) {
	for _, name := range stale {
		delete(h, name)
	}
	h["Cache-Control"] = []string{"no-store"}
	for _, name := range []string{"Content-Security-Policy", "Content-Security-Policy-Report-Only"} {
		if policies := h[name]; len(policies) > 0 {
			policies = slices.Clone(policies)
			for i := range policies {
				policies[i] = allow(policies[i])
			}
			h[name] = policies
		}
	}
}
