//go:build unix

package fronts

import (
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/lbdev/lbdev/proxy"
	"github.com/lbdev/lbdev/templates/export"
)

// maxTold is how much is kept of what a client says of itself.
const maxTold = 2 << 10

func told(text string) string {
	if text == "-" {
		return ""
	}
	if len(text) > maxTold {
		text = text[:maxTold]
	}
	return strings.Clone(text) // not the whole line with it
}

// portAt is the port of the worker at an address: host:port, unix:PATH with what programs put around that, or PATH.
func portAt(workers []export.Worker, address string) int {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		address, _, _ = strings.Cut(path, "|") // Apache: unix:PATH|http://host
	}
	if _, rest, ok := strings.Cut(address, "://"); ok {
		address = rest
	}
	address = strings.TrimSuffix(address, ":")
	_, text, err := net.SplitHostPort(address)
	port, convErr := strconv.Atoi(text)
	for _, w := range workers {
		if w.Socket != "" && (address == w.Socket || address == "unix/"+w.Socket) || err == nil && convErr == nil && w.Port == port { // Apache gives a port to sockets, too
			return w.Port
		}
	}
	return 0
}

// seconds reads a number of seconds such as 0.012; anything else is 0.
func seconds(text string) time.Duration {
	s, err := strconv.ParseFloat(text, 64)
	if err != nil || !(s > 0) || s > 1e9 {
		return 0
	}
	return time.Duration(s * float64(time.Second))
}

// whole reads a number of units; anything else, and what is negative, is 0.
func whole(text string, unit time.Duration) time.Duration {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > int64(1<<62)/int64(unit) {
		return 0
	}
	return time.Duration(n) * unit
}

func number(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

func isStatus(status int) bool { return status >= 100 && status < 1000 }

// cutShort is why an answer is not complete.
const cutShort = "the worker ended its answer too early"

// blames says whether a status is one with which a balancer says that no worker answered.
func blames(status int) bool { return status == 502 || status == 503 || status == 504 }

// answered notes that the last attempt was the one that answered.
func answered(a *proxy.Access, status int) {
	last := &a.Attempts[len(a.Attempts)-1]
	last.Result, last.Sent = strconv.Itoa(status), true
	a.Port = last.Port
	if a.Outcome = proxy.OK; len(a.Attempts) > 1 {
		a.Outcome = proxy.Rescued
	}
}

// spread gives attempts that follow each other their starts, and the last one what is left of the time.
func spread(a *proxy.Access) {
	var at time.Duration
	for i := range a.Attempts {
		try := &a.Attempts[i]
		try.Start = at
		if i == len(a.Attempts)-1 {
			try.Total = max(a.Total-at, try.Total)
		}
		at += try.Total
	}
}

// requestLine is "GET /path HTTP/1.1" in its parts.
func requestLine(a *proxy.Access, line string) {
	method, rest, _ := strings.Cut(line, " ")
	path, proto, ok := cutLast(rest, " ")
	if !ok {
		path, proto = rest, ""
	}
	a.Method, a.Path, a.Proto = told(method), told(path), told(proto)
}

func cutLast(text, sep string) (before, after string, ok bool) {
	if i := strings.LastIndex(text, sep); i >= 0 {
		return text[:i], text[i+len(sep):], true
	}
	return text, "", false
}
