package control

import (
	"net/http"

	"github.com/lbdev/lbdev/cluster"
)

// routes is the whole API.
//
//	{w} is a worker's number or port, several with commas, or all. Its verbs take ?wait=1&timeout=60s.
//	Streams take follow, after, worker, since and tail, and resume by Last-Event-ID; logs take colour too.
//	Long actions answer with a JSON object a line. The number of workers takes ?timeout=60s too.
func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/cluster", s.getCluster)
	mux.HandleFunc("GET /v1/events", s.getEvents)
	mux.HandleFunc("GET /v1/logs", s.getLogs)
	mux.HandleFunc("GET /v1/requests", s.getRequests)
	mux.HandleFunc("GET /v1/export", s.getExport)
	mux.HandleFunc("GET /metrics", s.metrics)

	mux.HandleFunc("POST /v1/workers/{w}/kill", s.act(kill, (*cluster.Cluster).Kill))
	mux.HandleFunc("POST /v1/workers/{w}/stop", s.act(stop, (*cluster.Cluster).Stop))
	mux.HandleFunc("POST /v1/workers/{w}/start", s.act(start, (*cluster.Cluster).Start))
	mux.HandleFunc("POST /v1/workers/{w}/restart", s.act(restart, (*cluster.Cluster).Restart))
	mux.HandleFunc("POST /v1/workers/{w}/pause", s.act(pause, (*cluster.Cluster).Pause))
	mux.HandleFunc("POST /v1/workers/{w}/resume", s.act(resume, (*cluster.Cluster).Resume))
	mux.HandleFunc("POST /v1/workers/{w}/drain", s.act(drain, (*cluster.Cluster).Drain))
	mux.HandleFunc("POST /v1/workers/{w}/undrain", s.act(undrain, (*cluster.Cluster).Undrain))

	mux.HandleFunc("PUT /v1/workers/{w}/fault", s.fault)
	mux.HandleFunc("PUT /v1/workers/{w}/weight", s.weight)
	mux.HandleFunc("PUT /v1/workers", s.scale)
	mux.HandleFunc("PUT /v1/policy", s.policy)
	mux.HandleFunc("PUT /v1/badge", s.badge)
	mux.HandleFunc("POST /v1/rolling-restart", s.rollingRestart)
	mux.HandleFunc("POST /v1/reload", s.reload)
	mux.HandleFunc("POST /v1/shutdown", s.shutdown)
	return mux
}
