package dashboard

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/proxy"
)

// TestLive: a page gets everything at first, then what happens, and after a break what it has missed.
func TestLive(t *testing.T) {
	b := open(t, 2, "127.0.0.1:0")
	p := b.watch("")
	hi := p.next()
	if hi.Event != "hello" || hi.Run == "" || len(hi.Cluster.Workers) != 2 || len(hi.Policies) < 10 || len(hi.Events) == 0 || hi.Load == nil {
		t.Fatalf("%+v", hi)
	}
	if resp, text := b.ask("POST", home+"v1/send", `{"n":3,"path":"/x?password=y"}`, bearer); resp.StatusCode != http.StatusAccepted {
		t.Fatal(resp.Status, text)
	}
	var requests []brief
	p.until(func(m message) bool {
		requests = append(requests, m.Requests...)
		return len(requests) == 3
	})
	first, second := requests[0], requests[1]
	if first.Method != "GET" || first.Status != 200 || first.Worker+second.Worker != 3 || first.Path == "/x?password=y" {
		t.Errorf("requests: %+v", requests)
	}
	p.close()
	b.eventually("nobody who watches", func() bool {
		b.live.mu.Lock()
		defer b.live.mu.Unlock()
		return b.live.readers == 0
	})
	other := b.watch(p.id)
	if m := other.next(); m.Event != "hello" || len(m.Requests) != 3 {
		t.Errorf("when nobody has watched meanwhile: %+v", m)
	}
	if err := b.Cluster.Kill(1); err != nil {
		t.Fatal(err)
	}
	seen := other.until(func(m message) bool {
		for _, e := range m.Events {
			if e.Worker == 1 && e.Event == string(cluster.Ready) {
				return true
			}
		}
		return false
	})
	if last := seen[len(seen)-1].Cluster; last == nil || last.Workers[0].Restarts != 1 {
		t.Errorf("the cluster does not come with its events: %+v", last)
	}
	again := b.watch(other.id)
	if err := b.Cluster.Stop(2); err != nil {
		t.Fatal(err)
	}
	m := again.next()
	if m.Event != "frame" {
		t.Errorf("after a break: %s", m.Event)
	}
	go b.Close(context.Background())
	again.until(func(m message) bool { return m.Event == "end" })
}

// TestExactCounts: what is left out of the stream is counted, whatever the rate, and a failed request is never left out.
func TestExactCounts(t *testing.T) {
	b := open(t, 2, "127.0.0.1:0")
	p := b.watch("")
	p.next()
	const clients, each = 8, 250
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for range each {
				resp, err := http.Get(b.Cluster.FrontURL() + "/status?code=200")
				if err != nil {
					t.Error(err)
					return
				}
				resp.Body.Close()
			}
		})
	}
	total, last := uint64(0), uint64(0)
	all := p.until(func(m message) bool {
		for _, r := range m.Requests {
			if r.Seq <= last {
				t.Errorf("request %d comes after %d", r.Seq, last)
			}
			last = r.Seq
		}
		if len(m.Requests) > frameRequests || len(m.Logs) > frameLogs {
			t.Errorf("a frame of %d requests and %d lines", len(m.Requests), len(m.Logs))
		}
		total += uint64(len(m.Requests)) + m.LeftOut
		return total >= clients*each && m.Cluster != nil && m.Cluster.Requests.Total >= clients*each
	})
	wg.Wait()
	if total != clients*each {
		t.Errorf("%d requests in %d frames, want %d", total, len(all), clients*each)
	}
}

// TestLoad: a steady load flows until it is turned off, and all pages see that it does.
func TestLoad(t *testing.T) {
	b := open(t, 1, "127.0.0.1:0")
	p := b.watch("")
	p.next()
	if resp, text := b.ask("PUT", home+"v1/load", `{"rps":100,"path":"/"}`, bearer); resp.StatusCode != 200 {
		t.Fatal(resp.Status, text)
	}
	p.until(func(m message) bool { return m.Load != nil && m.Load.RPS == 100 })
	b.eventually("requests", func() bool { return b.Cluster.Snapshot().Requests.OK >= 20 })
	b.ask("PUT", home+"v1/load", `{"rps":0}`, bearer)
	b.eventually("silence", func() bool { return b.Cluster.Snapshot().Requests.InFlight == 0 })
	for _, body := range []string{`{"rps":-1}`, `{"rps":201}`, `{"rps":1,"path":"x"}`, `{"rps":"x"}`, `{"path":"/%zz"}`, `{"more":1}`} {
		if resp, text := b.ask("PUT", home+"v1/load", body, bearer); resp.StatusCode != 400 {
			t.Errorf("%s: %s %s", body, resp.Status, text)
		}
	}
	for _, body := range []string{`{"n":0}`, `{"n":101}`, `{"n":1,"path":"//\n"}`} {
		if resp, text := b.ask("POST", home+"v1/send", body, bearer); resp.StatusCode != 400 {
			t.Errorf("%s: %s %s", body, resp.Status, text)
		}
	}
}

// TestBudget: however long the paths are, a second of them takes what it may, and the newest come.
func TestBudget(t *testing.T) {
	var found []cluster.PastRequest
	for seq := range uint64(frameRequests) {
		found = append(found, cluster.PastRequest{Seq: seq + 1, Access: proxy.Access{Method: "GET", Path: "/" + strings.Repeat("x", 2*maxLine)}})
	}
	const seconds = 20
	room, size := budget(requestBytes), 0
	for range seconds * time.Second / beat {
		room.refill(requestBytes)
		fits := room.fit(found)
		if len(fits) > 0 && fits[len(fits)-1].Seq != frameRequests {
			t.Fatalf("the last that fits is %d", fits[len(fits)-1].Seq)
		}
		for i := range fits {
			size += len(marshal(newBrief(&fits[i]))) + 1
		}
	}
	if most := (seconds + 1) * requestBytes * 11 / 10; size > most || size < most/2 {
		t.Errorf("%d bytes in %d s, want at most %d", size, seconds, most)
	}
}
