package strict

import "testing"

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		method, target, host string
		status               int
	}{
		{"GET", "/", "a", 0},
		{"OPTIONS", "*", "a:1", 0},
		{"GET", "/cart?x=1%20y", "[::1]:8080", 0},
		{"GET", "/x HTTP/1.1", "a", 400},
		{"GET", "/a b", "a", 400},
		{"GET", "/#x", "a", 400},
		{"GET /x", "/", "a", 400},
		{"GET /x HTTP/1.1", "/", "a", 400},
		{"G\tT", "/", "a", 400},
		{"GET", "/", "a b", 400},
		{"GET", "/", "a/b", 400},
		{"GET", "/", "", 400},
		{"GET", "/ HTTP/1.1\r\nHost: a\r\n\r\nGET /", "a", 400},
		{"GET", "*", "a", 400},
	} {
		switch r := Check(tt.method, tt.target, tt.host); {
		case r == nil && tt.status != 0:
			t.Errorf("%+v is let through", tt)
		case r != nil && (r.Status != tt.status || r.Reason == ""):
			t.Errorf("%+v: %+v", tt, r)
		}
	}
}
