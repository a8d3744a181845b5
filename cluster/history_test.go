package cluster

import (
	"strconv"
	"testing"

	"github.com/lbdev/lbdev/proxy"
	"github.com/lbdev/lbdev/proxy/inspect"
)

func TestHistoryKeepsTheNewest(t *testing.T) {
	var h history
	if got, newest, lost := h.last(0, 10, nil); len(got) != 0 || newest != 0 || lost != 0 {
		t.Errorf("of nothing: %v, %d, %d", got, newest, lost)
	}
	const n = keepRequests + 5
	attempts := make([]proxy.Attempt, 1)
	for i := range n {
		attempts[0].Port = i + 1 // the proxy uses its records again
		h.add(&proxy.Access{Path: strconv.Itoa(i + 1), Attempts: attempts})
	}
	even := func(a *proxy.Access) bool { return a.Attempts[0].Port%2 == 0 }
	tests := []struct {
		name        string
		after       uint64
		limit       int
		wanted      func(*proxy.Access) bool
		first, step uint64 // of the numbers that come back, up to the newest
		count       int
		lost        uint64
	}{
		{"all", 0, 2 * keepRequests, nil, 6, 1, keepRequests, 5},
		{"the last three", 0, 3, nil, n - 2, 1, 3, 5},
		{"after one", n - 7, 100, nil, n - 6, 1, 7, 0},
		{"after the oldest", 5, keepRequests, nil, 6, 1, keepRequests, 0},
		{"one was forgotten", 4, keepRequests, nil, 6, 1, keepRequests, 1},
		{"after the newest", n, 10, nil, 0, 1, 0, 0},
		{"after what never was", n + 9, 10, nil, 0, 1, 0, 0},
		{"none", 0, 0, nil, 0, 1, 0, 5},
		{"some", n - 6, 2, even, n - 3, 2, 2, 0},
	}
	for _, tc := range tests {
		got, newest, lost := h.last(tc.after, tc.limit, tc.wanted)
		if len(got) != tc.count || newest != n || lost != tc.lost {
			t.Errorf("%s: %d requests, the newest is %d, %d are lost", tc.name, len(got), newest, lost)
			continue
		}
		for i, r := range got {
			if want := tc.first + uint64(i)*tc.step; r.Seq != want || r.Path != strconv.FormatUint(want, 10) || r.Attempts[0].Port != int(want) {
				t.Errorf("%s: number %d is %+v, want request %d", tc.name, i, r, want)
			}
		}
	}
	if n := testing.AllocsPerRun(keepRequests, func() { h.add(&proxy.Access{Attempts: attempts}) }); n > 0 {
		t.Errorf("a request allocates %v times", n)
	}
}

// TestHistoryKeepsLittle: what is kept of requests has a limit of its own, and the newest ones have it.
func TestHistoryKeepsLittle(t *testing.T) {
	var h history
	kept := func() (seqs []uint64, size int) {
		all, _, _ := h.last(0, 2*keepRequests, nil)
		for i := range all {
			if r := &all[i]; r.Kept != nil {
				seqs, size = append(seqs, r.Seq), size+r.Kept.Size()
			}
		}
		return seqs, size
	}
	large := func() *inspect.Record {
		r := new(inspect.Record)
		r.Response.Body.Start = make([]byte, inspect.Limit)
		return r
	}
	const room = keepInspected / inspect.Limit
	for range 2 * keepRequests {
		h.add(&proxy.Access{Kept: large()})
	}
	if seqs, size := kept(); len(seqs) != room || seqs[0] != 2*keepRequests-room+1 || size != h.size || size > keepInspected {
		t.Errorf("%d are kept from %d on, %d bytes, counted as %d", len(seqs), seqs[0], size, h.size)
	}
	for range keepRequests - 1 {
		h.add(&proxy.Access{})
	}
	if seqs, size := kept(); len(seqs) != 1 || size != h.size {
		t.Errorf("%d are kept, %d bytes, counted as %d", len(seqs), size, h.size)
	}
	h.add(&proxy.Access{})
	if h.size != 0 {
		t.Errorf("%d bytes of nothing", h.size)
	}
}
