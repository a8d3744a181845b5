package balance

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// A Sticky keeps a client at one worker, whatever the policy is: by a cookie of our own, or by what the app has put into a cookie
// or the path to name the worker that has the session, as Tomcat does (jvmRoute).
type Sticky struct {
	text   string // as NewSticky read it
	cookie string // the name of our own; empty = by a route
	route  string // the name of the app's cookie or path parameter
}

// NewSticky reads how clients are kept: "off" or "" is nil; "cookie" and "cookie:NAME" are by a cookie of our own, which has the given
// name where nobody chose one; "route:NAME" is by the end of an existing cookie's value or path parameter, as in JSESSIONID=1A2B.w2.
func NewSticky(text, cookieName string) (*Sticky, error) {
	kind, name, named := strings.Cut(text, ":")
	switch {
	case text == "" || text == "off":
		return nil, nil
	case text == "cookie":
		return &Sticky{text: text, cookie: cookieName}, nil
	case named && kind == "cookie" && isToken(name):
		return &Sticky{text: text, cookie: name}, nil
	case named && kind == "route" && isToken(name):
		return &Sticky{text: text, route: name}, nil
	}
	return nil, fmt.Errorf("cannot keep clients at a worker by %q: it must be off, cookie, cookie:NAME or route:NAME", text)
}

// String is what NewSticky read; nil is "off".
func (s *Sticky) String() string {
	if s == nil {
		return "off"
	}
	return s.text
}

// ByCookie says whether clients are given a cookie.
func (s *Sticky) ByCookie() bool { return s.cookie != "" }

// Key is what a request says of its worker; empty = nothing. In a cookie of ours it is what SetCookie was given, else a number or port.
func (s *Sticky) Key(r *http.Request) string {
	if s.ByCookie() {
		return cookie(r, s.cookie)
	}
	if route := routeOf(cookie(r, s.route)); route != "" {
		return route
	}
	return routeOf(parameter(r.URL.Path, s.route))
}

// routeOf is the worker that the end of a session's name names: 2 in "1A2B.w2", 8001 in "1A2B.8001".
func routeOf(session string) string {
	session = strings.Trim(session, `"`)
	i := strings.LastIndexByte(session, '.')
	if i < 0 {
		return ""
	}
	route := strings.TrimPrefix(session[i+1:], "w")
	if n, err := strconv.ParseUint(route, 10, 16); err != nil || n == 0 || route[0] == '0' {
		return ""
	}
	return route
}

// parameter is the value of a path parameter: 1A2B.w2 in "/cart;jsessionid=1A2B.w2/items". The case of its name is nothing to go by:
// for the cookie JSESSIONID, servlets write it in small letters.
func parameter(path, name string) string {
	for {
		i := strings.IndexByte(path, ';')
		if i < 0 {
			return ""
		}
		path = path[i+1:]
		end := strings.IndexAny(path, ";/")
		if end < 0 {
			end = len(path)
		}
		if n, value, ok := strings.Cut(path[:end], "="); ok && strings.EqualFold(n, name) {
			return value
		}
		path = path[end:]
	}
}

// SetCookie is the field that gives a client its cookie. It ends with the browser's session, as the worker's memory of it may.
func (s *Sticky) SetCookie(key string, secure bool) string {
	text := s.cookie + "=" + key + "; Path=/; HttpOnly; SameSite=Lax"
	if secure {
		text += "; Secure"
	}
	return text
}

// Stuck notes that the client belongs to the worker of that number, which may or may not be the chosen one.
func (w *Why) Stuck(s *Sticky, number int) { w.sticky, w.stuck = s, int32(number) }

func (s *Sticky) explain(w *Why, c *choice) string {
	says := s.route + " says "
	if s.ByCookie() {
		says = "cookie says "
	}
	says += c.portOf(int(w.stuck))
	if int(w.stuck) == c.number {
		return says
	}
	for _, k := range c.known {
		if k.Number == int(w.stuck) && k.Barred != "" {
			says += " (" + k.Barred + ")"
		}
	}
	return says
}
