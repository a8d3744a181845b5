package sample

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// app is one running copy.
type app struct {
	c     Config
	pid   int
	start time.Time
	mux   *http.ServeMux
	count atomic.Int64
	// stopping is closed when the copy is asked to end; nil never closes.
	stopping <-chan struct{}
	// sockets counts WebSockets: http.Server forgets a connection that was hijacked.
	sockets sync.WaitGroup
	// newcomers are told of by http.Server.
	newcomers newcomers
	// logMu keeps a line whole where Log is not an *os.File.
	logMu sync.Mutex
}

// Handler returns the app's pages without a listener, for use in another server or a test.
// It is safe for concurrent use; each call returns a copy with its own counter.
func Handler(c Config) http.Handler { return newApp(c, nil) }

func newApp(c Config, stopping <-chan struct{}) *app {
	a := &app{c: c, pid: os.Getpid(), start: time.Now(), stopping: stopping, mux: http.NewServeMux()}
	a.mux.HandleFunc("/{$}", a.index)
	a.mux.HandleFunc("/slow", a.slow)
	a.mux.HandleFunc("/status/{code}", a.status)
	a.mux.HandleFunc("/crash", a.crash)
	a.mux.HandleFunc("/hang", a.hang)
	a.mux.HandleFunc("/stream", a.stream)
	a.mux.HandleFunc("/ws", a.echo)
	a.mux.HandleFunc("/upload", a.upload)
	a.mux.HandleFunc("/count", a.counter)
	a.mux.HandleFunc("/headers", a.headers)
	a.mux.HandleFunc("/healthz", a.healthz)
	a.mux.HandleFunc("/", a.notFound)
	return a
}

// serve is the accept loop's goroutine; Serve owns it and waits on done.
func (a *app) serve(srv *http.Server, l net.Listener, done chan<- error) {
	err := srv.Serve(l)
	if err == http.ErrServerClosed {
		err = nil
	}
	done <- err
}

// ServeHTTP logs the request when it has ended, the way dev servers do.
func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	rec := &recorder{ResponseWriter: w}
	defer func() {
		a.logf("%s %s %s %d ms", r.Method, r.URL.RequestURI(), rec.word(), time.Since(start).Milliseconds())
	}()
	a.mux.ServeHTTP(rec, r)
}

func (a *app) logf(format string, args ...any) {
	line := fmt.Appendf(nil, time.Now().Format("15:04:05 ")+format+"\n", args...)
	a.logMu.Lock()
	defer a.logMu.Unlock()
	a.c.log().Write(line) // a lost log line must not fail the request
}

// recorder remembers the status for the log. Unwrap lets http.ResponseController and the WebSocket upgrade through.
type recorder struct {
	http.ResponseWriter
	code int
}

func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *recorder) WriteHeader(code int) {
	// 1xx are not the answer, except 101, after which the connection is no longer HTTP.
	if w.code == 0 && (code >= 200 || code == http.StatusSwitchingProtocols) {
		w.code = code
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.code == 0 {
		w.code = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

func (w *recorder) word() string {
	if w.code == 0 {
		return "-"
	}
	return fmt.Sprint(w.code)
}
