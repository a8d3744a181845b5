package cluster

import (
	"strconv"
	"testing"

	"github.com/lbdev/lbdev/proxy"
)

func TestHistoryKeepsTheNewest(t *testing.T) {
	var h history
	if got := h.last(10); len(got) != 0 {
		t.Errorf("of nothing: %v", got)
	}
	attempts := make([]proxy.Attempt, 1)
	for i := range keepRequests + 5 {
		attempts[0].Port = i // the proxy uses its records again
		h.add(&proxy.Access{Path: strconv.Itoa(i), Attempts: attempts})
	}
	got := h.last(2 * keepRequests)
	if len(got) != keepRequests {
		t.Fatalf("%d are kept, want %d", len(got), keepRequests)
	}
	for i, a := range got {
		if want := keepRequests + 4 - i; a.Path != strconv.Itoa(want) || len(a.Attempts) != 1 || a.Attempts[0].Port != want {
			t.Fatalf("number %d is %+v, want request %d", i, a, want)
		}
	}
	if got := h.last(3); len(got) != 3 || got[0].Path != strconv.Itoa(keepRequests+4) {
		t.Errorf("the last three are %+v", got)
	}
	if n := testing.AllocsPerRun(keepRequests, func() { h.add(&proxy.Access{Attempts: attempts}) }); n > 0 {
		t.Errorf("a request allocates %v times", n)
	}
}
