package cluster

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lbdev/lbdev/procs/misbehave"
	"github.com/lbdev/lbdev/proxy"
	"github.com/lbdev/lbdev/proxy/fault"
)

// A caller speaks to serve-tcp.
type caller struct {
	net.Conn
	in   *bufio.Reader
	port int
}

func call(address string) (*caller, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return greeted(conn)
}

// greeted waits for the worker's first words.
func greeted(conn net.Conn) (*caller, error) {
	conn.SetDeadline(time.Now().Add(patience))
	c := &caller{Conn: conn, in: bufio.NewReader(conn)}
	var pid int
	line, err := c.in.ReadString('\n')
	if err == nil {
		_, err = fmt.Sscanf(line, "port %d pid %d\n", &c.port, &pid)
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("greeting %q: %w", line, err)
	}
	return c, nil
}

// echo sends a line and wants it back.
func (c *caller) echo(text string) error {
	if _, err := fmt.Fprintln(c, text); err != nil {
		return err
	}
	line, err := c.in.ReadString('\n')
	if err == nil && line != text+"\n" {
		err = fmt.Errorf("got back %q", line)
	}
	return err
}

func TestModeTCP(t *testing.T) {
	c := open(t, Config{Command: misbehave.Argv("serve-tcp"), Workers: 2, Mode: ModeTCP})
	c.awaitAll(2, Ready)
	if want := fmt.Sprintf("tcp://127.0.0.1:%d", c.base+20); c.FrontURL() != want {
		t.Errorf("the front is %q", c.FrontURL())
	}
	address := strings.TrimPrefix(c.FrontURL(), "tcp://")
	var open []*caller
	for i := range 4 {
		conn, err := call(address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if conn.port != c.base+i%2 {
			t.Errorf("connection %d went to %d", i, conn.port)
		}
		open = append(open, conn)
	}
	if w := c.worker(1); w.InFlight != 2 || w.Requests != 2 {
		t.Errorf("%+v", w)
	}
	// A drained worker keeps what it has and gets nothing new; a killed one loses it, and its clients see that at once.
	if err := c.Drain(1); err != nil {
		t.Fatal(err)
	}
	if next, err := call(address); err != nil || next.port != c.base+1 {
		t.Errorf("%+v, %v", next, err)
	} else {
		next.Close()
	}
	if err := open[0].echo("still there"); err != nil {
		t.Error(err)
	}
	if err := c.Kill(1); err != nil {
		t.Fatal(err)
	}
	for i, conn := range open {
		var err error
		if i%2 == 0 {
			_, err = conn.in.ReadByte()
		} else if err = conn.echo("of the other worker"); err == nil {
			continue
		}
		if i%2 == 1 || err == nil {
			t.Errorf("connection %d: %v", i, err)
		} else if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
			t.Errorf("connection %d stays open", i)
		}
	}
	c.await(1, Ready, 2)
}

// TestModeTCPUnderKills has clients open connections without a pause while a worker is killed again and again, in the end all at
// once. Every connection leads somewhere; those that were open at a worker that died may break.
func TestModeTCPUnderKills(t *testing.T) {
	var failed, cut, rescued atomic.Int64
	c := open(t, Config{Command: misbehave.Argv("serve-tcp"), Workers: 3, Mode: ModeTCP, OnAccess: func(a *proxy.Access) {
		switch a.Outcome {
		case proxy.Failed:
			failed.Add(1)
		case proxy.Cut:
			cut.Add(1)
		case proxy.Rescued:
			rescued.Add(1)
		}
	}})
	c.awaitAll(3, Ready)
	address := strings.TrimPrefix(c.FrontURL(), "tcp://")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var clients sync.WaitGroup
	var good, broken, refused atomic.Int64
	for range 8 {
		clients.Go(func() {
			for ctx.Err() == nil {
				conn, err := call(address)
				if err != nil {
					refused.Add(1)
					t.Log(err)
					continue
				}
				if err := conn.echo("hello"); err != nil {
					broken.Add(1)
				} else {
					good.Add(1)
				}
				conn.Close()
			}
		})
	}
	kill := func(workers ...int) {
		before := good.Load()
		incarnations := map[int]uint64{}
		for _, w := range workers {
			incarnations[w] = c.worker(w).Incarnation
			c.Kill(w)
		}
		for _, w := range workers {
			c.await(w, Ready, incarnations[w]+1)
		}
		for deadline := time.Now().Add(patience); good.Load() < before+50 && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
	}
	for i := range 6 {
		kill(i%3 + 1)
	}
	kill(1, 2, 3)
	cancel()
	clients.Wait()
	if failed.Load() > 0 {
		t.Errorf("%d connections led nowhere", failed.Load())
	}
	if n := broken.Load() + refused.Load(); n > 9*8 || n > cut.Load() { // of each kill, what was open at that worker
		t.Errorf("%d connections broke, %d without a word of the worker; %d were cut", n, refused.Load(), cut.Load())
	}
	t.Logf("%d good, %d broke, %d of them without a word; %d cut, %d rescued", good.Load(), broken.Load()+refused.Load(), refused.Load(), cut.Load(), rescued.Load())
}

func TestModeTCPWithTLSAndProxyProtocol(t *testing.T) {
	server, client, _ := ownTLS(t)
	seen := make(chan string, 1)
	c := open(t, Config{
		Command: misbehave.Argv("serve-tcp"), Workers: 1, Mode: ModeTCP, TLS: server, ProxyProtocol: true,
		OnAccess: func(a *proxy.Access) { seen <- a.Client + " " + a.Path + " " + string(a.Outcome) },
	})
	c.awaitAll(1, Ready)
	raw, err := net.Dial("tcp", strings.TrimPrefix(c.FrontURL(), "tls://"))
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	io.WriteString(raw, "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n")
	client = client.Clone()
	client.ServerName = "127.0.0.1"
	conn, err := greeted(tls.Client(raw, client))
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.echo("over TLS"); err != nil {
		t.Error(err)
	}
	conn.Close()
	if got := <-seen; got != "192.0.2.1 192.0.2.1:56324 ok" {
		t.Errorf("the record says %q", got)
	}
}

func TestModeTCPRefusesWhatNeedsHTTP(t *testing.T) {
	for _, config := range []Config{
		{Mode: "udp"}, {Mode: ModeTCP, Policy: "uri-hash"}, {Mode: ModeTCP, Sticky: "cookie"}, {Mode: ModeTCP, Redirect: "127.0.0.1:1", TLS: &tls.Config{}},
		{Mode: ModeTCP, Upstream: UpstreamH2C}, {Mode: ModeTCP, MaxBody: 1}, {Mode: ModeTCP, RetryUnsafe: true}, {Mode: ModeTCP, EjectAfter: 1}, {Mode: ModeTCP, Badge: true},
		{Mode: ModeTCP, Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
	} {
		config.Command = misbehave.Argv("serve-tcp")
		if _, err := New(config); err == nil || !strings.Contains(err.Error(), "mode") {
			t.Errorf("%+v: %v", config, err)
		}
	}
	c := open(t, Config{Command: misbehave.Argv("serve-tcp"), Workers: 1, Mode: ModeTCP})
	plan, err := fault.Parse("errors=503")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := errors.AsType[*ModeError](c.SetFault(1, plan, 0)); !ok {
		t.Error("a fault that needs HTTP is taken")
	}
	for _, change := range []Balancing{{Policy: new("uri-hash")}, {Sticky: new("cookie")}} {
		if _, ok := errors.AsType[*ModeError](c.SetBalancing(change)); !ok {
			t.Errorf("%+v is taken", change)
		}
	}
	if err := c.SetBalancing(Balancing{Policy: new("ip-hash")}); err != nil {
		t.Error(err)
	}
}
