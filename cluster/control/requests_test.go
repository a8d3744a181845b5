package control

import (
	"errors"
	"net/http"
	"strconv"
	"testing"

	"github.com/lbdev/lbdev/cluster"
)

func TestRequests(t *testing.T) {
	s := open(t, cluster.Config{Workers: 2}, &Server{})
	s.awaitAll(cluster.Ready)
	if got, err := s.client.Requests(t.Context(), 0); err != nil || got == nil || len(got) != 0 {
		t.Errorf("before any: %v, %v", got, err)
	}
	for i := range 5 {
		resp, err := http.Get(s.FrontURL() + "/?n=" + strconv.Itoa(i))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	got, err := s.client.Requests(t.Context(), 3)
	for deadline := 0; err == nil && (len(got) < 3 || got[0].Path != "/?n=4") && deadline < 1000; deadline++ { // one is over a moment after its answer
		got, err = s.client.Requests(t.Context(), 3)
	}
	if err != nil || len(got) != 3 {
		t.Fatalf("%d requests, %v", len(got), err)
	}
	for i, r := range got {
		if want := "/?n=" + strconv.Itoa(4-i); r.Path != want || r.Status != 200 || r.Worker == 0 || len(r.Attempts) != 1 {
			t.Errorf("number %d is %+v, want that to %s", i, r, want)
		}
	}
	for _, query := range []string{"limit=0", "limit=x", "most=3"} {
		err := s.client.call(t.Context(), http.MethodGet, "/v1/requests?"+query, nil, new(Requests))
		if api, ok := errors.AsType[*APIError](err); !ok || api.Status != http.StatusBadRequest || api.Hint == "" {
			t.Errorf("%s: %v", query, err)
		}
	}
}
