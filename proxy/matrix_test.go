package proxy

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the files that tests compare with")

// The kill matrix: what becomes of each kind of request when its worker dies at each point, whatever the client speaks and
// whoever is left. The rules below say what has to become of it; docs/failover.md has what does.

// A blow is a point at which a worker dies.
type blow struct {
	name string
	// What the proxy can know: nothing of the request was sent; a part of the answer is with the client.
	unsent, begun bool
	headOnly      bool // an answer to HEAD is complete at this point
	warm          bool // a request was answered over the connection before
	serve         func(v *victim, c net.Conn, in *bufio.Reader)
}

const (
	kilobyte = 1 << 10
	huge     = 10 << 20
)

var blows = []blow{
	{name: "before the connection", unsent: true},
	{name: "in the accept queue"},
	{name: "when it has read the head", serve: func(v *victim, c net.Conn, in *bufio.Reader) { v.readHead(in) }},
	{name: "in the middle of its head", serve: func(v *victim, c net.Conn, in *bufio.Reader) {
		v.readHead(in)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: te")
	}},
	{name: "in a body of 1 kB", headOnly: true, serve: func(v *victim, c net.Conn, in *bufio.Reader) { v.half(c, in, kilobyte) }},
	{name: "in a body of 10 MB", headOnly: true, begun: true, serve: func(v *victim, c net.Conn, in *bufio.Reader) { v.half(c, in, huge) }},
	{name: "while the connection is idle", unsent: true, warm: true},
	{name: "on a connection used before", warm: true, serve: func(v *victim, c net.Conn, in *bufio.Reader) { v.readHead(in) }},
}

// A victim is the worker that dies.
type victim struct {
	*rawWorker
	ran atomic.Int64 // requests that it may have executed
}

// readHead returns the method.
func (v *victim) readHead(in *bufio.Reader) string {
	r, err := http.ReadRequest(in)
	if err != nil {
		return ""
	}
	v.ran.Add(1)
	return r.Method
}

// half sends half of an answer; the client of a HEAD has all of it then.
func (v *victim) half(c net.Conn, in *bufio.Reader, size int) {
	method := v.readHead(in)
	fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size)
	if method != http.MethodHead {
		c.Write(bytes.Repeat([]byte{'x'}, size/2))
	}
}

// A plea is a kind of request.
type plea struct {
	name, method string
	idempotent   bool
	size         int  // of its body
	chunked      bool // without a length
	field        string
}

var pleas = []plea{
	{name: "GET", method: "GET", idempotent: true},
	{name: "HEAD", method: "HEAD", idempotent: true},
	{name: "PUT", method: "PUT", idempotent: true, size: 1000},
	{name: "DELETE", method: "DELETE", idempotent: true},
	{name: "POST", method: "POST", size: 1000},
	{name: "POST with Idempotency-Key", method: "POST", idempotent: true, size: 1000, field: "Idempotency-Key: 1"},
	{name: "POST of 5 MB, chunked", method: "POST", size: 5 << 20, chunked: true},
	{name: "POST with Expect", method: "POST", size: 1000, field: "Expect: 100-continue"},
}

// The others are who is left when the worker dies.
type others string

const (
	othersUp   others = "Another worker is up"
	onesComing others = "No other worker is up, this one comes back"
	nobody     others = "No other worker is up, and none comes"
)

// What can become of a request, as the client sees it.
const (
	fateOK      = "ok"      // the worker had answered
	fateRescued = "rescued" // another one answers
	fateHeld    = "held"    // it waits, and is answered
	fateCut     = "cut"     // a part of an answer; the client sees that it is one
	fate502     = "502"     // it may have been executed, and may not be twice
	fate503     = "503"     // nobody can answer it
)

// due is what the recipe wants.
func due(p plea, b blow, who others) string {
	switch {
	case b.headOnly && p.method == http.MethodHead:
		return fateOK
	case b.begun:
		return fateCut
	case !b.unsent && !p.idempotent:
		return fate502
	case who == othersUp:
		return fateRescued
	case who == onesComing:
		return fateHeld
	}
	return fate503
}

// mustNotFail says what nobody may ever see failing, as long as somebody can answer.
func mustNotFail(p plea, b blow, who others) bool {
	safe := p.method == "GET" || p.method == "HEAD" || p.method == "PUT" || p.method == "DELETE"
	return safe && !b.begun && who != nobody
}

// A killing is one cell of the matrix.
type killing struct {
	*rig
	plea    plea
	blow    blow
	who     others
	client  *http.Client
	victim  *victim
	backend *Backend
	died    sync.Once
	told    chan struct{} // closed when the owner has heard of the death
	ran     atomic.Int64  // requests that others executed
}

func newKilling(t *testing.T, p plea, b blow, who others, http2 bool) *killing {
	k := &killing{rig: newRig(t), plea: p, blow: b, who: who, victim: &victim{}, told: make(chan struct{})}
	k.client = k.clientFor(http2)
	l := listenLow(t)
	k.victim.rawWorker = &rawWorker{listener: l, port: portOf(l), conns: map[net.Conn]bool{}}
	t.Cleanup(k.victim.close)
	k.backend = k.add(1, k.victim.port)
	return k
}

// clientFor opens a front of its own, so that each client speaks one protocol only.
func (k *killing) clientFor(http2 bool) *http.Client {
	protocols := &http.Protocols{}
	protocols.SetHTTP1(!http2)
	protocols.SetUnencryptedHTTP2(http2)
	server := &http.Server{Handler: k.proxy, Protocols: protocols}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		k.t.Fatal(err)
	}
	go server.Serve(l)
	client := &http.Client{Transport: &http.Transport{Protocols: protocols, ExpectContinueTimeout: patience}, Timeout: patience}
	k.t.Cleanup(func() { client.CloseIdleConnections(); server.Close() })
	k.front.URL = "http://" + l.Addr().String()
	return client
}

// answers runs a worker that counts what it executes.
func (k *killing) answers(l net.Listener) {
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.ran.Add(1)
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil || n != int64(k.plea.size) {
			k.t.Errorf("the next worker got a body of %d bytes, %v; want %d", n, err, k.plea.size)
		}
		io.WriteString(w, "done")
	})}
	go s.Serve(l)
	k.t.Cleanup(func() { s.Close() })
}

// run lets the request be sent and the worker die, and says what became of it.
func (k *killing) run() (fate string) {
	k.prepare()
	if k.who == othersUp {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			k.t.Fatal(err)
		}
		k.answers(l)
		k.add(2, portOf(l))
	}
	over := make(chan struct{})
	owner := make(chan struct{})
	go func() { defer close(owner); k.own(over) }()
	fate = k.send()
	close(over)
	<-owner
	return fate
}

// prepare brings the worker to where it is to die.
func (k *killing) prepare() {
	if k.blow.warm {
		k.victim.start(func(c net.Conn, in *bufio.Reader) {
			if _, _, err := readRequest(in); err != nil {
				return
			}
			answer(c, "warm")
			if k.blow.serve == nil {
				io.Copy(io.Discard, in) // until it dies
				return
			}
			if _, err := in.Peek(1); err == nil {
				k.blow.serve(k.victim, c, in)
				k.die()
			}
		})
		resp, err := k.client.Get(k.front.URL + "/favicon.ico") // takes no turn
		if err != nil {
			k.t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		eventually(k.t, "the idle connection", func() bool { return idleConns(k.backend) == 1 })
	} else if k.blow.serve != nil {
		k.victim.start(func(c net.Conn, in *bufio.Reader) {
			k.blow.serve(k.victim, c, in)
			k.die()
		})
	}
	if k.blow.unsent {
		k.die()
	}
}

// die kills the worker: its sockets go before anybody is told.
func (k *killing) die() {
	k.died.Do(func() {
		k.victim.die()
		if k.who == nobody && !k.blow.unsent {
			k.backend.Set(Down, 1)
		}
		close(k.told)
	})
}

// own does what the owner of the worker does.
func (k *killing) own(over <-chan struct{}) {
	if k.blow.name == "in the accept queue" { // where it has no chance to die by itself
		eventually(k.t, "the request in the queue", func() bool { n, _, _ := k.backend.Counts(); return n > 0 })
		k.die()
	}
	<-k.told
	switch k.who {
	case othersUp:
		return
	case nobody:
		k.backend.Set(Down, 1)
		return
	}
	k.backend.Set(Coming, 1)
	for waiting := false; !waiting; time.Sleep(time.Millisecond) {
		select {
		case <-over:
			return
		default:
		}
		k.pool.queue.mu.Lock()
		waiting = k.pool.queue.n > 0
		k.pool.queue.mu.Unlock()
	}
	k.answers(listenAt(k.t, fmt.Sprintf("127.0.0.1:%d", k.victim.port)))
	k.backend.Set(Ready, 2)
}

// send sends the request and says what the client sees.
func (k *killing) send() string {
	var body io.Reader
	if k.plea.size > 0 {
		body = bytes.NewReader(make([]byte, k.plea.size))
	}
	if k.plea.chunked {
		body = io.MultiReader(body)
	}
	r, err := http.NewRequest(k.plea.method, k.front.URL+"/", body)
	if err != nil {
		k.t.Fatal(err)
	}
	if name, value, ok := strings.Cut(k.plea.field, ": "); ok {
		r.Header.Set(name, value)
	}
	resp, err := k.client.Do(r)
	if isReset(err) && k.last().Outcome == Cut {
		return fateCut // while it still sends, net/http may tell of that and not of the answer that had begun
	}
	if err != nil {
		return "no answer: " + err.Error()
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		if os.IsTimeout(err) {
			return "never over"
		}
		return fateCut
	}
	a := k.last()
	switch {
	case resp.StatusCode == http.StatusBadGateway:
		return fate502
	case resp.StatusCode == http.StatusServiceUnavailable:
		return fate503
	case resp.StatusCode != http.StatusOK:
		return resp.Status
	case a.Held > 0:
		return fateHeld
	case a.Outcome == Rescued:
		return fateRescued
	}
	return fateOK
}

// last is the record of the request, which may come after another that warmed the connection.
func (k *killing) last() Access {
	if k.blow.warm {
		return k.access(1)
	}
	return k.access(0)
}

// judge compares with what the recipe wants.
func (k *killing) judge(fate string) {
	a := k.last()
	if want := due(k.plea, k.blow, k.who); fate != want {
		k.t.Errorf("it is %s, want %s; %+v", fate, want, a)
	}
	if mustNotFail(k.plea, k.blow, k.who) && fate != fateOK && fate != fateRescued && fate != fateHeld {
		k.t.Errorf("a %s failed", k.plea.method)
	}
	ran := k.victim.ran.Load() + k.ran.Load()
	if ran > 1 && !k.plea.idempotent || ran > 2 {
		k.t.Errorf("it was executed %d times", ran)
	}
	if (a.Outcome == Failed) != (fate == fate502 || fate == fate503) || (a.Outcome == Cut) != (fate == fateCut) {
		k.t.Errorf("%s was recorded as %s", fate, a.Outcome)
	}
}

func TestKillMatrix(t *testing.T) {
	fates := map[string]map[bool]string{}
	var mu sync.Mutex
	t.Run("cells", func(t *testing.T) {
		for _, who := range []others{othersUp, onesComing, nobody} {
			for _, b := range blows {
				for _, p := range pleas {
					for _, http2 := range []bool{false, true} {
						t.Run(fmt.Sprintf("%s/%s/%s/http2=%v", who, b.name, p.name, http2), func(t *testing.T) {
							t.Parallel()
							k := newKilling(t, p, b, who, http2)
							fate := k.run()
							k.judge(fate)
							mu.Lock()
							defer mu.Unlock()
							cell := string(who) + b.name + p.name
							if fates[cell] == nil {
								fates[cell] = map[bool]string{}
							}
							fates[cell][http2] = fate
						})
					}
				}
			}
		}
	})
	if t.Failed() {
		return
	}
	checkFile(t, filepath.Join("..", "docs", "failover.md"), matrixPage(fates))
}

// matrixPage is the page of the docs.
func matrixPage(fates map[string]map[bool]string) string {
	var page strings.Builder
	page.WriteString(matrixHead)
	for _, who := range []others{othersUp, onesComing, nobody} {
		fmt.Fprintf(&page, "\n## %s\n\n| the worker dies …", who)
		for _, p := range pleas {
			page.WriteString(" | " + p.name)
		}
		page.WriteString(" |\n|---" + strings.Repeat("|---", len(pleas)) + "|\n")
		for _, b := range blows {
			page.WriteString("| " + b.name)
			for _, p := range pleas {
				fate := fates[string(who)+b.name+p.name]
				page.WriteString(" | " + fate[false])
				if fate[true] != fate[false] {
					page.WriteString(" (HTTP/2: " + fate[true] + ")")
				}
			}
			page.WriteString(" |\n")
		}
	}
	return page.String()
}

const matrixHead = `# What becomes of a request whose worker dies

This page is written by a test (` + "`go test ./proxy -run KillMatrix -update`" + `), which lets a worker die at each of these points under each
of these requests, once with a client that speaks HTTP/1.1 and once with one that speaks HTTP/2, and counts how often the request
was executed. It fails when something else comes out than the rules say, and when this page is not what came out.

- **ok**: the worker had answered already. (An answer to HEAD has no body that it could die in.)
- **rescued**: another worker answers. The client sees nothing but a short delay.
- **held**: the request waits for a worker, at most as long as ` + "`--hold`" + ` says, and is answered.
- **cut**: the client had a part of the answer. It gets no more and can see that: the connection is closed early, or the stream reset.
- **502**: the request may have been executed, and executing it twice could do harm. ` + "`--retry-unsafe`" + ` makes it *rescued* or *held*.
- **503**: nobody is there to answer, and nobody will be.

The rules: what was not sent can always be sent to another worker. What was sent is sent again if its method is idempotent (RFC 9110
section 9.2.2) or it bears ` + "`Idempotency-Key`" + `, and its body is still there (1 MiB of it is kept). An answer of up to 64 KiB is read
whole before the client gets the first byte of it, so a worker may die in it too. No POST runs twice unless it says that it may.
`

// checkFile compares a file with what it is to hold, or writes it.
func checkFile(t *testing.T, name, want string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if strings.ReplaceAll(string(got), "\r\n", "\n") != want {
		t.Errorf("%s is not what came out; write it with -update:\n%s", name, want)
	}
}
