package cluster

import (
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/lbdev/lbdev/proxy/entry"
	"github.com/lbdev/lbdev/proxy/strict"
)

// A redirect leads clients from http to https: those that come to an address of its own, and those that speak plain HTTP
// where the front speaks TLS. Its methods do nothing on nil.
type redirect struct {
	server   *http.Server
	listener net.Listener   // of its own; nil = none
	handoff  *entry.Handoff // of connections that came to the front
	rules    *strict.Rules
	front    *net.TCPAddr // where https is; nil = at no port
}

// openRedirect opens one that leads to the front, with an address of its own if the Config wants one.
func openRedirect(f *front, config *Config) (*redirect, error) {
	r := &redirect{handoff: entry.NewHandoff(f.openings[0].Addr()), rules: f.rules}
	for _, o := range f.openings {
		if tcp, ok := o.Addr().(*net.TCPAddr); ok {
			r.front = tcp
			break
		}
	}
	if config.Redirect != "" {
		l, err := listen(config.Redirect)
		if err != nil {
			return nil, err
		}
		r.listener = entry.New(f.limiter.Listener(l), entry.Config{ProxyProtocol: config.ProxyProtocol, Refused: f.refused, Wrap: f.rules.Conn})
	}
	r.server = newServer(http.HandlerFunc(r.toHTTPS))
	r.server.ConnState = f.limiter.State
	return r, nil
}

// take takes over a connection that came to the front and speaks no TLS.
func (r *redirect) take(conn net.Conn) { r.handoff.Give(r.rules.Conn(conn)) }

func (r *redirect) own() net.Listener {
	if r == nil {
		return nil
	}
	return r.listener
}

func (r *redirect) serve(serving *sync.WaitGroup) {
	if r == nil {
		return
	}
	serving.Go(func() { r.server.Serve(r.handoff) })
	if r.listener != nil {
		serving.Go(func() { r.server.Serve(r.listener) })
	}
}

// close ends it at once: its answers are short.
func (r *redirect) close() {
	if r != nil {
		r.server.Close()
	}
}

// abandon is close before serve.
func (r *redirect) abandon() {
	if r != nil && r.listener != nil {
		r.listener.Close()
	}
}

// toHTTPS answers with the same address in https. 308 keeps the method and the body (RFC 9110 section 15.4.9). No header
// makes the browser remember it for the host: on localhost other ports speak plain HTTP.
func (r *redirect) toHTTPS(w http.ResponseWriter, req *http.Request) {
	h, target := w.Header(), req.URL.RequestURI()
	if !strings.HasPrefix(target, "/") { // OPTIONS *
		target = "/"
	}
	h.Set("Location", "https://"+r.host(req)+target)
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Connection", "close")
	w.WriteHeader(http.StatusPermanentRedirect)
	io.WriteString(w, "This is https only: "+h.Get("Location")+"\n")
}

// host is the name that the client uses, with the port of https: the one on which the connection came in, if that speaks TLS
// itself.
func (r *redirect) host(req *http.Request) string {
	name := req.Host
	if host, _, err := net.SplitHostPort(name); err == nil {
		name = host
	}
	name = strings.Trim(name, "[]")
	if name == "" { // HTTP/1.0
		name = "localhost"
	}
	port := 443
	if r.front != nil {
		port = r.front.Port
	}
	if local, ok := req.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok && !r.isOwn(local) {
		port = local.Port
	}
	if port != 443 {
		return net.JoinHostPort(name, strconv.Itoa(port))
	}
	if strings.Contains(name, ":") {
		return "[" + name + "]"
	}
	return name
}

// isOwn says whether a connection came to the address of the redirect itself.
func (r *redirect) isOwn(local *net.TCPAddr) bool {
	if r.listener == nil {
		return false
	}
	own, ok := r.listener.Addr().(*net.TCPAddr)
	return ok && own.Port == local.Port
}
