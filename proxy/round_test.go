package proxy

import (
	"testing"
)

func TestRoundRobinOverPorts(t *testing.T) {
	g := newRig(t)
	var want []string
	for i := range 4 {
		b := g.serve(i+1, says("hello"))
		want = append(want, portText(b.Port()))
	}
	for i := range 8 {
		r := g.get("/")
		if got := r.header.Get("X-Lbdev-Worker"); got != want[i%4] || r.body != "hello" || r.status != 200 {
			t.Errorf("request %d: worker %s, want %s; %+v", i, got, want[i%4], r)
		}
	}
	if s := g.proxy.Stats(); s.Total != 8 || s.OK != 8 || s.InFlight != 0 {
		t.Errorf("%+v", s)
	}
}
