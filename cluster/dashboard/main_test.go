package dashboard

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/cluster/control"
	"github.com/lbdev/lbdev/procs/misbehave"
)

// patience bounds everything that tests wait for.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	misbehave.Main()
	// The goroutine that forks never returns: children with a parent-death signal die with the thread that made them.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/lbdev/lbdev/procs.(*forker).run"))
}

const token, readToken = "0123456789abcdef", "fedcba9876543210"

// A board is a dashboard of a real cluster.
type board struct {
	*Server
	t *testing.T
}

// open starts a cluster with its dashboard at an address such as 127.0.0.1:0.
func open(t *testing.T, workers int, address string) *board {
	t.Helper()
	c := openCluster(t, workers)
	t.Cleanup(func() { c.Shutdown(context.Background()) })
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	api := &control.Server{Cluster: c}
	b := &board{t: t, Server: &Server{
		Cluster: c, API: api.API(), Token: token, ReadToken: readToken, Version: "v1",
		Files: fstest.MapFS{"index.html": {Data: []byte("<!doctype html>page")}, "main.js": {Data: []byte("export {}")}},
	}}
	if err := b.Open(listener); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(context.Background()); err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	b.eventually("all ready", func() bool { return b.count(cluster.Ready) == workers })
	return b
}

func openCluster(t *testing.T, workers int) *cluster.Cluster {
	t.Helper()
	for range 100 {
		c, err := cluster.New(cluster.Config{
			Name: "shop", Command: misbehave.Argv("serve"), Workers: workers, Listen: "127.0.0.1:0", Inspect: true,
			BasePort: 14910 + rand.IntN(80), // other packages' tests, which run at the same time, have other ranges
		})
		if err == nil {
			err = c.Open()
		}
		if err == nil {
			return c
		}
		if _, taken := errors.AsType[*cluster.PortTakenError](err); !taken {
			t.Fatal(err)
		}
	}
	t.Fatal("found no free ports")
	return nil
}

func (b *board) count(state cluster.State) (n int) {
	for _, w := range b.Cluster.Snapshot().Workers {
		if w.State == state {
			n++
		}
	}
	return n
}

func (b *board) eventually(what string, ok func() bool) {
	b.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	b.t.Fatalf("waited in vain: %s", what)
}

// ask sends a request with headers given as "Name: value"; redirects are not followed.
func (b *board) ask(method, path, body string, headers ...string) (*http.Response, string) {
	b.t.Helper()
	return b.fetch(method, b.Address()+path, body, headers)
}

// front is ask for what the workers answer, and waits until that is remembered.
func (b *board) front(method, path, body string, headers ...string) (seq uint64, text string) {
	b.t.Helper()
	_, before, _ := b.Cluster.Requests(0, 0, nil)
	_, text = b.fetch(method, b.Cluster.FrontURL()+path, body, headers)
	b.eventually("the request is over", func() bool { _, seq, _ = b.Cluster.Requests(0, 0, nil); return seq > before })
	return seq, text
}

func (b *board) fetch(method, url, body string, headers []string) (*http.Response, string) {
	b.t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
		}
		r.Header.Set(name, value)
	}
	client := &http.Client{
		Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true},
		Timeout:   patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp, string(text)
}

const bearer = "Authorization: Bearer " + token

// A page is one that watches.
type page struct {
	t    *testing.T
	body io.Closer
	in   *bufio.Reader
	id   string // of the last message
}

// watch opens the stream; id is that of the last message of an earlier one.
func (b *board) watch(id string) *page {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	b.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.Address()+home+"v1/live", nil)
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if id != "" {
		r.Header.Set("Last-Event-ID", id)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		b.t.Fatalf("%s, %s", resp.Status, resp.Header.Get("Content-Type"))
	}
	p := &page{t: b.t, body: resp.Body, in: bufio.NewReader(resp.Body)}
	b.t.Cleanup(p.close)
	return p
}

func (p *page) close() { p.body.Close() }

// A message is a hello or a frame.
type message struct {
	Event    string            `json:"event"`
	Run      string            `json:"run"`
	Cluster  *cluster.Snapshot `json:"cluster"`
	Policies []string          `json:"policies"`
	Load     *load             `json:"load"`
	Events   []control.Event   `json:"events"`
	Requests []brief           `json:"requests"`
	LeftOut  uint64            `json:"requests_left_out"`
	Logs     []logLine         `json:"logs"`
	LogsLeft uint64            `json:"logs_left_out"`
}

func (p *page) next() (m message) {
	p.t.Helper()
	for {
		line, err := p.in.ReadString('\n')
		if err != nil {
			p.t.Fatal(err)
		}
		if id, ok := strings.CutPrefix(line, "id: "); ok {
			p.id = strings.TrimSpace(id)
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			if err := json.Unmarshal([]byte(data), &m); err != nil {
				p.t.Fatalf("%v in %s", err, data)
			}
			return m
		}
	}
}

// until reads messages until one is wanted, and returns all of them.
func (p *page) until(wanted func(message) bool) (all []message) {
	p.t.Helper()
	for {
		m := p.next()
		all = append(all, m)
		if wanted(m) {
			return all
		}
	}
}
