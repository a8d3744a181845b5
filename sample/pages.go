package sample

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// who is the part of every JSON answer that tells the copies apart.
type who struct {
	Port   int    `json:"port"`
	PID    int    `json:"pid"`
	Worker string `json:"worker,omitempty"`
}

func (a *app) who() who { return who{a.c.Port, a.pid, a.c.Worker} }

func (a *app) index(w http.ResponseWriter, r *http.Request) {
	a.reply(w, r, http.StatusOK, page{Lead: "served this page"}, a.who())
}

func (a *app) notFound(w http.ResponseWriter, r *http.Request) {
	a.reply(w, r, http.StatusNotFound, page{Lead: "has no page " + r.URL.Path}, struct {
		who
		Error string `json:"error"`
	}{a.who(), "no such page"})
}

// slow answers after ?ms= milliseconds (1,000 when absent, at most ten minutes).
func (a *app) slow(w http.ResponseWriter, r *http.Request) {
	ms := 1000
	if text := r.FormValue("ms"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > 600_000 {
			http.Error(w, "cannot wait: ms must be a number from 0 to 600000", http.StatusBadRequest)
			return
		}
		ms = n
	}
	t := time.NewTimer(time.Duration(ms) * time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.Context().Done():
		return
	}
	a.reply(w, r, http.StatusOK, page{Lead: fmt.Sprintf("took %d ms to answer", ms)}, struct {
		who
		MS int `json:"ms"`
	}{a.who(), ms})
}

// status answers with the code in the path. 1xx are refused: they are no final answers (RFC 9110, section 15.2).
func (a *app) status(w http.ResponseWriter, r *http.Request) {
	code, err := strconv.Atoi(r.PathValue("code"))
	if err != nil || code < 200 || code > 599 {
		http.Error(w, "cannot answer so: the status must be a number from 200 to 599", http.StatusBadRequest)
		return
	}
	lead := strings.TrimSpace(fmt.Sprintf("answered %d %s", code, http.StatusText(code)))
	a.reply(w, r, code, page{Lead: lead}, struct {
		who
		Status int `json:"status"`
	}{a.who(), code})
}

// crash ends the process at once and without an answer, like a bug in native code would.
func (a *app) crash(_ http.ResponseWriter, r *http.Request) {
	a.logf("%s %s crashing with exit code 1", r.Method, r.URL.RequestURI())
	a.c.exit(1)
}

// hang never answers. It ends when the client goes or the app is asked to stop; the connection is then
// closed without a response, because an empty 200 would be an answer.
func (a *app) hang(_ http.ResponseWriter, r *http.Request) {
	// The server watches for the client's leaving only once the body is read (net/http, Request.Context).
	io.Copy(io.Discard, r.Body)
	select {
	case <-r.Context().Done():
	case <-a.stopping:
	}
	panic(http.ErrAbortHandler)
}

// stream sends a server-sent event at once and one each second until the client goes, the app stops, or
// ?n= events are out.
func (a *app) stream(w http.ResponseWriter, r *http.Request) {
	limit, _ := strconv.Atoi(r.FormValue("n")) // absent or nonsense: no limit
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for i := 1; ; i++ {
		data, _ := json.Marshal(struct {
			who
			Event int `json:"event"`
		}{a.who(), i}) // a struct of ints and strings cannot fail
		fmt.Fprintf(w, "id: %d\ndata: %s\n\n", i, data)
		if http.NewResponseController(w).Flush() != nil || i == limit {
			return
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		case <-a.stopping:
			return
		}
	}
}

// echo sends each WebSocket message back, after one that says who is speaking.
func (a *app) echo(w http.ResponseWriter, r *http.Request) {
	a.sockets.Add(1)
	defer a.sockets.Done()
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // Accept has answered the client
	}
	defer conn.CloseNow()
	// Once hijacked, neither the request's context nor Shutdown knows of the connection.
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	defer cancel()
	go a.closeWhenStopping(ctx, cancel, conn)
	hello, _ := json.Marshal(a.who())
	if conn.Write(ctx, websocket.MessageText, hello) != nil {
		return
	}
	for {
		kind, msg, err := conn.Read(ctx)
		if err != nil || conn.Write(ctx, kind, msg) != nil {
			return
		}
	}
}

// closeWhenStopping says good-bye on conn when the app ends; echo owns it and ends it by its ctx.
// A peer that does not say good-bye too is left after StopTimeout: cancel ends echo's Read, and that the connection.
func (a *app) closeWhenStopping(ctx context.Context, cancel context.CancelFunc, conn *websocket.Conn) {
	select {
	case <-a.stopping:
		t := time.AfterFunc(a.c.stopTimeout(), cancel)
		defer t.Stop()
		conn.Close(websocket.StatusGoingAway, "the app is stopping")
	case <-ctx.Done():
	}
}

// upload reads the whole body and says what arrived.
func (a *app) upload(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		a.reply(w, r, http.StatusOK, page{Lead: "waits for your file", Upload: true}, a.who())
		return
	}
	sum := sha256.New()
	n, err := io.Copy(sum, r.Body)
	if err != nil {
		code := http.StatusBadRequest
		if errors.As(err, new(*http.MaxBytesError)) {
			code = http.StatusRequestEntityTooLarge
		}
		http.Error(w, "cannot read the body: "+err.Error(), code)
		return
	}
	digest := hex.EncodeToString(sum.Sum(nil))
	a.reply(w, r, http.StatusOK, page{Lead: fmt.Sprintf("received %d bytes", n), Text: "sha256 " + digest}, struct {
		who
		Bytes  int64  `json:"bytes"`
		SHA256 string `json:"sha256"`
	}{a.who(), n, digest})
}

// counter counts in this process's memory: through a balancer each copy shows its own number.
func (a *app) counter(w http.ResponseWriter, r *http.Request) {
	n := a.count.Add(1)
	lead := fmt.Sprintf("has counted to %d", n)
	a.reply(w, r, http.StatusOK, page{Lead: lead, Text: countNote}, struct {
		who
		Count int64 `json:"count"`
	}{a.who(), n})
}

const countNote = "The counter lives in the memory of this one process. Each copy has its own, and a restart begins at 1."

func (a *app) healthz(w http.ResponseWriter, r *http.Request) {
	if wantsJSON(r) {
		a.reply(w, r, http.StatusOK, page{}, a.who())
		return
	}
	io.WriteString(w, "ok\n")
}
