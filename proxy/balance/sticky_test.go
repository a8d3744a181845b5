package balance

import (
	"strconv"
	"strings"
	"testing"
)

func TestNewSticky(t *testing.T) {
	for text, want := range map[string]string{
		"": "off", "off": "off", "cookie": "cookie", "cookie:lb": "cookie:lb", "route:JSESSIONID": "route:JSESSIONID",
	} {
		if s, err := NewSticky(text, "lb"); err != nil || s.String() != want {
			t.Errorf("%q: %v, %v", text, s, err)
		}
	}
	for _, text := range []string{"on", "cookie:", "route", "route:", "route:a b", "route:a=b", "Cookie", "cookie:a;b"} {
		if s, err := NewSticky(text, "lb"); err == nil {
			t.Errorf("%q is understood as %v", text, s)
		}
	}
}

// TestRoutes: which worker a session names, in a cookie or in the path.
func TestRoutes(t *testing.T) {
	s, err := NewSticky("route:JSESSIONID", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ path, cookie, want string }{
		{"/", "JSESSIONID=1A2B.w2", "2"},
		{"/", `a=b; JSESSIONID="1A2B.w12"; c=d`, "12"},
		{"/", "JSESSIONID=1A2B.2", "2"},
		{"/", "JSESSIONID=1A2B.8001", "8001"},
		{"/", "JSESSIONID=1.2.w3", "3"},
		{"/", "JSESSIONID=1A2B", ""},
		{"/", "JSESSIONID=1A2B.", ""},
		{"/", "JSESSIONID=1A2B.w", ""},
		{"/", "JSESSIONID=1A2B.w0", ""},
		{"/", "JSESSIONID=1A2B.w02", ""},
		{"/", "JSESSIONID=1A2B.w-2", ""},
		{"/", "JSESSIONID=1A2B.w99999999999", ""},
		{"/", "JSESSIONID=1A2B.node2", ""},
		{"/", "jsessionid=1A2B.w2", ""}, // names of cookies have a case
		{"/cart;jsessionid=1A2B.w2", "", "2"},
		{"/cart;jsessionid=1A2B.w2/items;x=y?z=1", "", "2"},
		{"/cart;v=1;JSESSIONID=1A2B.w2", "", "2"},
		{"/cart;jsessionid=1A2B.w2", "JSESSIONID=1A2B.w3", "3"},
		{"/cart;jsessionid=1A2B.w2", "JSESSIONID=1A2B", "2"},
		{"/cart?x=;jsessionid=1A2B.w2", "", ""},
		{"/cart;", "", ""},
		{"/jsessionid=1A2B.w2", "", ""},
	} {
		r := request(tt.path)
		if tt.cookie != "" {
			r.Header.Set("Cookie", tt.cookie)
		}
		if got := s.Key(r); got != tt.want {
			t.Errorf("%s with %q: %q, want %q", tt.path, tt.cookie, got, tt.want)
		}
	}
	r := request("/cart;jsessionid=1A2B.w2", "Cookie: a=b; JSESSIONID=1A2B")
	if n := testing.AllocsPerRun(100, func() { s.Key(r) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestCookieOfOurs(t *testing.T) {
	s, _ := NewSticky("cookie", "lb")
	if got := s.SetCookie("x1", false); got != "lb=x1; Path=/; HttpOnly; SameSite=Lax" {
		t.Error(got)
	}
	if got := s.SetCookie("x1", true); got != "lb=x1; Path=/; HttpOnly; SameSite=Lax; Secure" {
		t.Error(got)
	}
	if got := s.Key(request("/", "Cookie: a=b; lb=x1")); got != "x1" {
		t.Error(got)
	}
}

// FuzzStickyKey: whatever a client sends, a route is a number, and a cookie's value is a part of what it sent.
func FuzzStickyKey(f *testing.F) {
	f.Add("/cart;jsessionid=1A2B.w2/items;x", "a=b; JSESSIONID=1A2B.w3; c")
	f.Add("/;;;=;.w1", `JSESSIONID="..w"; JSESSIONID=`)
	f.Add("/%3bjsessionid=.8001", ";=;")
	route, _ := NewSticky("route:JSESSIONID", "")
	own, _ := NewSticky("cookie:JSESSIONID", "")
	f.Fuzz(func(t *testing.T, path, cookies string) {
		r := request("/")
		r.URL.Path = path
		r.Header["Cookie"] = []string{cookies}
		if key := route.Key(r); key != "" {
			if n, err := strconv.Atoi(key); err != nil || n < 1 || n > 65535 || !strings.Contains(path+cookies, "."+key) && !strings.Contains(path+cookies, ".w"+key) {
				t.Errorf("%q, %q: %q", path, cookies, key)
			}
		}
		if key := own.Key(r); !strings.Contains(cookies, key) || strings.Contains(key, ";") {
			t.Errorf("%q: %q", cookies, key)
		}
	})
}
