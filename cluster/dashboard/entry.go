package dashboard

import (
	"context"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/lbdev/lbdev/cluster/control"
)

// policy lets the page load what we serve and nothing else, and run no script that stands in it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// A pass is what somebody may do.
type pass int

const (
	none   pass = iota
	reader      // may look
	owner       // may do everything
)

// ServeHTTP checks who asks and from where, before anything is looked up.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	if !s.ours(r.Host) {
		control.Refuse(w, http.StatusForbidden, fmt.Sprintf("cannot answer as %q", r.Host), "open the URL that lbdev printed")
		return
	}
	if foreign(r) {
		control.Refuse(w, http.StatusForbidden, "cannot answer another page", "only the dashboard's own page may ask")
		return
	}
	if token := r.URL.Query().Get("token"); token != "" && r.URL.Path == "/" && r.Method == http.MethodGet {
		s.welcome(w, r, token)
		return
	}
	who := s.passOf(r)
	switch {
	case who == none:
		w.Header().Set("WWW-Authenticate", "Bearer")
		control.Refuse(w, http.StatusUnauthorized, "cannot let you in without the token", "open the URL that lbdev printed, or run  lbdev open --dashboard")
	case who == reader && r.Method != http.MethodGet && r.Method != http.MethodHead:
		control.Refuse(w, http.StatusForbidden, "cannot change anything: this link is for reading", "")
	default:
		s.mux.ServeHTTP(w, r.WithContext(withPass(r.Context(), who)))
	}
}

// ours says whether a Host header names this machine and can't be the name of an attacker's.
func (s *Server) ours(host string) bool {
	if control.Loopback(host) {
		return true
	}
	if s.private() {
		return false
	}
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.Trim(name, "[]")
	if net.ParseIP(name) != nil {
		return true
	}
	return s.host != "" && (strings.EqualFold(name, s.host) || strings.EqualFold(name, s.host+".local"))
}

// foreign says whether another page has sent the request. A link that leads here from elsewhere is not one: it shows us in a place
// of our own. The user's app is on the same site and still another page.
func foreign(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+r.Host {
		return true
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return false
	}
	visit := r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
	return !visit || r.URL.Path != "/" && r.URL.Path != home
}

// welcome takes the token out of the address bar, and out of the browser's history with it.
func (s *Server) welcome(w http.ResponseWriter, r *http.Request, token string) {
	if s.check(token) == none {
		control.Refuse(w, http.StatusUnauthorized, "cannot let you in: this is not the token", "open the URL that lbdev printed last")
		return
	}
	http.SetCookie(w, &http.Cookie{Name: s.cookie(), Value: token, Path: home, HttpOnly: true, SameSite: http.SameSiteStrictMode})
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, home, http.StatusSeeOther)
}

// cookie is the name of our cookie. Other dashboards on the same host have other ports.
func (s *Server) cookie() string {
	_, port, _ := net.SplitHostPort(s.address.String())
	return "lbdev-" + port
}

func (s *Server) passOf(r *http.Request) pass {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return s.check(token)
	}
	best := none
	for _, c := range r.CookiesNamed(s.cookie()) {
		best = max(best, s.check(c.Value))
	}
	return best
}

func (s *Server) check(token string) pass {
	same := func(secret string) bool {
		return secret != "" && subtle.ConstantTimeCompare([]byte(token), []byte(secret)) == 1
	}
	switch {
	case same(s.Token):
		return owner
	case same(s.ReadToken):
		return reader
	}
	return none
}

type passKey struct{}

func withPass(ctx context.Context, p pass) context.Context {
	return context.WithValue(ctx, passKey{}, p)
}

// passIn is what the request's sender may do.
func passIn(ctx context.Context) pass {
	p, _ := ctx.Value(passKey{}).(pass)
	return p
}
