package control

import (
	"net/http"
	"testing"
	"time"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/proxy/fault"
)

// TestFault sets, shows and ends faults over the API.
func TestFault(t *testing.T) {
	s := open(t, cluster.Config{Workers: 3}, &Server{})
	s.awaitAll(cluster.Ready)
	plan, err := fault.Parse("latency=500ms±100ms errors=10%")
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.client.Fault(t.Context(), "1,3", plan, time.Hour)
	if err != nil || len(got) != 2 || got[0].Fault != plan.String() || got[1].Worker != 3 || got[1].FaultLeftMS < 3_000_000 {
		t.Errorf("%+v, %v", got, err)
	}
	if w := s.worker(2); w.Fault != "" {
		t.Errorf("the other worker has %q", w.Fault)
	}
	got, err = s.client.Fault(t.Context(), "all", fault.Plan{}, 0)
	if err != nil || len(got) != 3 || got[0].Fault != "" {
		t.Errorf("%+v, %v", got, err)
	}
	tests := []struct {
		path, body string
		status     int
	}{
		{"/v1/workers/2/fault", `{"fault":"reset=5%"}`, http.StatusOK},
		{"/v1/workers/2/fault", `{"fault":""}`, http.StatusOK},
		{"/v1/workers/2/fault", ``, http.StatusBadRequest},
		{"/v1/workers/2/fault", `{"fault":"reset=5"}`, http.StatusBadRequest},
		{"/v1/workers/2/fault", `{"fault":"reset=5%","for":"soon"}`, http.StatusBadRequest},
		{"/v1/workers/2/fault", `{"fault":"reset=5%","for":"-1s"}`, http.StatusBadRequest},
		{"/v1/workers/2/fault", `{"reset":"5%"}`, http.StatusBadRequest},
		{"/v1/workers/9/fault", `{"fault":"reset=5%"}`, http.StatusNotFound},
		{"/v1/workers/x/fault", `{"fault":"reset=5%"}`, http.StatusBadRequest},
		{"/v1/workers/2/fault?wait=1", `{"fault":"reset=5%"}`, http.StatusBadRequest},
	}
	for _, tc := range tests {
		status, text := s.do(http.MethodPut, tc.path, tc.body)
		if status != tc.status {
			t.Errorf("PUT %s %s: %d %s, want %d", tc.path, tc.body, status, text, tc.status)
		}
	}
}
