package cluster

import (
	"fmt"
	"net"

	"github.com/lbdev/lbdev/proxy"
	"github.com/lbdev/lbdev/proxy/limit"
	"github.com/lbdev/lbdev/proxy/strict"
)

// keptFiles is how many open files are kept for what is no client's: listeners, pipes of workers, logs.
const keptFiles = 256

// maxConns is how many connections clients may have. By default two thirds of the files that may be open are for clients, as
// each of their requests may need a connection to a worker.
func (c *Config) maxConns() int {
	switch files := openFiles(); {
	case c.MaxConns < 0:
		return 0
	case c.MaxConns > 0:
		return c.MaxConns
	case files > 0:
		return max((files-keptFiles)*2/3, 64)
	}
	return 0
}

// rules are those for requests of HTTP/1.
func (c *Config) rules(p *proxy.Proxy) *strict.Rules {
	return &strict.Rules{MaxBody: c.MaxBody, HTTP2: true, OnRefuse: p.Refused}
}

// limiter keeps some clients from using up what all need.
func (c *Config) limiter(p *proxy.Proxy) *limit.Limiter {
	l := &limit.Limiter{Max: c.maxConns()}
	reason := fmt.Sprintf("there are %d connections, as many as there may be, and all have a request", l.Max)
	l.OnBusy = func(client net.Addr) { p.TurnedAway(client, reason) }
	if c.TLS == nil && c.Mode != ModeTCP { // who speaks TLS, or no HTTP, would not understand it
		body := "503 Service Unavailable\n\n" + reason + "\n"
		l.Busy = fmt.Appendf(nil, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n"+
			"Cache-Control: no-store\r\nRetry-After: 1\r\nConnection: close\r\n\r\n%s", len(body), body)
	}
	return l
}
