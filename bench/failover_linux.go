package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	failoverClients = 32
	kills           = 8
	killEvery       = time.Second
)

// failover kills a worker each second while clients ask, first through lbdev, then through nginx. In all cases lbdev brings
// the worker back, so nginx has it as easy.
func (b *bench) failover() error {
	c, err := b.up()
	if err != nil {
		return err
	}
	defer c.stop()
	t := newTable(fmt.Sprintf("Failover: %d clients, a worker that takes 20 ms killed each second, %d kills", failoverClients, kills),
		"", "GETs", "failed", "slowest")
	keepAlive, err := b.startNginx(c.base, true)
	if err != nil {
		return err
	}
	defer keepAlive.stop()
	tutorial, err := b.startNginx(c.base, false)
	if err != nil {
		return err
	}
	defer tutorial.stop()
	for _, f := range []front{
		{name: "lbdev", port: c.front}, {name: "nginx, the tutorial's config", port: tutorial.port}, {name: "nginx, upstream keep-alive", port: keepAlive.port},
	} {
		l, err := b.killWhileLoaded(c, f.port)
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		t.row(f.name, thousands(int(l.sent.Load())), thousands(int(l.failed.Load())), millis(time.Duration(l.slowest.Load())))
	}
	t.print()
	return nil
}

// killWhileLoaded runs the clients and kills one worker after the other.
func (b *bench) killWhileLoaded(c *cluster, port int) (*load, error) {
	ctx, cancel := context.WithCancel(b.ctx)
	l := newLoad(ctx, port)
	defer l.wait()
	defer cancel()
	for i := range kills {
		if err := pause(ctx, killEvery); err != nil {
			return nil, err
		}
		if err := b.killWorker(c, i%workers); err != nil {
			return nil, err
		}
	}
	return l, pause(ctx, killEvery)
}

// killWorker ends the worker's process as `kill -9` would, after waiting for it to be back from an earlier time.
func (b *bench) killWorker(c *cluster, i int) error {
	var pid int
	back := func() bool {
		text, err := get(b.ctx, c.base+i, "/pid")
		if err == nil {
			pid, err = strconv.Atoi(text)
		}
		return err == nil
	}
	if err := c.until(b.ctx, 10*time.Second, fmt.Sprintf("waiting for worker %d to be back", i+1), back); err != nil {
		return err
	}
	return syscall.Kill(pid, syscall.SIGKILL)
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// load is a number of clients that ask one after the other.
type load struct {
	http    *http.Client
	url     string
	wg      sync.WaitGroup
	sent    atomic.Int64
	failed  atomic.Int64 // no answer, or one that is not 200
	slowest atomic.Int64 // nanoseconds
}

func newLoad(ctx context.Context, port int) *load {
	l := &load{
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: failoverClients}, Timeout: 30 * time.Second},
		url:  "http://" + address(port) + "/?ms=20",
	}
	for range failoverClients {
		l.wg.Go(func() { l.client(ctx) })
	}
	return l
}

// wait returns when all clients have ended, which they do with their context.
func (l *load) wait() {
	l.wg.Wait()
	l.http.CloseIdleConnections()
}

func (l *load) client(ctx context.Context) {
	for ctx.Err() == nil {
		began := time.Now()
		ok := l.ask(ctx)
		if ctx.Err() != nil {
			return // cut off by us
		}
		l.sent.Add(1)
		if !ok {
			l.failed.Add(1)
		}
		l.note(int64(time.Since(began)))
	}
}

func (l *load) ask(ctx context.Context) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url, nil)
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

func (l *load) note(took int64) {
	for old := l.slowest.Load(); took > old && !l.slowest.CompareAndSwap(old, took); old = l.slowest.Load() {
	}
}
