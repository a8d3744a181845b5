package control

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/lbdev/lbdev/cluster"
)

// TestReload holds what a client hears of a file that was read again.
func TestReload(t *testing.T) {
	answer, fault := Reloaded{}, error(nil)
	s := open(t, cluster.Config{Workers: 1}, &Server{Reload: func(context.Context) (Reloaded, error) { return answer, fault }})
	answer = Reloaded{File: "lbdev.yaml", Applied: []string{"workers"}, Needs: []string{"listen"}, Restarted: true}
	got, err := s.client.Reload(t.Context())
	if err != nil || got.File != answer.File || !slices.Equal(got.Applied, answer.Applied) || !slices.Equal(got.Needs, answer.Needs) || !got.Restarted {
		t.Errorf("%+v, %v", got, err)
	}
	for _, tt := range []struct {
		fault  error
		status int
		want   string
	}{
		{&ConfigError{errors.New("lbdev.yaml:2:1: x is no key\n   2 | x: 1"), "do this"}, http.StatusUnprocessableEntity, "lbdev.yaml:2:1: x is no key\n   2 | x: 1"},
		{&cluster.ComeBackError{Worker: 1, Port: 8000, Reason: "it exits"}, http.StatusConflict, "cannot bring back worker 1 on port 8000: it exits"},
	} {
		fault = tt.fault
		_, err := s.client.Reload(t.Context())
		if e, ok := errors.AsType[*APIError](err); !ok || e.Status != tt.status || e.Message != tt.want || e.Hint == "" {
			t.Errorf("%v is told as %#v", tt.fault, err)
		}
	}
	if status, text := s.do("POST", "/v1/reload", `{"file":"x"}`); status != http.StatusBadRequest {
		t.Errorf("a body that means nothing: %d %s", status, text)
	}
}

// TestReloadWithoutFile holds that a cluster that reads no file says so.
func TestReloadWithoutFile(t *testing.T) {
	s := open(t, cluster.Config{Workers: 1}, &Server{})
	if status, text := s.do("POST", "/v1/reload", "{}"); status != http.StatusNotImplemented || !strings.Contains(text, "reads no config file") {
		t.Errorf("%d %s", status, text)
	}
}
