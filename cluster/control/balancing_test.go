package control

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/lbdev/lbdev/cluster"
)

// TestPolicy changes how workers are chosen, bit by bit.
func TestPolicy(t *testing.T) {
	s := open(t, cluster.Config{Workers: 1}, &Server{})
	for _, tt := range []struct{ change, want Policy }{
		{Policy{Policy: "round-robin"}, Policy{Policy: "round-robin"}},
		{Policy{Policy: "least-conn"}, Policy{Policy: "least-conn"}},
		{Policy{Sticky: "cookie"}, Policy{"least-conn", "cookie", ""}},
		{Policy{SlowStart: "90s"}, Policy{"least-conn", "cookie", "1m30s"}},
		{Policy{"header-hash:x-user", "route:JSESSIONID", "0s"}, Policy{"header-hash:X-User", "route:JSESSIONID", ""}},
		{Policy{Sticky: "off"}, Policy{Policy: "header-hash:X-User"}},
	} {
		if now, err := s.client.Policy(t.Context(), tt.change); err != nil || now != tt.want {
			t.Errorf("%+v: %+v, %v", tt.change, now, err)
		}
		if now := s.Snapshot(); now.Policy != tt.want.Policy || now.Sticky != tt.want.Sticky {
			t.Errorf("%+v: in truth %s, %s", tt.change, now.Policy, now.Sticky)
		}
	}
	if _, err := s.client.Policy(t.Context(), Policy{Policy: "best", Sticky: "cookie"}); err == nil || s.Snapshot().Sticky != "" {
		t.Errorf("half of a change was made: %v", err)
	}
}

// TestPolicyHints: who asks for what needs HTTP in mode tcp is told what there is instead.
func TestPolicyHints(t *testing.T) {
	s := open(t, cluster.Config{Workers: 1, Mode: cluster.ModeTCP}, &Server{})
	_, err := s.client.Policy(t.Context(), Policy{Policy: "uri-hash"})
	if e, ok := errors.AsType[*APIError](err); !ok || !strings.Contains(e.Hint, "least-conn and ip-hash") {
		t.Errorf("%#v", err)
	}
}

// TestWeight changes shares of workers.
func TestWeight(t *testing.T) {
	s := open(t, cluster.Config{Workers: 3}, &Server{})
	got, err := s.client.Weight(t.Context(), "1,3", cluster.Share{Weight: new(5)})
	if err != nil || len(got) != 2 || got[0].Weight != 5 || got[1].Worker != 3 || got[1].Weight != 5 || s.worker(2).Weight != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = s.client.Weight(t.Context(), "3", cluster.Share{Backup: new(true)})
	if err != nil || len(got) != 1 || !got[0].Backup || got[0].Weight != 5 || s.worker(1).Backup {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = s.client.Weight(t.Context(), "all", cluster.Share{Weight: new(0), Backup: new(false)})
	if err != nil || len(got) != 3 || got[2].Backup || got[2].Weight != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestBadge turns the label in pages on and off, and says so once.
func TestBadge(t *testing.T) {
	s := open(t, cluster.Config{Workers: 1}, &Server{})
	notices := s.Events().Reader(s.Events().Last(), false)
	defer notices.Close()
	for _, on := range []bool{true, true, false} {
		status, text := s.do("PUT", "/v1/badge", fmt.Sprintf(`{"badge":%v}`, on))
		if want := fmt.Sprintf(`{"badge":%v}`, on); status != 200 || strings.TrimSpace(text) != want || *s.Snapshot().Badge != on {
			t.Errorf("%v: %d %s, in truth %v", on, status, text, *s.Snapshot().Badge)
		}
	}
	var said []string
	found, _, _ := notices.Take(nil, 0)
	for _, e := range found {
		if e.Kind == cluster.KindNotice {
			said = append(said, e.Text)
		}
	}
	if want := "pages show which port served them; pages show no port any more"; strings.Join(said, "; ") != want {
		t.Errorf("it says %q, want %q", said, want)
	}
	tcp := open(t, cluster.Config{Workers: 1, Mode: cluster.ModeTCP}, &Server{})
	if status, text := tcp.do("PUT", "/v1/badge", `{"badge":true}`); status != 400 || !strings.Contains(text, "needs HTTP") || tcp.Snapshot().Badge != nil {
		t.Errorf("in mode tcp: %d %s", status, text)
	}
}
