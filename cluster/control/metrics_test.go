package control

import (
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/lbdev/lbdev/cluster"
)

func TestMetrics(t *testing.T) {
	server := &Server{}
	s := open(t, cluster.Config{Workers: 1}, server)
	_, err := s.client.Metrics(t.Context())
	if api, ok := errors.AsType[*APIError](err); !ok || api.Status != http.StatusNotFound {
		t.Errorf("without: %v", err)
	}
	server.Metrics = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.RawQuery+"lbdev_up 1\n") })
	if text, err := s.client.Metrics(t.Context()); err != nil || string(text) != "lbdev_up 1\n" {
		t.Errorf("%q, %v", text, err)
	}
	if status, text := s.do("GET", "/metrics?a=b", ""); status != 200 || text != "a=blbdev_up 1\n" {
		t.Errorf("%d %q", status, text)
	}
	if status, _ := s.do("POST", "/metrics", ""); status != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", status)
	}
}
