package main

import (
	"net/http"

	"github.com/lbdev/lbdev/proxy"
	"github.com/lbdev/lbdev/templates"
)

// errorPage answers a request that no worker answered, in the form that the client asks for: a page for a browser, a few
// lines for curl.
func (s *session) errorPage(w http.ResponseWriter, r *http.Request, f proxy.Failure) {
	snap := s.cluster.Snapshot()
	page := templates.ErrorPage{Status: f.Status, Reason: string(f.Reason), Method: r.Method, Path: r.URL.Path}
	for _, worker := range snap.Workers {
		page.Workers = append(page.Workers, templates.ErrorWorker{
			Port: worker.Port, State: string(worker.State), LastExit: worker.LastExit, LastWords: worker.LastWords,
		})
	}
	page.Write(w, r)
}
