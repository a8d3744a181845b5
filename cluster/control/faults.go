package control

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/proxy/fault"
)

// A faultBody asks for workers that misbehave: as fault.Parse reads it, and for how long.
type faultBody struct {
	Fault *string `json:"fault"`         // empty = not any more
	For   string  `json:"for,omitempty"` // empty = without an end
}

// fault makes workers misbehave. It answers with each of them.
func (s *Server) fault(w http.ResponseWriter, r *http.Request) {
	var body faultBody
	if _, ok := parameters(w, r); !ok || !Decode(w, r, &body) {
		return
	}
	plan, d, err := body.read()
	if err != nil {
		Refuse(w, http.StatusBadRequest, err.Error(), `for example {"fault":"latency=500ms±100ms errors=10%","for":"30s"}`)
		return
	}
	list := r.PathValue("w")
	chosen, err := Choose(s.Cluster.Snapshot(), list)
	if err != nil {
		fail(w, err, nil)
		return
	}
	set := func(c *cluster.Cluster, worker int) error { return c.SetFault(worker, plan, d) }
	taken, err := s.each(chosen, list == all, set)
	now := again(s.Cluster.Snapshot(), taken)
	if err != nil {
		fail(w, err, now)
		return
	}
	Answer(w, http.StatusOK, Workers{now})
}

func (b *faultBody) read() (p fault.Plan, d time.Duration, err error) {
	if b.Fault == nil {
		return p, 0, errors.New("cannot set a fault: it is missing")
	}
	if b.For != "" {
		if d, err = time.ParseDuration(b.For); err != nil || d <= 0 {
			return p, 0, fmt.Errorf("cannot set a fault for %q: it must be a time above 0", b.For)
		}
	}
	p, err = fault.Parse(*b.Fault)
	return p, d, err
}

// Fault makes workers misbehave for a time, 0 = without an end, and returns each of them. The zero Plan ends that. For workers
// see Kill.
func (c *Client) Fault(ctx context.Context, workers string, p fault.Plan, d time.Duration) ([]cluster.WorkerSnapshot, error) {
	body := faultBody{Fault: new(p.String())}
	if d > 0 {
		body.For = d.String()
	}
	var now Workers
	err := c.call(ctx, http.MethodPut, "/v1/workers/"+url.PathEscape(workers)+"/fault", body, &now)
	return now.Workers, err
}
