package control

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/procs/misbehave"
	"github.com/lbdev/lbdev/proxy"
)

// ask sends a request and returns when it is in the list.
func (s *stage) ask(path string) Request {
	s.Helper()
	resp, err := http.Get(s.FrontURL() + path)
	if err != nil {
		s.Fatal(err)
	}
	resp.Body.Close()
	var found Request
	await(s, path+" is over", func() bool {
		got, err := s.client.Requests(s.Context(), RequestQuery{Limit: 1})
		if err != nil {
			s.Fatal(err)
		}
		if len(got) > 0 {
			found = got[0]
		}
		return found.Path == proxy.Redact(path)
	})
	return found
}

func paths(requests []Request) (paths []string) {
	for _, r := range requests {
		paths = append(paths, r.Path)
	}
	return paths
}

func TestRequests(t *testing.T) {
	s := open(t, cluster.Config{Workers: 2}, &Server{})
	s.awaitAll(cluster.Ready)
	if got, err := s.client.Requests(t.Context(), RequestQuery{}); err != nil || got == nil || len(got) != 0 {
		t.Errorf("before any: %v, %v", got, err)
	}
	for i := range 5 {
		r := s.ask("/?n=" + strconv.Itoa(i))
		if r.Seq != uint64(i+1) || r.Status != 200 || r.Worker != i%2+1 || r.Client != "127.0.0.1" || r.UserAgent != "Go-http-client/1.1" || len(r.Attempts) != 1 {
			t.Errorf("number %d is %+v", i, r)
		}
		a := r.Attempts[0]
		if i > 0 && !strings.Contains(a.Why, "next after "+strconv.Itoa(s.base+(i+1)%2)) {
			t.Errorf("number %d: why is %q", i, a.Why)
		}
		if a.StartMS != 0 || a.Reused == (i < 2) || (a.ConnectMS > 0) != (i < 2) || a.FirstByteMS <= 0 || a.TotalMS < a.FirstByteMS || a.TotalMS != r.TotalMS || r.HeldMS != 0 {
			t.Errorf("the timings of number %d are %+v", i, r)
		}
	}
	tests := []struct {
		name  string
		query RequestQuery
		want  []string
	}{
		{"three", RequestQuery{Limit: 3}, []string{"/?n=4", "/?n=3", "/?n=2"}},
		{"after", RequestQuery{After: 3}, []string{"/?n=4", "/?n=3"}},
		{"worker", RequestQuery{Workers: "2"}, []string{"/?n=3", "/?n=1"}},
		{"port", RequestQuery{Workers: strconv.Itoa(s.base)}, []string{"/?n=4", "/?n=2", "/?n=0"}},
		{"all workers", RequestQuery{Workers: "all", Limit: 1}, []string{"/?n=4"}},
		{"slow", RequestQuery{Slow: time.Hour}, nil},
		{"failed", RequestQuery{Failed: true}, nil},
	}
	for _, tc := range tests {
		if got, err := s.client.Requests(t.Context(), tc.query); err != nil || !slices.Equal(paths(got), tc.want) {
			t.Errorf("%s: %v, %v", tc.name, paths(got), err)
		}
	}
	for _, query := range []string{"limit=0", "limit=x", "most=3", "after=-1", "failed=maybe", "slow=much", "worker=x", "follow=2"} {
		err := s.client.call(t.Context(), http.MethodGet, "/v1/requests?"+query, nil, new(Requests))
		if api, ok := errors.AsType[*APIError](err); !ok || api.Hint == "" {
			t.Errorf("%s: %v", query, err)
		}
	}
	if _, err := s.client.Requests(t.Context(), RequestQuery{Workers: "9"}); err == nil {
		t.Error("there is no worker 9")
	}
}

// One that waited says how long, and one that failed why.
func TestRequestsThatDidNotGoWell(t *testing.T) {
	const late = 2000 // ms after which the worker listens, when the request has long come
	s := open(t, cluster.Config{Workers: 1, Command: misbehave.Argv("serve", strconv.Itoa(late))}, &Server{})
	if r := s.ask("/held"); r.HeldMS <= 0 || r.HeldMS > r.TotalMS || r.Attempts[len(r.Attempts)-1].StartMS < r.HeldMS {
		t.Errorf("held: %+v", r)
	}
	if err := s.Stop(s.base); err != nil {
		t.Fatal(err)
	}
	await(t, "it is stopped", func() bool { return s.worker(1).State == cluster.Stopped })
	s.ask("/failed?token=abc")
	got, err := s.client.Requests(t.Context(), RequestQuery{Failed: true})
	if err != nil || len(got) != 1 || got[0].Outcome != "failed" || got[0].Reason == "" || got[0].Status != 503 || got[0].Path != "/failed?token=***" {
		t.Errorf("%+v, %v", got, err)
	}
}

// A stream begins with what is there, goes on with what comes, is taken up again where it was, and ends with the server.
func TestFollowRequests(t *testing.T) {
	server := &Server{KeepAlive: time.Millisecond}
	s := open(t, cluster.Config{Workers: 1}, server)
	s.awaitAll(cluster.Ready)
	for i := range 3 {
		s.ask("/" + strconv.Itoa(i))
	}
	got, over := make(chan string, 100), make(chan error, 1)
	go func() {
		for r, err := range s.client.FollowRequests(context.Background(), RequestQuery{Limit: 2}) {
			if err != nil {
				over <- err
				return
			}
			got <- r.Path
		}
		over <- nil
	}()
	want := func(path string) {
		t.Helper()
		select {
		case p := <-got:
			if p != path {
				t.Fatalf("got %s, want %s", p, path)
			}
		case <-time.After(patience):
			t.Fatalf("%s does not come", path)
		}
	}
	want("/1")
	want("/2")
	s.ask("/3")
	want("/3")

	r, _ := http.NewRequestWithContext(t.Context(), "GET", s.client.base+"/v1/requests?follow=true&limit=0", nil)
	r.Header.Set("Authorization", "Bearer "+s.claim.Token())
	r.Header.Set("Last-Event-ID", server.run+"-1")
	resp, err := s.raw.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	stream := newScanner(resp.Body)
	for i := range 3 {
		if m, err := stream.next(); err != nil || m.id != server.run+"-"+strconv.Itoa(i+2) {
			t.Errorf("taken up again: %+v, %v", m, err)
		}
	}

	if err := server.Close(context.Background()); err != nil {
		t.Error(err)
	}
	select {
	case err := <-over:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("the stream does not end")
	}
}
