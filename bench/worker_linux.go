package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// workerWord makes this program a worker: `bench worker` on $PORT, named by $LBDEV_WORKER.
const workerWord = "worker"

const (
	workers  = 4
	lineSize = 60 // bytes of a log line with its newline
	// blockSize is what a worker that buffers its output writes at once. Up to PIPE_BUF (4,096 on Linux) a write to a pipe
	// is not mixed with others' (pipe(7)), so cat may read four of them from one pipe.
	blockSize = 4096
)

// worker is the tiny app behind the fronts.
type worker struct{ name string }

func runWorker() error {
	w := worker{name: os.Getenv("LBDEV_WORKER")}
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", w.hello)
	mux.HandleFunc("/pid", w.pid)
	mux.HandleFunc("/write", w.write)
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", os.Getenv("PORT")))
	if err != nil {
		return fmt.Errorf("cannot listen: %w", err)
	}
	return http.Serve(l, mux)
}

// hello answers after ?ms= milliseconds.
func (w worker) hello(rw http.ResponseWriter, r *http.Request) {
	if r.URL.RawQuery != "" {
		ms, _ := strconv.Atoi(r.FormValue("ms"))
		t := time.NewTimer(time.Duration(ms) * time.Millisecond)
		defer t.Stop()
		select {
		case <-t.C:
		case <-r.Context().Done():
			return
		}
	}
	io.WriteString(rw, "hello\n")
}

func (w worker) pid(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, os.Getpid()) }

// write prints ?lines= lines, each in a write of its own or, with ?block=1, as many as fit into a block. It answers when
// the last one is written.
func (w worker) write(_ http.ResponseWriter, r *http.Request) {
	lines, _ := strconv.Atoi(r.FormValue("lines"))
	size := lineSize
	if r.FormValue("block") == "1" {
		size = blockSize / lineSize * lineSize // whole lines only
	}
	out := bufio.NewWriterSize(os.Stdout, size)
	tail := strings.Repeat("=", lineSize-len(linePrefix(w.name, 0))-1) + "\n"
	for i := range lines {
		out.WriteString(linePrefix(w.name, i))
		out.WriteString(tail)
		if out.Available() < lineSize {
			out.Flush()
		}
	}
	out.Flush()
}

// linePrefix is what lineCheck reads: "~2 0001234 ".
func linePrefix(worker string, i int) string { return fmt.Sprintf("~%s %07d ", worker, i) }
