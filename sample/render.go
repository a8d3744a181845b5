package sample

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"
)

//go:embed page.html
var pageHTML string

var pageTemplate = template.Must(template.New("page").Parse(pageHTML))

// page is what page.html shows below the port.
type page struct {
	Port   int
	PID    int
	Worker string
	Colour int // 1–8, the stripe's place in the palette
	Up     time.Duration

	Lead   string // the sentence that "port N …" begins
	Text   string // a paragraph
	Pre    string // preformatted
	Upload bool   // show the upload form
}

func (a *app) reply(w http.ResponseWriter, r *http.Request, code int, p page, data any) {
	// A cached page would show the port of an earlier answer: the one thing this page must never get wrong.
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Vary", "Accept")
	if wantsJSON(r) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		if bodyAllowed(code) {
			json.NewEncoder(w).Encode(data)
		}
		return
	}
	p.Port, p.PID, p.Worker = a.c.Port, a.pid, a.c.Worker
	p.Colour = p.Port%8 + 1
	p.Up = time.Since(a.start).Round(time.Second)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	if bodyAllowed(code) {
		pageTemplate.Execute(w, p) // fails only when the client has gone
	}
}

// bodyAllowed is false where RFC 9110 (sections 15.3.5, 15.4.5) forbids content.
func bodyAllowed(code int) bool {
	return code != http.StatusNoContent && code != http.StatusNotModified
}

// wantsJSON looks for the media type only: a client that ranks HTML and JSON by q values is a browser, and
// browsers do not list application/json.
func wantsJSON(r *http.Request) bool {
	for _, v := range r.Header.Values("Accept") {
		for kind := range strings.SplitSeq(v, ",") {
			kind, _, _ = strings.Cut(kind, ";")
			if strings.EqualFold(strings.TrimSpace(kind), "application/json") {
				return true
			}
		}
	}
	return false
}

// headers shows the request as it arrived here, behind whatever stands in front.
func (a *app) headers(w http.ResponseWriter, r *http.Request) {
	names := make([]string, 0, len(r.Header))
	for name := range r.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s\nHost: %s\n", r.Method, r.URL.RequestURI(), r.Proto, r.Host)
	for _, name := range names {
		for _, v := range r.Header[name] {
			fmt.Fprintf(&b, "%s: %s\n", name, v)
		}
	}
	a.reply(w, r, http.StatusOK, page{Lead: "received this request", Pre: b.String()}, struct {
		who
		Method  string      `json:"method"`
		URI     string      `json:"uri"`
		Proto   string      `json:"proto"`
		Host    string      `json:"host"`
		Remote  string      `json:"remote"`
		Headers http.Header `json:"headers"`
	}{a.who(), r.Method, r.URL.RequestURI(), r.Proto, r.Host, r.RemoteAddr, r.Header})
}
