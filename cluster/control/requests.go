package control

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

// Requests is the answer to GET /v1/requests: the newest first.
type Requests struct {
	Requests []Request `json:"requests"`
}

// defaultRequests is how many requests are answered with where nobody says how many.
const defaultRequests = 100

// getRequests answers with the last requests that are over; ?limit= says how many, of the 1,000 that are remembered.
func (s *Server) getRequests(w http.ResponseWriter, r *http.Request) {
	query, ok := parameters(w, r, "limit")
	if !ok {
		return
	}
	limit := defaultRequests
	if text := query.Get("limit"); text != "" {
		var err error
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 {
			refuse(w, http.StatusBadRequest, fmt.Sprintf("cannot use limit %q: it must be a number from 1 up", text), "for example ?limit=100")
			return
		}
	}
	body := Requests{[]Request{}}
	last := s.Cluster.Requests(limit)
	for i := range last {
		body.Requests = append(body.Requests, NewRequest(&last[i]))
	}
	answer(w, http.StatusOK, body)
}

// Requests returns the last requests that are over, the newest first, at most limit of them; 0 = 100.
func (c *Client) Requests(ctx context.Context, limit int) ([]Request, error) {
	path := "/v1/requests"
	if limit > 0 {
		path += "?" + url.Values{"limit": {strconv.Itoa(limit)}}.Encode()
	}
	var body Requests
	err := c.call(ctx, http.MethodGet, path, nil, &body)
	return body.Requests, err
}
