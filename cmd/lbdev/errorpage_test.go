package main

import (
	"net/http"
	"testing"

	"github.com/lbdev/lbdev/proxy"
)

// TestHeadline: a worker that is ready and took no request, as it is full or has weight 0, is not said to become ready, and one that is
// drained is not said to be down.
func TestHeadline(t *testing.T) {
	full := proxy.Failure{Status: http.StatusServiceUnavailable}
	for _, tt := range []struct {
		crew crew
		want string
	}{
		{crew{ready: true, coming: true, aside: true}, "No worker could take this request"},
		{crew{coming: true, aside: true}, "No worker is ready yet"},
		{crew{aside: true}, "All workers are drained, paused or stopped"},
		{crew{}, "No worker is running"},
	} {
		if got, advice := headline(full, tt.crew, true, false); got != tt.want || advice == "" {
			t.Errorf("%+v: %q, %q", tt, got, advice)
		}
	}
}
