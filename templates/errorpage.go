package templates

import (
	_ "embed"
	"encoding/json"
	"html/template"
	"net/http"
	"strings"
	texttemplate "text/template"
)

// An ErrorPage tells a client why no worker answered: what happened, what each worker is doing, and what to do.
type ErrorPage struct {
	Status  int           `json:"status"`
	Title   string        `json:"title"`  // what happened, in a few words
	Reason  string        `json:"reason"` // what happened, in a sentence
	Advice  string        `json:"hint"`   // what to do
	Method  string        `json:"method"`
	Path    string        `json:"path"`
	Tried   []string      `json:"tried,omitempty"` // one line for each attempt
	Workers []ErrorWorker `json:"workers"`
	// Reload says that the page may ask again by itself: the request is safe to repeat and a worker may come back.
	Reload bool `json:"-"`
}

// An ErrorWorker is what one worker is doing.
type ErrorWorker struct {
	Port      int      `json:"port"`
	State     string   `json:"state"`
	LastExit  string   `json:"last_exit,omitempty"`
	LastWords []string `json:"last_words,omitempty"`
}

//go:embed errorpage.html
var errorPageHTML string

//go:embed errorpage.txt
var errorPageText string

var (
	errorHTML = template.Must(template.New("errorpage.html").Parse(errorPageHTML))
	errorText = texttemplate.Must(texttemplate.New("errorpage.txt").Parse(errorPageText))
)

// Write answers a request with the page in the form that the client asks for: HTML for a browser, JSON where that is
// asked for, and a few lines of text for curl. It writes the status and the head too.
func (p ErrorPage) Write(w http.ResponseWriter, r *http.Request) {
	accept := r.Header.Get("Accept")
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Del("Content-Length")
	switch {
	case strings.Contains(accept, "text/html"):
		h.Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(p.Status)
		errorHTML.Execute(w, p) // its one error is a client that went away
	case strings.Contains(accept, "json"):
		h.Set("Content-Type", "application/json")
		w.WriteHeader(p.Status)
		json.NewEncoder(w).Encode(p)
	default:
		h.Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(p.Status)
		errorText.Execute(w, p)
	}
}
