package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/procs"
)

// quiet opens a cluster of one silent worker, to whose feeds the test adds what it wants.
func quiet(t testing.TB, server *Server) *stage {
	t.Helper()
	s := open(t, cluster.Config{Workers: 2}, server)
	s.awaitAll(cluster.Ready)
	return s
}

// print adds log lines of worker 1 and 2 in turn.
func (s *stage) print(n int) {
	s.Logs().AppendAll(n, func(i int) cluster.LogLine {
		w := 1 + i%2
		return cluster.LogLine{Line: procs.Line{Time: time.Now(), Text: fmt.Sprintf("\x1b[31mline\x1b[0m %d %s", i, strings.Repeat("x", 50))}, Worker: w, Port: s.base + w - 1}
	})
}

// A brittle connection breaks when it has given so many bytes.
type brittle struct {
	net.Conn
	left int
}

func (b *brittle) Read(p []byte) (int, error) {
	if b.left <= 0 {
		b.Close()
		return 0, errors.New("it broke")
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// breaking is a client each of whose connections breaks after some 10 to 60 kB, anywhere in a line.
func (s *stage) breaking(connections *atomic.Int64) *Client {
	c := NewClient(s.claim.Info())
	c.http.Transport.(*http.Transport).DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		connections.Add(1)
		conn, err := dial(ctx, s.claim.Info())
		return &brittle{conn, 10_000 + rand.IntN(50_000)}, err
	}
	s.Cleanup(c.Close)
	return c
}

// TestLogsResumeExactly reads while lines come and connections break.
func TestLogsResumeExactly(t *testing.T) {
	s := quiet(t, &Server{})
	const lines = 12_000 // fewer than the feed keeps: nothing may be lost
	first := s.Logs().Last()
	go func() {
		for range lines / 100 {
			s.print(100)
		}
	}()
	var connections atomic.Int64
	want := uint64(1)
	for l, err := range s.breaking(&connections).Logs(t.Context(), Query{Follow: true}) {
		if err != nil {
			t.Fatal(err)
		}
		if l.Seq != want {
			t.Fatalf("got line %d, want %d", l.Seq, want)
		}
		if want++; want > first+lines {
			break
		}
	}
	if connections.Load() < 10 {
		t.Errorf("only %d connections: none broke", connections.Load())
	}
}

func TestEventsResumeExactly(t *testing.T) {
	s := quiet(t, &Server{})
	const events = 3000
	last := s.Events().Last() + events
	go func() {
		for i := range events {
			s.Events().Append(cluster.Event{Kind: cluster.KindNotice, Text: fmt.Sprint(i)}, func(e *cluster.Event, n uint64) { e.Seq = n })
		}
	}()
	var connections atomic.Int64
	want := uint64(1)
	for e, err := range s.breaking(&connections).Events(t.Context(), Query{Follow: true}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Seq != want {
			t.Fatalf("got event %d, want %d", e.Seq, want)
		}
		if want++; want > last {
			break
		}
	}
	if connections.Load() < 4 {
		t.Errorf("only %d connections: none broke", connections.Load())
	}
}

// TestResumingIsBounded has a server that is gone.
func TestResumingIsBounded(t *testing.T) {
	s := quiet(t, &Server{})
	client := NewClient(s.claim.Info())
	defer client.Close()
	var last error
	for _, err := range client.Events(t.Context(), Query{Follow: true}) {
		if last != nil {
			t.Errorf("after the error %v came %v", last, err)
		}
		if last = err; err == nil {
			s.server.http.Close() // breaks all connections, and there will be no others
		}
	}
	if last == nil {
		t.Error("a stream whose server is gone ended without an error")
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	cancel(enough)
	for _, err := range client.Events(ctx, Query{Follow: true}) {
		if !errors.Is(err, enough) {
			t.Errorf("a context that has ended: %v", err)
		}
	}
}

// stream opens a raw stream, with an id to resume from.
func (s *stage) stream(ctx context.Context, path, id string) (*scanner, io.Closer) {
	s.Helper()
	resp, err := s.client.open(ctx, http.MethodGet, path, nil, http.Header{"Last-Event-Id": {id}})
	if err != nil {
		s.Fatal(err)
	}
	if kind := resp.Header.Get("Content-Type"); kind != "text/event-stream" {
		s.Errorf("the stream is %q", kind)
	}
	return newScanner(resp.Body), resp.Body
}

// collect reads what is there and returns the numbers of the items.
func (s *stage) collect(path, id string) (numbers []uint64) {
	s.Helper()
	in, closer := s.stream(s.Context(), path, id)
	defer closer.Close()
	for {
		m, err := in.next()
		if err != nil {
			s.Fatalf("%s: the stream has no end: %v", path, err)
		}
		if m.name == "end" {
			return numbers
		}
		if len(m.data) == 0 {
			continue
		}
		run, seq, ok := parseID(m.id)
		if !ok || run != s.server.run {
			s.Fatalf("%s: id %q", path, m.id)
		}
		numbers = append(numbers, seq)
	}
}

func TestWhichPartOfAStream(t *testing.T) {
	s := quiet(t, &Server{})
	s.print(10 - int(s.Logs().Last()))
	await(t, "ten lines", func() bool { return s.Logs().Last() == 10 })
	run := s.server.run
	tests := []struct {
		query, id string
		want      string
	}{
		{"", "", "[1 2 3 4 5 6 7 8 9 10]"},
		{"&tail=3", "", "[8 9 10]"},
		{"&tail=0", "", "[]"},
		{"&tail=99", "", "[1 2 3 4 5 6 7 8 9 10]"},
		{"&after=8", "", "[9 10]"},
		{"&after=10", "", "[]"},
		{"&after=18446744073709551615", "", "[]"},
		{"&since=1h", "", "[1 2 3 4 5 6 7 8 9 10]"},
		{"&since=0s", "", "[]"},
		{"&since=2099-01-02T03:04:05Z", "", "[]"},
		{"&since=1999-01-02T03:04:05.5%2B02:00&tail=1", "", "[10]"},
		{"&worker=all", "", "[1 2 3 4 5 6 7 8 9 10]"},
		{"&worker=1&worker=2", "", "[1 2 3 4 5 6 7 8 9 10]"},
		{"&worker=1,2&tail=2", "", "[9 10]"},
		{"", run + "-7", "[8 9 10]"},
		{"&tail=1&since=0s", run + "-7", "[8 9 10]"}, // who comes back wants all since then
		{"&after=9", run + "-7", "[8 9 10]"},
		{"", run + "-10", "[]"},
		{"", run + "-99", "[]"},
		{"", "0123456789abcdef-7", "[1 2 3 4 5 6 7 8 9 10]"}, // of another run
		{"", "nonsense", "[1 2 3 4 5 6 7 8 9 10]"},
	}
	for _, tc := range tests {
		if got := fmt.Sprint(s.collect("/v1/logs?follow=false"+tc.query, tc.id)); got != tc.want {
			t.Errorf("%s after %q: %s, want %s", tc.query, tc.id, got, tc.want)
		}
	}
}

func TestStreamsOfOneWorker(t *testing.T) {
	s := quiet(t, &Server{})
	s.print(20)
	for _, list := range []string{"2", fmt.Sprint(s.base + 1)} {
		n := 0
		for l, err := range s.client.Logs(t.Context(), Query{Workers: list, Tail: 4}) {
			if err != nil || l.Worker != 2 || !strings.HasPrefix(l.Line, "line ") {
				t.Fatalf("%+v, %v", l, err)
			}
			n++
		}
		if n != 4 {
			t.Errorf("worker %s: %d lines, want 4", list, n)
		}
	}
	for l, err := range s.client.Logs(t.Context(), Query{Tail: 1, Colour: true}) {
		if err != nil || !strings.HasPrefix(l.Line, "\x1b[31mline\x1b[0m ") {
			t.Errorf("with colour: %q, %v", l.Line, err)
		}
	}
	for e, err := range s.client.Events(t.Context(), Query{Workers: "2"}) {
		if err != nil || e.Worker != 2 {
			t.Errorf("events of worker 2: %+v, %v", e, err)
		}
	}
	for _, err := range s.client.Logs(t.Context(), Query{Workers: "9"}) {
		if e, ok := errors.AsType[*APIError](err); !ok || e.Status != http.StatusNotFound {
			t.Errorf("logs of a worker that is not there: %v", err)
		}
	}
}

// TestSlowReader leaves one stream unread while another one takes everything.
func TestSlowReader(t *testing.T) {
	s := quiet(t, &Server{})
	slow, closer := s.stream(t.Context(), "/v1/logs", "")
	defer closer.Close()
	var fast atomic.Uint64
	done := make(chan error, 1)
	go func() {
		for l, err := range s.client.Logs(t.Context(), Query{Follow: true}) {
			if err == nil && l.Seq != fast.Load()+1 {
				err = fmt.Errorf("got line %d after %d", l.Seq, fast.Load())
			}
			if err != nil {
				done <- err
				return
			}
			fast.Store(l.Seq)
		}
		done <- nil
	}()
	for range 60 {
		s.print(1000)
		last := s.Logs().Last()
		await(t, "the fast reader has all", func() bool { return fast.Load() == last || len(done) > 0 })
	}
	s.Shutdown(context.Background())
	if err := <-done; err != nil {
		t.Errorf("the fast reader: %v", err)
	}
	var got, lost uint64
	for {
		m, err := slow.next()
		if err != nil {
			t.Fatal(err)
		}
		if m.name == "end" {
			break
		}
		_, seq, _ := parseID(m.id)
		switch {
		case m.name == "lost":
			var n uint64
			if _, err := fmt.Sscanf(string(m.data[strings.Index(string(m.data), `"count":`):]), `"count":%d`, &n); err != nil {
				t.Fatal(err)
			}
			lost += n
		case len(m.data) > 0:
			got++
		}
		if seq != got+lost {
			t.Fatalf("%d lines and %d lost, but the number is %d", got, lost, seq)
		}
	}
	if lost == 0 || got+lost != s.Logs().Last() {
		t.Errorf("the slow reader got %d lines and was told of %d, of %d", got, lost, s.Logs().Last())
	}
}

// TestOldestIsNoLoss: who asks for all that is kept has missed nothing of it, who asks for more has.
func TestOldestIsNoLoss(t *testing.T) {
	s := quiet(t, &Server{})
	s.print(20_000)
	count := func(q Query) (n int, lost uint64) {
		for _, err := range s.client.Logs(t.Context(), q) {
			if e, ok := errors.AsType[*LostError](err); ok {
				lost += e.Count
			} else if err != nil {
				t.Fatal(err)
			} else {
				n++
			}
		}
		return n, lost
	}
	if n, lost := count(Query{}); n != 16384 || lost != 0 {
		t.Errorf("all that is kept: %d lines, %d lost", n, lost)
	}
	if n, lost := count(Query{After: 1}); n != 16384 || lost != s.Logs().Last()-16384-1 {
		t.Errorf("after the first line: %d lines, %d lost of %d", n, lost, s.Logs().Last())
	}
}

func TestSilentStreamLives(t *testing.T) {
	s := quiet(t, &Server{KeepAlive: 5 * time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	in, closer := s.stream(ctx, "/v1/logs?worker=1&tail=0", "")
	defer closer.Close()
	alive := 0
	for alive < 3 {
		text, err := in.line()
		if err != nil {
			t.Fatal(err)
		}
		if text == ": alive" {
			alive++
		}
	}
	s.print(2)
	want := fmt.Sprintf("id: %s-%d", s.server.run, s.Logs().Last()) // worker 2's line: not wanted, yet passed
	for {
		text, err := in.line()
		if err != nil {
			t.Fatal(err)
		}
		if text == want {
			return
		}
	}
}

// TestStreamsEndWithTheirFeed: those who read get the rest and then the end; who comes later too.
func TestStreamsEndWithTheirFeed(t *testing.T) {
	s := quiet(t, &Server{})
	last := make(chan uint64, 1)
	go func() {
		n := uint64(0)
		for l, err := range s.client.Logs(t.Context(), Query{Follow: true}) {
			if err != nil {
				t.Error(err)
			}
			n = l.Seq
		}
		last <- n
	}()
	s.print(5000)
	s.Shutdown(context.Background())
	if n := <-last; n != s.Logs().Last() {
		t.Errorf("the stream ended after line %d of %d", n, s.Logs().Last())
	}
	for _, q := range []Query{{Follow: true, After: s.Logs().Last()}, {Follow: true, Tail: -1}} {
		for l, err := range s.client.Logs(t.Context(), q) {
			t.Errorf("after the end: %+v, %v", l, err)
		}
	}
}

func TestScanner(t *testing.T) {
	tests := []struct {
		text string
		want string
	}{
		{"", ""},
		{": comment\n\n", ""},
		{"id: a-1\ndata: {}\n\n", "a-1||{}"},
		{"id: a-1\ndata: {}\n", ""}, // cut short
		{"id:a-1\r\ndata:x\r\ndata: y\r\n\r\n", "a-1||x\ny"},
		{"event: end\ndata: 1\n\nid: z\n\n", "|end|1 z||"},
		{"event: none\n\ndata: 2\n\n", "||2"},
		{"strange: 1\ndata\ndata: a:b\n\n", "||a:b"},
		{"data: " + strings.Repeat("x", 100_000) + "\n\n", "||" + strings.Repeat("x", 100_000)},
	}
	for _, tc := range tests {
		in := newScanner(strings.NewReader(tc.text))
		var got []string
		for {
			m, err := in.next()
			if err != nil {
				break
			}
			got = append(got, m.id+"|"+m.name+"|"+string(m.data))
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%.40q: %.60q, want %.60q", tc.text, got, tc.want)
		}
	}
}

func FuzzScanner(f *testing.F) {
	f.Add("id: a-1\nevent: lost\ndata: {}\n\n: alive\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		in := newScanner(strings.NewReader(text))
		for n := 0; ; n++ {
			m, err := in.next()
			if err != nil {
				return
			}
			if n > len(text) || m.id == "" && len(m.data) == 0 {
				t.Fatalf("%q has message %+v", text, m)
			}
			parseID(m.id)
		}
	})
}
