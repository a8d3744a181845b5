package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// A tally is what became of the requests of one kind.
type tally struct {
	sent, ok, failed atomic.Int64 // failed: no answer, or one that is not 200
	slowest          atomic.Int64 // nanoseconds
}

// load is a number of clients that ask one after the other.
type load struct {
	http   *http.Client
	url    string
	wg     sync.WaitGroup
	gets   tally
	posts  tally
	nextID atomic.Int64

	twice  int     // POSTs that were run twice
	frozen float64 // the share of GETs answered per second while a worker is frozen; 0 = none was
}

func newLoad(ctx context.Context, port int) *load {
	l := &load{
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: getters + posters}, Timeout: 30 * time.Second},
		url:  "http://" + address(port),
	}
	for range getters {
		l.wg.Go(func() { l.client(ctx, &l.gets, http.MethodGet, func() string { return "/?ms=20" }) })
	}
	for range posters {
		l.wg.Go(func() {
			l.client(ctx, &l.posts, http.MethodPost, func() string { return fmt.Sprintf("/post?ms=20&id=%d", l.nextID.Add(1)) })
		})
	}
	return l
}

// wait returns when all clients have ended, which they do with their context.
func (l *load) wait() {
	l.wg.Wait()
	l.http.CloseIdleConnections()
}

func (l *load) client(ctx context.Context, t *tally, method string, path func() string) {
	for ctx.Err() == nil {
		began := time.Now()
		ok := l.ask(ctx, method, path())
		if ctx.Err() != nil {
			return // cut off by us
		}
		t.note(ok, int64(time.Since(began)))
	}
}

func (l *load) ask(ctx context.Context, method, path string) bool {
	r, err := http.NewRequestWithContext(ctx, method, l.url+path, nil)
	if err != nil {
		return false
	}
	resp, err := l.http.Do(r)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err == nil && resp.StatusCode == http.StatusOK
}

func (t *tally) note(ok bool, took int64) {
	t.sent.Add(1)
	if ok {
		t.ok.Add(1)
	} else {
		t.failed.Add(1)
	}
	for old := t.slowest.Load(); took > old && !t.slowest.CompareAndSwap(old, took); old = t.slowest.Load() {
	}
}

// share is how much of the normal throughput was left while a worker was frozen.
func (l *load) share() string {
	if l.frozen == 0 {
		return ""
	}
	return fmt.Sprintf("%.0f %%", 100*l.frozen)
}
