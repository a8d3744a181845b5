package main

import (
	"net/http"
	"testing"

	"github.com/lbdev/lbdev/proxy"
)

// TestHeadline: a worker that is ready and took no request, as it is full or has weight 0, is not said to become ready.
func TestHeadline(t *testing.T) {
	full := proxy.Failure{Status: http.StatusServiceUnavailable}
	for _, tt := range []struct {
		coming, ready bool
		want          string
	}{
		{true, true, "No worker could take this request"},
		{true, false, "No worker is ready yet"},
		{false, false, "No worker is running"},
	} {
		if got, advice := headline(full, tt.coming, tt.ready, true, false); got != tt.want || advice == "" {
			t.Errorf("%+v: %q, %q", tt, got, advice)
		}
	}
}
