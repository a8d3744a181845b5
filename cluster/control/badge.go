package control

import (
	"errors"
	"net/http"

	"github.com/lbdev/lbdev/cluster"
)

// A Badge says whether pages bear a label with the port that served them: what is wanted, and the answer.
type Badge struct {
	Badge *bool `json:"badge"`
}

// badge is the handler of PUT /v1/badge.
func (s *Server) badge(w http.ResponseWriter, r *http.Request) {
	var body Badge
	if _, ok := parameters(w, r); !ok || !Decode(w, r, &body) {
		return
	}
	err := errors.New("cannot change the badge: it is not said to what")
	if body.Badge != nil {
		err = s.Cluster.SetBadge(*body.Badge)
	}
	if err != nil {
		hint := `for example {"badge":true}`
		if mode, ok := errors.AsType[*cluster.ModeError](err); ok {
			hint = mode.Hint
		}
		if _, ok := errors.AsType[*cluster.FrontLimitError](err); ok {
			hint = otherFrontHint
		}
		Refuse(w, http.StatusBadRequest, err.Error(), hint)
		return
	}
	Answer(w, http.StatusOK, body)
}
