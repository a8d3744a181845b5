package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// startHAProxy runs HAProxy over the workers at base. With retries it has the lines that its documentation gives for hiding
// deaths: another server for each retry, retries after whatever can go wrong, and requests that are kept so that they can be sent
// again. Those are what it needs for GETs; it sends POSTs again too.
func (b *bench) startHAProxy(base int, retries bool) (*process, int, error) {
	port, err := freeBlock(1)
	if err != nil {
		return nil, 0, err
	}
	dir, err := os.MkdirTemp(b.dir, "haproxy-")
	if err != nil {
		return nil, 0, fmt.Errorf("cannot make a folder for HAProxy: %w", err)
	}
	conf := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(conf, []byte(haproxyConfig(port, base, retries)), 0o600); err != nil {
		return nil, 0, fmt.Errorf("cannot configure HAProxy: %w", err)
	}
	p, err := launch(nil, nil, b.haproxy, "-db", "-q", "-f", conf)
	if err != nil {
		return nil, 0, err
	}
	listens := func() bool {
		conn, err := net.Dial("tcp", address(port))
		if err == nil {
			conn.Close()
		}
		return err == nil
	}
	if err := p.until(b.ctx, 10*time.Second, "waiting for HAProxy", listens); err != nil {
		p.stop()
		return nil, 0, err
	}
	return p, port, nil
}

func haproxyConfig(port, base int, retries bool) string {
	var servers strings.Builder
	for i := range workers {
		fmt.Fprintf(&servers, "  server w%d %s check inter 1s\n", i+1, address(base+i))
	}
	extra := ""
	if retries {
		extra = "  option redispatch 1\n  retries 3\n  retry-on all-retryable-errors\n  option http-buffer-request\n"
	}
	return fmt.Sprintf(`global
  nbthread 2
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend front
  bind %s
  default_backend app
backend app
  balance roundrobin
%s%s`, address(port), extra, servers.String())
}
