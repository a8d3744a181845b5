package proxy

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// A frameWorker speaks HTTP/2 frame by frame: what to do with a request is said by a func for each, of which the last serves
// all later ones. A func that returns false ends the connection. The first is called when the settings are acknowledged: the client
// writes nothing then, and so can't notice the end before it has read what came with it.
func (g *rig) frameWorker(serve ...func(f *http2.Framer, c net.Conn, stream uint32) bool) *rawWorker {
	return g.raw(func(c net.Conn, in *bufio.Reader) {
		io.CopyN(io.Discard, in, int64(len(http2.ClientPreface)))
		f := http2.NewFramer(c, in)
		f.WriteSettings()
		settled, early := false, []uint32(nil)
		for n := 0; ; {
			if settled && len(early) > 0 {
				stream := early[0]
				early = early[1:]
				if !serve[min(n, len(serve)-1)](f, c, stream) {
					return
				}
				n++
				continue
			}
			frame, err := f.ReadFrame()
			if err != nil {
				return
			}
			switch frame := frame.(type) {
			case *http2.SettingsFrame:
				if settled = settled || frame.IsAck(); !frame.IsAck() {
					f.WriteSettingsAck()
				}
			case *http2.HeadersFrame:
				early = append(early, frame.StreamID)
			}
		}
	})
}

// headersOf are encoded without the dynamic table, so that connections need no state.
func headersOf(fields ...string) []byte {
	var buf bytes.Buffer
	e := hpack.NewEncoder(&buf)
	e.SetMaxDynamicTableSizeLimit(0)
	for i := 0; i < len(fields); i += 2 {
		e.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return buf.Bytes()
}

func frameAnswer(f *http2.Framer, c net.Conn, stream uint32) bool {
	f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: headersOf(":status", "200"), EndHeaders: true})
	f.WriteData(stream, true, []byte("frames"))
	return true
}

func frameRefuse(f *http2.Framer, c net.Conn, stream uint32) bool {
	f.WriteRSTStream(stream, http2.ErrCodeRefusedStream)
	return true
}

// frameLeave says that nothing after the requests before this one is done. What the client still sends is read, as servers do:
// with something unread the end would be a reset, and the client might not hear the rest.
func frameLeave(f *http2.Framer, c net.Conn, stream uint32) bool {
	f.WriteGoAway(stream-2, http2.ErrCodeNo, nil)
	c.(*net.TCPConn).CloseWrite()
	for {
		if _, err := f.ReadFrame(); err != nil {
			return false
		}
	}
}

func frameReset(f *http2.Framer, c net.Conn, stream uint32) bool {
	f.WriteRSTStream(stream, http2.ErrCodeInternal)
	return true
}

func frameDie(f *http2.Framer, c net.Conn, stream uint32) bool {
	c.(*net.TCPConn).SetLinger(0)
	return false
}

func frameDieInBody(f *http2.Framer, c net.Conn, stream uint32) bool {
	f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: headersOf(":status", "200"), EndHeaders: true})
	f.WriteData(stream, false, []byte("half"))
	return false
}

func frameDieInShortBody(f *http2.Framer, c net.Conn, stream uint32) bool {
	f.WriteHeaders(http2.HeadersFrameParam{
		StreamID: stream, BlockFragment: headersOf(":status", "200", "content-length", "8"), EndHeaders: true,
	})
	f.WriteData(stream, false, []byte("half"))
	return false
}

// What follows the ways in which HTTP/2 says, or does not say, whether a request was executed.
func TestLaneDeaths(t *testing.T) {
	tests := []struct {
		name   string
		serve  func(f *http2.Framer, c net.Conn, stream uint32) bool
		method string
		want   Outcome
		result string // of the first attempt
	}{
		{"refused", frameRefuse, "GET", Rescued, ResultRefused},
		{"refused", frameRefuse, "POST", Rescued, ResultRefused},
		{"reset", frameReset, "GET", Rescued, ResultReset},
		{"reset", frameReset, "POST", Failed, ResultReset},
		{"died", frameDie, "GET", Rescued, ""},
		{"died", frameDie, "POST", Failed, ""},
		{"died in body", frameDieInBody, "GET", Cut, ""}, // what it had not read makes the end a reset
		{"died in short body", frameDieInShortBody, "GET", Rescued, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name+" "+tt.method, func(t *testing.T) {
			g := newRig(t)
			g.lanesTo(1, g.frameWorker(tt.serve).port)
			g.lanesWorker(2, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				fmt.Fprint(w, "second ", len(body))
			})
			var body io.Reader
			want := "second 0"
			if tt.method == "POST" {
				body, want = strings.NewReader("text"), "second 4"
			}
			r, a := g.send(tt.method, "/", body), g.access(0)
			if a.Outcome != tt.want || tt.result != "" && a.Attempts[0].Result != tt.result || a.Attempts[0].Worker != 1 {
				t.Errorf("%+v", a)
			}
			if tt.want == Rescued && r.body != want || tt.want == Failed && r.status != 502 || tt.want == Cut && r.err == nil {
				t.Errorf("%+v", r)
			}
		})
	}
}

// A worker that ends a call at the client's deadline has not failed, whoever of the two was first.
func TestLaneOverdue(t *testing.T) {
	cancel := func(f *http2.Framer, c net.Conn, stream uint32) bool {
		f.WriteRSTStream(stream, http2.ErrCodeCancel)
		return true
	}
	for timeout, want := range map[string]Outcome{"200m": Canceled, "": Failed} {
		g := newRig(t)
		g.lanesTo(1, g.frameWorker(cancel).port)
		g.proxy.Hold = -1
		var fields []string
		if timeout != "" {
			fields = append(fields, "Grpc-Timeout: "+timeout)
		}
		g.send("POST", "/", strings.NewReader("text"), fields...)
		if a := g.access(0); a.Outcome != want {
			t.Errorf("timeout %q: %+v", timeout, a)
		}
	}
}

// A connection that the worker ends with GOAWAY costs nobody anything: not what it has begun, not what comes after.
func TestLaneGoAway(t *testing.T) {
	g := newRig(t)
	w := g.frameWorker(frameAnswer, frameLeave)
	g.lanesTo(1, w.port)
	for i, method := range []string{"GET", "POST", "POST", "POST"} { // each connection serves one and refuses the second
		r := g.send(method, "/", strings.NewReader("text"))
		if a := g.access(i); r.body != "frames" || a.Outcome != OK || len(a.Attempts) != 1 {
			t.Errorf("%d: %+v\n%+v", i, r, a)
		}
	}
	if n := w.accepted.Load(); n != 4 {
		t.Errorf("%d connections", n)
	}
}
