package dashboard

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/cluster/control"
)

// request is the handler of GET v1/requests/{seq}.
func (s *Server) request(w http.ResponseWriter, r *http.Request) {
	if found := s.find(w, r); found != nil {
		control.Answer(w, http.StatusOK, control.NewPastRequest(found))
	}
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

// replay is the handler of POST v1/requests/{seq}/replay: the same method and path once more. Neither headers nor bodies are kept, so
// what could have needed them is not sent.
func (s *Server) replay(w http.ResponseWriter, r *http.Request) {
	found := s.find(w, r)
	if found == nil {
		return
	}
	if found.Method != http.MethodGet && found.Method != http.MethodHead {
		control.Refuse(w, http.StatusConflict, fmt.Sprintf("cannot replay a %s: its body was not kept", found.Method), "send it again from where it came")
		return
	}
	if err := s.sender.usable(found.Path); err != nil {
		control.Refuse(w, http.StatusConflict, err.Error(), "")
		return
	}
	s.sender.start(func() { s.sender.ask(found.Method, found.Path) })
	control.Answer(w, http.StatusAccepted, struct{}{})
}
