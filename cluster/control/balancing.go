package control

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/lbdev/lbdev/cluster"
)

// A Policy is how workers are chosen: what is asked for, where empty fields leave things as they are, and the answer.
type Policy struct {
	Policy    string `json:"policy,omitempty"`     // see balance.Rules
	Sticky    string `json:"sticky,omitempty"`     // see balance.NewSticky; in an answer empty = off
	SlowStart string `json:"slow_start,omitempty"` // a time such as "10s"; in an answer empty = none
}

// policy changes how workers are chosen, and answers with all of how they are.
func (s *Server) policy(w http.ResponseWriter, r *http.Request) {
	var body Policy
	if _, ok := parameters(w, r); !ok || !Decode(w, r, &body) {
		return
	}
	change, err := body.read()
	if err == nil {
		err = s.Cluster.SetBalancing(change)
	}
	if err != nil {
		hint := `for example {"policy":"least-conn"}, {"sticky":"cookie"} or {"slow_start":"10s"}`
		if mode, ok := errors.AsType[*cluster.ModeError](err); ok {
			hint = mode.Hint
		}
		if _, ok := errors.AsType[*cluster.FrontLimitError](err); ok {
			hint = otherFrontHint
		}
		Refuse(w, http.StatusBadRequest, err.Error(), hint)
		return
	}
	Answer(w, http.StatusOK, NewPolicy(s.Cluster.Balanced()))
}

func (p *Policy) read() (change cluster.Balancing, err error) {
	if *p == (Policy{}) {
		return change, errors.New("cannot change the policy: none was named; round-robin is one")
	}
	if p.Policy != "" {
		change.Policy = &p.Policy
	}
	if p.Sticky != "" {
		change.Sticky = &p.Sticky
	}
	if p.SlowStart != "" {
		d, err := time.ParseDuration(p.SlowStart)
		if err != nil {
			return change, fmt.Errorf("cannot start slowly for %q: it must be a time such as 10s, or 0s", p.SlowStart)
		}
		change.SlowStart = &d
	}
	return change, nil
}

// NewPolicy is the form in which it travels how workers are chosen.
func NewPolicy(b cluster.Balanced) Policy {
	p := Policy{Policy: b.Policy}
	if b.Sticky != "off" { // in a snapshot it is empty
		p.Sticky = b.Sticky
	}
	if b.SlowStart > 0 {
		p.SlowStart = b.SlowStart.String()
	}
	return p
}

// Policy changes how workers are chosen and returns how they are now.
func (c *Client) Policy(ctx context.Context, change Policy) (now Policy, err error) {
	err = c.call(ctx, http.MethodPut, "/v1/policy", change, &now)
	return now, err
}

// weight changes the shares of workers and answers with each of them.
func (s *Server) weight(w http.ResponseWriter, r *http.Request) {
	var share cluster.Share
	if _, ok := parameters(w, r); !ok || !Decode(w, r, &share) {
		return
	}
	if share == (cluster.Share{}) {
		Refuse(w, http.StatusBadRequest, "cannot change a weight: it is missing", `the body is {"weight":3}, {"backup":true} or both`)
		return
	}
	list := r.PathValue("w")
	chosen, err := Choose(s.Cluster.Snapshot(), list)
	if err != nil {
		fail(w, err, nil)
		return
	}
	set := func(c *cluster.Cluster, worker int) error { return c.SetShare(worker, share) }
	taken, err := s.each(chosen, list == all, set)
	now := again(s.Cluster.Snapshot(), taken)
	if err != nil {
		fail(w, err, now)
		return
	}
	Answer(w, http.StatusOK, Workers{now})
}

// Weight changes the shares of workers and returns each of them; see Kill for the list.
func (c *Client) Weight(ctx context.Context, workers string, share cluster.Share) ([]cluster.WorkerSnapshot, error) {
	var now Workers
	err := c.call(ctx, http.MethodPut, "/v1/workers/"+url.PathEscape(workers)+"/weight", share, &now)
	return now.Workers, err
}
