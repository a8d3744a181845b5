package main

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/proxy"
	"github.com/lbdev/lbdev/templates"
)

// errorPage answers a request that no worker answered, in the form that the client asks for: a page for a browser, a few
// lines for curl.
func (s *session) errorPage(w http.ResponseWriter, r *http.Request, f proxy.Failure) {
	page := templates.ErrorPage{Status: f.Status, Reason: f.Reason, Method: r.Method, Path: r.URL.Path}
	for _, a := range f.Attempts {
		page.Tried = append(page.Tried, fmt.Sprintf("%d: %s", a.Port, a.Result))
	}
	var crew crew
	for _, worker := range s.cluster.Snapshot().Workers {
		crew.coming = crew.coming || worker.State.Hopeful()
		crew.aside = crew.aside || worker.State == cluster.Drained || worker.State == cluster.Paused
		state := string(worker.State)
		if worker.State == cluster.Ready && lostAt(f.Attempts, worker.Port) {
			state = "just died" // the connection tells before the process does
		} else if worker.State == cluster.Ready {
			crew.ready = true
		}
		page.Workers = append(page.Workers, templates.ErrorWorker{
			Port: worker.Port, State: state, LastExit: worker.LastExit, LastWords: worker.LastWords,
		})
	}
	safe := r.Method == http.MethodGet || r.Method == http.MethodHead
	asked := slices.ContainsFunc(f.Attempts, func(a proxy.Attempt) bool { return a.Sent })
	page.Reload = safe && !asked && crew.coming && f.Status >= 500 // what killed a worker must not be asked again and again
	page.Title, page.Advice = headline(f, crew, safe, asked)
	page.Write(w, r)
}

// lostAt says whether the worker with this port had the request and did not answer it.
func lostAt(attempts []proxy.Attempt, port int) bool {
	return slices.ContainsFunc(attempts, func(a proxy.Attempt) bool {
		return a.Port == port && a.Sent && (a.Result == proxy.ResultReset || a.Result == proxy.ResultClosed)
	})
}

// A crew is what the workers do, any of them.
type crew struct {
	ready  bool // and did not just die
	coming bool // ready, or may become so without help
	aside  bool // drained or paused
}

// headline says what happened in a few words, and what to do.
func headline(f proxy.Failure, crew crew, safe, asked bool) (title, advice string) {
	switch {
	case f.Status < 500:
		return http.StatusText(f.Status), ""
	case asked && !safe:
		return "A worker died while it ran this request", "the request may have been run, so lbdev did not send it again; look whether it was, then send it yourself"
	case asked:
		return "The worker that had this request did not answer it", "look at its output in lbdev's terminal"
	case crew.ready:
		return "No worker could take this request", "lbdev ps  shows how much each has, and its weight"
	case crew.coming:
		return "No worker is ready yet", "wait a moment; lbdev's terminal shows what the workers are doing"
	case crew.aside:
		return "All workers are drained, paused or stopped", "lbdev undrain all  , or  lbdev resume all"
	}
	return "No worker is running", "mend what the last words say; lbdev's terminal shows more"
}
