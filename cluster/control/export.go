package control

import (
	"context"
	"net/http"

	"github.com/lbdev/lbdev/cluster"
)

// getExport answers with what can be written down for other programs.
func (s *Server) getExport(w http.ResponseWriter, r *http.Request) {
	if _, ok := parameters(w, r); ok {
		Answer(w, http.StatusOK, s.Cluster.Export())
	}
}

// Export returns what of the cluster can be written down for other programs.
func (c *Client) Export(ctx context.Context) (cluster.Export, error) {
	var e cluster.Export
	err := c.call(ctx, http.MethodGet, "/v1/export", nil, &e)
	return e, err
}
