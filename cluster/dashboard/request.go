package dashboard

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/cluster/control"
)

// A detail is all that is known of one request.
type detail struct {
	control.Request
	Kept            bool        `json:"kept"` // its head is
	RequestHeaders  []field     `json:"request_headers,omitempty"`
	RequestBody     *preview    `json:"request_body,omitempty"`
	ResponseHeaders []field     `json:"response_headers,omitempty"`
	ResponseBody    *preview    `json:"response_body,omitempty"`
	Replay          *replayable `json:"replay,omitempty"` // nil for those who may only look
}

// A replayable says whether a request can be sent again.
type replayable struct {
	Unsafe bool   `json:"unsafe"`           // it may change something, so people are to be asked first
	Not    string `json:"cannot,omitempty"` // why it can't be
}

// request is the handler of GET v1/requests/{seq}. With ?secrets=true nothing is hidden; readers never see secrets, nor bodies, in which
// there may be any.
func (s *Server) request(w http.ResponseWriter, r *http.Request) {
	found := s.find(w, r)
	if found == nil {
		return
	}
	secrets := r.URL.Query().Get("secrets") == "true"
	switch own := passIn(r.Context()) == owner; {
	case own && secrets:
		control.Answer(w, http.StatusOK, s.detail(found, all))
	case own:
		control.Answer(w, http.StatusOK, s.detail(found, careful))
	case secrets:
		control.Refuse(w, http.StatusForbidden, "cannot show secrets: this link is for reading", "")
	default:
		d := s.detail(found, readers)
		d.RequestBody, d.ResponseBody, d.Replay, d.Referer = nil, nil, nil, ""
		control.Answer(w, http.StatusOK, d)
	}
}

func (s *Server) detail(found *cluster.PastRequest, to sight) detail {
	d := detail{Request: control.NewPastRequest(found), Kept: found.Kept != nil, Replay: &replayable{Unsafe: !safe(found.Method)}}
	if err := s.mayReplay(found); err != nil {
		d.Replay.Not = err.Error()
	}
	if to == all {
		d.Path, d.Referer = found.Path, found.Referer
	}
	if k := found.Kept; k != nil {
		d.RequestHeaders, d.RequestBody = fields(k.Request.Head, to), newPreview(&k.Request, to)
		d.ResponseHeaders, d.ResponseBody = fields(k.Response.Head, to), newPreview(&k.Response, to)
	}
	return d
}

// find is the request that the path names, if it is remembered.
func (s *Server) find(w http.ResponseWriter, r *http.Request) *cluster.PastRequest {
	seq, err := strconv.ParseUint(r.PathValue("seq"), 10, 64)
	if err != nil || seq == 0 {
		control.Refuse(w, http.StatusBadRequest, fmt.Sprintf("cannot find request %q: it must be a number", r.PathValue("seq")), "")
		return nil
	}
	found, ok := s.Cluster.Request(seq)
	if !ok {
		control.Refuse(w, http.StatusNotFound, fmt.Sprintf("cannot find request %d: only the last 1,000 are remembered", seq), "")
		return nil
	}
	return &found
}

// safe says whether a method asks for something and changes nothing (RFC 9110 section 9.2.1).
func safe(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}
