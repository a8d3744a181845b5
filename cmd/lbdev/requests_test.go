package main

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/lbdev/lbdev/cluster/control"
)

// someRequests are one that went well, one that was held and rescued, and one that failed and is hostile.
func someRequests() []control.Request {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.Local)
	return []control.Request{
		{
			Head: control.Head{Time: at}, Method: "GET", Path: "/cart", Status: 200, Worker: 1, Port: 8000, Outcome: "ok", TotalMS: 14.2,
			Proto: "HTTP/1.1", Host: "shop.test", Client: "127.0.0.1",
			Attempts: []control.Attempt{{Worker: 1, Port: 8000, Result: "200", Sent: true, Reused: true, FirstByteMS: 13.1, TotalMS: 14.2, Why: "round robin: next after 8003"}},
		},
		{
			Head: control.Head{Time: at}, Method: "DELETE", Path: "/a/long/path/that/goes/on/and/on?x=1", Status: 204, Worker: 3, Port: 8002,
			Outcome: "rescued", TotalMS: 900, HeldMS: 850, Proto: "HTTP/2.0", Host: "shop.test", Client: "::1", User: "ann", UserAgent: "curl/8",
			Attempts: []control.Attempt{
				{Worker: 2, Port: 8001, Result: "refused", TotalMS: 0.2},
				{Worker: 3, Port: 8002, Result: "204", Sent: true, StartMS: 850.3, ConnectMS: 0.1, FirstByteMS: 49, TotalMS: 49.7},
			},
		},
		{
			Head: control.Head{Time: at}, Method: "GET\x1b", Path: "/\x1b[2J", Status: 502, Outcome: "failed", TotalMS: 0.3, Client: "\x07", Host: "\x9b",
			Reason:   "worker 8001 died \x1b[31m",
			Attempts: []control.Attempt{{Worker: 2, Port: 8001, Result: "reset", Sent: true, ConnectMS: 0.1, TotalMS: 0.3}},
		},
	}
}

func TestRequestTable(t *testing.T) {
	want := `TIME          METHOD  PATH                                  STATUS  PORT  TOTAL  HELD   ATTEMPTS
03:04:05.678  GET     /cart                                 200     8000  14 ms         1
03:04:05.678  DELETE  /a/long/path/that/goes/on/and/on?x=1  204     8002  0.9 s  0.8 s  2: 8001 refused, 8002 204
03:04:05.678  GET?    /?[2J                                 502           <1 ms         1: failed, worker 8001 died ?[31m
`
	if got := string(look{signs: unicodeSigns}.requestTable(someRequests())); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for width, want := range map[int]string{
		100: "TIME METHOD PATH STATUS PORT TOTAL HELD ATTEMPTS",
		80:  "TIME METHOD PATH STATUS PORT TOTAL",
		50:  "PATH STATUS PORT TOTAL",
		30:  "PATH STATUS PORT TOTAL",
	} {
		lines := strings.Split(string(look{signs: unicodeSigns, width: width}.requestTable(someRequests())), "\n")
		if got := strings.Join(strings.Fields(lines[0]), " "); !strings.HasPrefix(got, want) {
			t.Errorf("at %d columns it shows %q, want %q", width, got, want)
		}
		for _, line := range lines {
			if n := utf8.RuneCountInString(line); n > width {
				t.Errorf("at %d columns a line has %d: %q", width, n, line)
			}
		}
	}
}

func TestRequestWhy(t *testing.T) {
	want := `03:04:05.678  GET  /cart          200    14 ms → 8000
              from 127.0.0.1 by HTTP/1.1, for shop.test
              8000 200       kept connection · first byte 13.1 ms · total 14.2 ms
                             round robin: next after 8003
03:04:05.678  DELETE /a/long/path/that/goes/on/and/on?x=1 204    0.9 s → 8001 ✗ refused → 8002 · held 0.8 s
              from ::1 as ann by HTTP/2.0, for shop.test · curl/8
              waited 0.8 s for a worker
              8001 refused   total 0.2 ms
              8002 204       after 0.9 s · connect 0.1 ms · first byte 49.0 ms · total 49.7 ms
03:04:05.678  GET? /?[2J          502    <1 ms → 8001 ✗ died ?[31m
              from ?, for �
              8001 reset     connect 0.1 ms · total 0.3 ms
`
	var got []byte
	for _, r := range someRequests() {
		got = look{signs: unicodeSigns}.requestWhy(got, &r)
	}
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestSender: what is not known is not begun to be told.
func TestSender(t *testing.T) {
	for want, r := range map[string]control.Request{
		"from 127.0.0.1 by TCP": {Client: "127.0.0.1", Proto: "TCP"},
		"from ::1":              {Client: "::1"},
		"from ::1 as ann by HTTP/2.0, for a · curl": {Client: "::1", User: "ann", Proto: "HTTP/2.0", Host: "a", UserAgent: "curl"},
	} {
		if got := (look{signs: unicodeSigns}).sender(&r); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
