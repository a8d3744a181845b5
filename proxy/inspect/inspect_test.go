package inspect

import (
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestBody(t *testing.T) {
	piece := []byte(strings.Repeat("x", 40<<10))
	tests := []struct {
		name   string
		pieces int
		end    bool
		want   Body
	}{
		{"nothing", 0, true, Body{Whole: true}},
		{"one piece", 1, true, Body{Start: piece, Bytes: 40 << 10, Whole: true}},
		{"one that ends too early", 1, false, Body{Start: piece, Bytes: 40 << 10}},
		{"more than is kept", 3, true, Body{Start: []byte(strings.Repeat("x", Limit)), Bytes: 120 << 10}},
	}
	for _, tc := range tests {
		var b Body
		for range tc.pieces {
			if n, err := b.Write(piece); n != len(piece) || err != nil {
				t.Errorf("%s: %d, %v", tc.name, n, err)
			}
		}
		if tc.end {
			b.End()
		}
		if !reflect.DeepEqual(b, tc.want) {
			t.Errorf("%s: %d kept of %d, whole: %v", tc.name, len(b.Start), b.Bytes, b.Whole)
		}
		if full := len(tc.want.Start) == Limit; b.Full() != full {
			t.Errorf("%s: full: %v", tc.name, b.Full())
		}
	}
}

func TestFields(t *testing.T) {
	got := Fields(http.Header{"B": {"2", "1"}, "A": {"x"}, http.TrailerPrefix + "C": {"y"}})
	if want := []Field{{"A", "x"}, {"B", "2"}, {"B", "1"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestSize(t *testing.T) {
	var none *Record
	r := &Record{Request: Message{Head: []Field{{"Ab", "cde"}}}}
	r.Response.Body.Start = make([]byte, 0, 100)
	if none.Size() != 0 || r.Size() != fieldSize+5+100 {
		t.Errorf("%d and %d", none.Size(), r.Size())
	}
}

// TestMeter: 200 at once, then 200 a second, whatever comes.
func TestMeter(t *testing.T) {
	var m Meter
	start := time.Now()
	taken := func(from, to, step time.Duration) (n int) {
		for at := from; at < to; at += step {
			if m.Take(start.Add(at)) {
				n++
			}
		}
		return n
	}
	if n := taken(0, time.Microsecond, time.Nanosecond); n != 200 {
		t.Errorf("at once: %d", n)
	}
	if n := taken(time.Second, 6*time.Second, 100*time.Microsecond); n < 1198 || n > 1202 {
		t.Errorf("in five seconds after a rest: %d, want 200 and 200 a second", n)
	}
	if n := taken(7*time.Second, 8*time.Second, 10*time.Millisecond); n != 100 {
		t.Errorf("of 100 in a second: %d", n)
	}
}
