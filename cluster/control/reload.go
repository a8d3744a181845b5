package control

import (
	"context"
	"errors"
	"net/http"
)

// A Reloaded is what became of a config file that was read again.
type Reloaded struct {
	File    string   `json:"file"`          // empty = there is none
	Applied []string `json:"applied"`       // the settings that count now
	Needs   []string `json:"needs_restart"` // those that count after lbdev is started again
	// Restarted says that the workers were restarted one by one, to get theirs.
	Restarted bool `json:"restarted"`
}

// A ConfigError is what is wrong with a config file; nothing was changed.
type ConfigError struct {
	Err  error
	Hint string
}

func (e *ConfigError) Error() string { return e.Err.Error() }
func (e *ConfigError) Unwrap() error { return e.Err }

// reload has the config file read again. What has begun goes on when the client goes away.
func (s *Server) reload(w http.ResponseWriter, r *http.Request) {
	if _, ok := parameters(w, r); !ok || !Decode(w, r, new(struct{})) {
		return
	}
	if s.Reload == nil {
		Refuse(w, http.StatusNotImplemented, "cannot reload: this cluster reads no config file", "")
		return
	}
	done, err := s.Reload(r.Context())
	if broken, ok := errors.AsType[*ConfigError](err); ok {
		Refuse(w, http.StatusUnprocessableEntity, broken.Error(), broken.Hint)
		return
	}
	if err != nil {
		status, body := describe(err)
		Answer(w, status, body)
		return
	}
	Answer(w, http.StatusOK, done)
}

// Reload has the config file read again, and returns when all of it is done. An *APIError of http.StatusUnprocessableEntity says what is
// wrong with the file.
func (c *Client) Reload(ctx context.Context) (done Reloaded, err error) {
	err = c.call(ctx, http.MethodPost, "/v1/reload", struct{}{}, &done)
	return done, err
}
