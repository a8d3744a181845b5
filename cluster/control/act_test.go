package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/procs/misbehave"
)

func TestClusterIsItsSnapshot(t *testing.T) {
	s := open(t, cluster.Config{Name: "a", Workers: 2}, &Server{})
	s.awaitAll(cluster.Ready)
	got, err := s.client.Cluster(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := s.Snapshot()
	got.UptimeMS, want.UptimeMS = 0, 0
	for i := range want.Workers {
		got.Workers[i].SinceMS, want.Workers[i].SinceMS = 0, 0
		got.Workers[i].UpMS, want.Workers[i].UpMS = 0, 0
	}
	if string(line(got)) != string(line(want)) || got.Workers[1].Port != s.base+1 {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestEveryVerbHasItsEffect does all eight and looks at the cluster itself.
func TestEveryVerbHasItsEffect(t *testing.T) {
	s := open(t, cluster.Config{Workers: 2}, &Server{})
	s.awaitAll(cluster.Ready)
	tests := []struct {
		verb        string
		do          func(context.Context, string, time.Duration) ([]cluster.WorkerSnapshot, error)
		state       cluster.State
		incarnation uint64
	}{
		{"stop", s.client.Stop, cluster.Stopped, 1},
		{"start", s.client.Start, cluster.Ready, 2},
		{"restart", s.client.Restart, cluster.Ready, 3},
		{"kill", s.client.Kill, cluster.Ready, 4},
		{"drain", s.client.Drain, cluster.Drained, 4},
		{"undrain", s.client.Undrain, cluster.Ready, 4},
		{"pause", s.client.Pause, cluster.Paused, 4},
		{"resume", s.client.Resume, cluster.Ready, 4},
	}
	for _, tc := range tests {
		got, err := tc.do(t.Context(), fmt.Sprint(s.base), patience)
		if err != nil {
			t.Fatalf("%s: %v", tc.verb, err)
		}
		now := s.worker(1)
		if len(got) != 1 || got[0].State != tc.state || got[0].Worker != 1 || now.State != tc.state || now.Incarnation != tc.incarnation {
			t.Errorf("after %s: %+v, in truth %+v", tc.verb, got, now)
		}
	}
	if w := s.worker(2); w.Incarnation != 1 || w.State != cluster.Ready {
		t.Errorf("the other worker was touched: %+v", w)
	}
}

func TestWithoutWaitTheAnswerComesAtOnce(t *testing.T) {
	const stubborn = 2 * time.Second
	s := open(t, cluster.Config{Command: misbehave.Argv("serve-deaf"), Workers: 2, StopTimeout: stubborn}, &Server{})
	s.awaitAll(cluster.Ready)
	began := time.Now()
	got, err := s.client.Stop(t.Context(), "1, 2,1", 0)
	if err != nil || len(got) != 2 || got[0].State != cluster.Stopping || time.Since(began) >= stubborn {
		t.Errorf("after %v: %+v, %v", time.Since(began), got, err)
	}
	_, err = s.client.Stop(t.Context(), "all", 50*time.Millisecond)
	late, ok := errors.AsType[*APIError](err)
	if !ok || late.Status != http.StatusGatewayTimeout || late.Hint == "" || len(late.Workers) != 2 {
		t.Errorf("a stop that takes too long: %+v", err)
	}
	if got, err = s.client.Stop(t.Context(), "all", patience); err != nil || got[1].State != cluster.Stopped {
		t.Errorf("a stop that is waited for: %+v, %v", got, err)
	}
}

// TestDrainWaitsForRequests has a request in flight.
func TestDrainWaitsForRequests(t *testing.T) {
	s := open(t, cluster.Config{Workers: 1}, &Server{})
	s.awaitAll(cluster.Ready)
	answered := make(chan error, 1)
	go get(s.FrontURL()+"/slow?ms=1000", answered)
	await(t, "the request is in flight", func() bool { return s.worker(1).InFlight == 1 })
	got, err := s.client.Drain(t.Context(), "1", patience)
	if err != nil || got[0].State != cluster.Drained || got[0].InFlight != 0 {
		t.Errorf("drained: %+v, %v", got, err)
	}
	if err := <-answered; err != nil {
		t.Errorf("the request that it had: %v", err)
	}
}

// get is a goroutine that sends one request to the front.
func get(url string, answered chan<- error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err == nil {
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			err = errors.New(resp.Status)
		}
	}
	answered <- err
}

func TestWaitingForWhatNeverComes(t *testing.T) {
	s := open(t, cluster.Config{Command: misbehave.Argv("boot"), Workers: 1}, &Server{})
	s.awaitAll(cluster.Failed)
	_, err := s.client.Start(t.Context(), "1", patience)
	failed, ok := errors.AsType[*APIError](err)
	if !ok || failed.Status != http.StatusConflict || !strings.Contains(failed.Message, "failed") || failed.Workers[0].State != cluster.Failed {
		t.Errorf("a start that fails: %+v", err)
	}
}

func TestAllMeansAllThatCan(t *testing.T) {
	s := open(t, cluster.Config{Workers: 3}, &Server{})
	s.awaitAll(cluster.Ready)
	if _, err := s.client.Stop(t.Context(), "2", patience); err != nil {
		t.Fatal(err)
	}
	got, err := s.client.Drain(t.Context(), "all", patience)
	if err != nil || len(got) != 2 || got[0].Worker != 1 || got[1].Worker != 3 {
		t.Errorf("drain all with one stopped: %+v, %v", got, err)
	}
	_, err = s.client.Drain(t.Context(), "1,2", 0)
	if e, ok := errors.AsType[*APIError](err); !ok || e.Status != http.StatusConflict || e.Hint != "start worker 2 first" || len(e.Workers) != 1 {
		t.Errorf("drain of one that is stopped, by number: %+v", err)
	}
	if _, err := s.client.Stop(t.Context(), "all", patience); err != nil {
		t.Fatal(err)
	}
	_, err = s.client.Drain(t.Context(), "all", 0)
	if e, ok := errors.AsType[*APIError](err); !ok || e.Status != http.StatusConflict {
		t.Errorf("drain all with all stopped: %v", err)
	}
}

// TestRefusals sends what is wrong; every answer is JSON that says so, and none does anything.
func TestRefusals(t *testing.T) {
	s := open(t, cluster.Config{Workers: 2}, &Server{})
	s.awaitAll(cluster.Ready)
	tests := []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"GET", "/", "", 404, "/v1/cluster"},
		{"GET", "/v2/cluster", "", 404, "cannot find"},
		{"POST", "/v1/cluster", "", 405, "GET"},
		{"GET", "/v1/workers/1/kill", "", 405, "POST"},
		{"POST", "/v1/workers/1/explode", "", 404, "cannot find"},
		{"POST", "/v1/workers/3/kill", "", 404, "there are 1 to 2"},
		{"POST", "/v1/workers/0/kill", "", 404, "cannot find worker 0"},
		{"POST", "/v1/workers/1,3/kill", "", 404, "cannot find worker 3"},
		{"POST", "/v1/workers/eins/kill", "", 400, `cannot find worker \"eins\"`},
		{"POST", "/v1/workers/-1/kill", "", 400, "number, a port or all"},
		{"POST", "/v1/workers/%2B1/kill", "", 400, "number, a port or all"},
		{"POST", "/v1/workers/1,/kill", "", 400, "number, a port or all"},
		{"POST", "/v1/workers/99999999999999999999/kill", "", 400, "number, a port or all"},
		{"POST", "/v1/workers/1/resume", "", 200, `"ready"`}, // runs already
		{"POST", "/v1/workers/1/kill?wait=perhaps", "", 400, "true or false"},
		{"POST", "/v1/workers/1/kill?wait=1&timeout=-3s", "", 400, "timeout"},
		{"POST", "/v1/workers/1/kill?wiat=1", "", 400, `parameter \"wiat\"`},
		{"POST", "/v1/workers/1/kill", `{"x":1}`, 400, "unknown field"},
		{"POST", "/v1/workers/1/kill", `{`, 400, "cannot read the body"},
		{"PUT", "/v1/workers", "", 400, `{\"n\":6}`},
		{"PUT", "/v1/workers", `{"n":0}`, 400, "cannot scale"},
		{"PUT", "/v1/workers", `{"n":-1}`, 400, "cannot scale"},
		{"PUT", "/v1/workers", `{"n":513}`, 400, "1 to 512"},
		{"PUT", "/v1/workers", `{"n":"six"}`, 400, "cannot read the body"},
		{"PUT", "/v1/workers", `{"n":3,"m":1}`, 400, "unknown field"},
		{"PUT", "/v1/workers", `{"n":3}{"n":4}`, 400, "something follows"},
		{"PUT", "/v1/workers", `{"n":3}` + strings.Repeat(" ", maxBody), 413, "65536"},
		{"PUT", "/v1/workers", `{"n":11}`, 409, "front"},
		{"PUT", "/v1/policy", `{"policy":"best"}`, 400, "round-robin"},
		{"PUT", "/v1/policy", ``, 400, "round-robin"},
		{"PUT", "/v1/policy", `{"policy":"header-hash"}`, 400, "X-User"},
		{"PUT", "/v1/policy", `{"policy":"random","sticky":"on"}`, 400, "cookie:NAME"},
		{"PUT", "/v1/policy", `{"slow_start":"soon"}`, 400, "10s"},
		{"PUT", "/v1/policy", `{"slow_start":"-1s"}`, 400, "0 or more"},
		{"PUT", "/v1/badge", ``, 400, `{\"badge\":true}`},
		{"PUT", "/v1/badge", `{"badge":"on"}`, 400, "cannot read the body"},
		{"PUT", "/v1/badge?wait=1", `{"badge":true}`, 400, "parameter"},
		{"PUT", "/v1/workers/1/weight", ``, 400, `{\"weight\":3}`},
		{"PUT", "/v1/workers/1/weight", `{"weight":257}`, 400, "0 to 256"},
		{"PUT", "/v1/workers/1/weight", `{"weight":-1}`, 400, "0 to 256"},
		{"PUT", "/v1/workers/1/weight", `{"weight":1.5}`, 400, "cannot read the body"},
		{"PUT", "/v1/workers/1/weight", `{"wait":1}`, 400, "unknown field"},
		{"PUT", "/v1/workers/3/weight", `{"weight":2}`, 404, "there are 1 to 2"},
		{"PUT", "/v1/workers/x/weight", `{"weight":2}`, 400, "number, a port or all"},
		{"PUT", "/v1/policy", `{"policy":"` + strings.Repeat("x", maxBody) + `"}`, 413, "65536"},
		{"GET", "/v1/logs?worker=7", "", 404, "there are 1 to 2"},
		{"GET", "/v1/logs?worker=x", "", 400, "number, a port"},
		{"GET", "/v1/logs?since=yesterday", "", 400, "since"},
		{"GET", "/v1/logs?since=-5m", "", 400, "since"},
		{"GET", "/v1/logs?tail=-1", "", 400, "tail"},
		{"GET", "/v1/events?after=x", "", 400, "after"},
		{"GET", "/v1/events?follow=sometimes", "", 400, "follow"},
		{"GET", "/v1/events?colour=1", "", 400, "colour"},
		{"GET", "/v1/events?a=%zz", "", 400, "query"},
		{"POST", "/v1/shutdown", "", 501, "nobody here"},
	}
	for _, tc := range tests {
		status, text := s.do(tc.method, tc.path, tc.body)
		var body ErrorBody
		err := json.Unmarshal([]byte(text), &body)
		if status != tc.status || !strings.Contains(text, tc.says) || err != nil || (body.Error == "") != (status == 200) {
			t.Errorf("%s %.60s %.30s: %d %s (%v), want %d with %s", tc.method, tc.path, tc.body, status, text, err, tc.status, tc.says)
		}
	}
	for _, w := range s.Snapshot().Workers {
		if w.Weight != 1 || s.Snapshot().Policy != "round-robin" {
			t.Errorf("one of the refusals changed a share: %+v", w)
		}
		if w.Incarnation != 1 || w.State != cluster.Ready || len(s.Ports()) != 2 {
			t.Errorf("one of the refusals did something: %+v", w)
		}
	}
}

func TestEffects(t *testing.T) {
	w := func(state cluster.State, incarnation uint64, inFlight int64) cluster.WorkerSnapshot {
		return cluster.WorkerSnapshot{Worker: 1, State: state, Incarnation: incarnation, InFlight: inFlight}
	}
	tests := []struct {
		verb verb
		w    cluster.WorkerSnapshot // in incarnation 5 before
		done bool
		lost bool
	}{
		{stop, w(cluster.Stopping, 5, 0), false, false},
		{stop, w(cluster.Stopped, 5, 0), true, false},
		{start, w(cluster.Ready, 5, 0), true, false},
		{start, w(cluster.Backoff, 5, 0), false, false},
		{start, w(cluster.Failed, 6, 0), false, true},
		{restart, w(cluster.Ready, 5, 0), false, false},
		{restart, w(cluster.Ready, 6, 0), true, false},
		{restart, w(cluster.Stopped, 5, 0), false, true},
		{kill, w(cluster.Ready, 5, 0), false, false},
		{kill, w(cluster.Backoff, 5, 0), false, false},
		{kill, w(cluster.Ready, 6, 0), true, false},
		{kill, w(cluster.Stopped, 5, 0), true, false},
		{pause, w(cluster.Drained, 5, 0), false, false},
		{pause, w(cluster.Paused, 5, 0), true, false},
		{pause, w(cluster.Stopped, 5, 0), false, true},
		{resume, w(cluster.Ready, 5, 0), true, false},
		{drain, w(cluster.Drained, 5, 1), false, false},
		{drain, w(cluster.Drained, 5, 0), true, false},
		{undrain, w(cluster.Drained, 5, 0), false, false},
		{undrain, w(cluster.Failed, 5, 0), false, true},
	}
	for _, tc := range tests {
		done, err := tc.verb.effect(tc.w, 5)
		if done != tc.done || (err != nil) != tc.lost {
			t.Errorf("%s, now %s in %d: %v, %v", tc.verb, tc.w.State, tc.w.Incarnation, done, err)
		}
	}
}

func FuzzParseWorkers(f *testing.F) {
	for _, seed := range []string{"all", "1", "8001,2", "", ",", "+1", "-1", " 3 ", "65536", "all,1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, list string) {
		ids, err := parseWorkers(list)
		if (ids == nil) != (list == all || err != nil) {
			t.Errorf("%q: %v, %v", list, ids, err)
		}
		for _, id := range ids {
			if id < 0 || id > 65535 {
				t.Errorf("%q has %d", list, id)
			}
		}
	})
}
