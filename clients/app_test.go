//go:build linux

package clients

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/cgi"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// runApp serves one of our apps until it is killed.
func runApp(name, port string) {
	if name == "moody" {
		beMoody(port)
	}
	l, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	s := &http.Server{Protocols: new(http.Protocols)}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	switch name {
	case "web", "moody":
		s.Handler = web()
	case "git":
		s.Handler = git()
	case "grpc":
		err = grpcServer().Serve(l)
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stderr, s.Serve(l))
	os.Exit(1)
}

// git is git's own server. It is a CGI program, which has to know how long a body is.
func git() http.Handler {
	backend := &cgi.Handler{
		Path: "/usr/bin/git", Args: []string{"http-backend"}, InheritEnv: []string{"PATH"},
		Env: []string{"GIT_PROJECT_ROOT=" + os.Getenv("CLIENTS_DIR"), "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=somebody"},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength < 0 {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
		}
		backend.ServeHTTP(w, r)
	})
}

// web is an app with large bodies, streams and WebSockets.
func web() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "hello in %s\n", r.Proto) })
	mux.HandleFunc("/page", page)
	mux.HandleFunc("/mirror", mirror)
	mux.HandleFunc("/down", down)
	mux.HandleFunc("/up", upload)
	mux.HandleFunc("/events", events)
	mux.HandleFunc("/seen", func(w http.ResponseWriter, r *http.Request) { note("seen " + r.FormValue("id")) })
	mux.HandleFunc("/poll", poll)
	mux.HandleFunc("/ws", socket)
	mux.HandleFunc("/early", func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "too much", http.StatusRequestEntityTooLarge)
	})
	mux.HandleFunc("/hints", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</a.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("Trailer", "X-After")
		io.WriteString(w, "body")
		w.Header().Set("X-After", "trailer")
	})
	return mux
}

func down(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.ParseInt(r.FormValue("n"), 10, 64)
	if r.FormValue("chunked") == "" {
		w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
	}
	io.Copy(w, newPattern(n))
}

func upload(w http.ResponseWriter, r *http.Request) {
	check := &checker{}
	n, err := io.Copy(check, r.Body)
	fmt.Fprint(w, n, " ", err)
}

// events sends as many events as are asked for, one every so often; but none before the one before was seen, if that is told to /seen.
func events(w http.ResponseWriter, r *http.Request) {
	every, _ := time.ParseDuration(r.FormValue("every"))
	n, _ := strconv.Atoi(r.FormValue("n"))
	w.Header().Set("Content-Type", "text/event-stream")
	for i := range n {
		fmt.Fprintf(w, "id: %d\ndata: %d\n\n", i, i)
		w.(http.Flusher).Flush()
		for r.FormValue("await") != "" && r.Context().Err() == nil && !noted(os.Getenv("CLIENTS_DIR"), fmt.Sprint("seen ", i)) {
			time.Sleep(5 * time.Millisecond)
		}
		if i < n-1 {
			time.Sleep(every)
		}
	}
}

func poll(w http.ResponseWriter, r *http.Request) {
	d, _ := time.ParseDuration(r.FormValue("for"))
	select {
	case <-time.After(d):
		fmt.Fprint(w, "news")
	case <-r.Context().Done():
	}
}

// socket echoes messages. "close 4001 reason" closes.
func socket(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"chat"}, InsecureSkipVerify: true})
	if err != nil {
		return
	}
	defer c.CloseNow()
	c.SetReadLimit(-1)
	for {
		kind, data, err := c.Read(r.Context())
		if err != nil {
			return
		}
		if rest, ok := strings.CutPrefix(string(data[:min(len(data), 100)]), "close "); ok {
			code, reason, _ := strings.Cut(rest, " ")
			n, _ := strconv.Atoi(code)
			c.Close(websocket.StatusCode(n), reason)
			return
		}
		if c.Write(r.Context(), kind, data) != nil {
			return
		}
	}
}

// page is for the browser: it tells what its socket and its event stream do.
func page(w http.ResponseWriter, r *http.Request) {
	io.WriteString(w, `<!doctype html><title>clients</title><pre id="log"></pre><script>
const log = text => document.getElementById("log").textContent += text + "\n"
const stream = new EventSource("/events?n=3&every=10ms")
let seen = 0
stream.onmessage = e => { if (++seen == 3) { log("events 3"); stream.close() } }
function open(next) {
	const s = new WebSocket("ws://" + location.host + "/ws", "chat")
	s.onopen = () => { log("open " + s.protocol); s.send("hello") }
	s.onmessage = e => { log("got " + e.data); next(s) }
	s.onclose = e => { log("closed " + e.code + " " + e.reason); if (e.code == 4001) open(s => log("waits")) }
}
open(s => s.send("close 4001 enough"))
</script>`)
}

// A pattern is a body that says at each place which place it is.
type pattern struct {
	left  int64
	block int64
	buf   []byte
	rest  []byte
}

const patternBlock = 1 << 16

func newPattern(n int64) *pattern { return &pattern{left: n, buf: make([]byte, patternBlock)} }

// noise is what blocks are cut from: making them anew each time would be slower than what is tested.
var noise = sync.OnceValue(func() []byte {
	data := make([]byte, 2*patternBlock)
	rand.NewChaCha8([32]byte{1}).Read(data)
	return data
})

// fillPattern makes a block: its number, and noise from another place for each.
func fillPattern(buf []byte, block int64) {
	copy(buf, noise()[block*31%patternBlock:])
	binary.LittleEndian.PutUint64(buf, uint64(block))
}

func (p *pattern) Read(b []byte) (int, error) {
	if p.left == 0 {
		return 0, io.EOF
	}
	if len(p.rest) == 0 {
		fillPattern(p.buf, p.block)
		p.rest = p.buf
		p.block++
	}
	n := copy(b, p.rest[:min(int64(len(p.rest)), p.left)])
	p.rest = p.rest[n:]
	p.left -= int64(n)
	return n, nil
}

// A checker takes a pattern and refuses anything else.
type checker struct {
	block int64
	buf   []byte
	rest  []byte
}

func (c *checker) Write(b []byte) (int, error) {
	for done := 0; done < len(b); {
		if len(c.rest) == 0 {
			if c.buf == nil {
				c.buf = make([]byte, patternBlock)
			}
			fillPattern(c.buf, c.block)
			c.rest = c.buf
			c.block++
		}
		n := min(len(c.rest), len(b)-done)
		if string(b[done:done+n]) != string(c.rest[:n]) {
			return done, fmt.Errorf("block %d differs", c.block-1)
		}
		c.rest = c.rest[n:]
		done += n
	}
	return len(b), nil
}

// lines reads an event stream.
func lines(body io.Reader, each func(data string)) error {
	s := bufio.NewScanner(body)
	for s.Scan() {
		if data, ok := strings.CutPrefix(s.Text(), "data: "); ok {
			each(data)
		}
	}
	return s.Err()
}

// mirror answers with the body that it gets, as a page, and says what it was sent. It is read whole before the answer begins: net/http's
// server may refuse to read on later.
func mirror(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Set-Cookie", "session=secret")
	w.Header().Set("X-Sent", fmt.Sprintf("%s %s %s", r.Method, r.Header.Get("Cookie"), r.Header.Get("Content-Type")))
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Write(body)
}
