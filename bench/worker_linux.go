package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// workerWord makes this program a worker: `bench worker` on $PORT, named by $LBDEV_WORKER.
const workerWord = "worker"

// postsVar names the file in which a worker notes each POST that it begins to run.
const postsVar = "BENCH_POSTS"

const (
	workers  = 4
	lineSize = 60 // bytes of a log line with its newline
	// blockSize is what a worker that buffers its output writes at once. Up to PIPE_BUF (4,096 on Linux) a write to a pipe
	// is not mixed with others' (pipe(7)), so cat may read four of them from one pipe.
	blockSize = 4096
)

// bigBody is what big asks for.
var bigBody = strings.Repeat("0123456789abcde\n", 1<<16)

// worker is the tiny app behind the fronts. It speaks just enough HTTP for them and for get: net/http would use several
// times the CPU, on the same CPUs as the fronts that are to be measured.
type worker struct{ name string }

func runWorker() error {
	w := worker{name: os.Getenv("LBDEV_WORKER")}
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", os.Getenv("PORT")))
	if err != nil {
		return fmt.Errorf("cannot listen: %w", err)
	}
	if socket := os.Getenv(backendVar); socket != "" {
		return handOver(l.(*net.TCPListener), socket)
	}
	return w.accept(l)
}

func (w worker) accept(l net.Listener) error {
	for {
		conn, err := l.Accept()
		if err != nil {
			return fmt.Errorf("cannot accept: %w", err)
		}
		go w.serve(conn) // the process ends by a signal, and its connections with it
	}
}

// serve answers the requests of one connection.
func (w worker) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	var out []byte
	for {
		target, last, err := readHead(in)
		if err != nil {
			return
		}
		body := w.answer(target)
		out = append(out[:0], "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: "...)
		out = strconv.AppendInt(out, int64(len(body)), 10)
		out = append(append(out, "\r\n\r\n"...), body...)
		if _, err := conn.Write(out); err != nil || last {
			return
		}
	}
}

// readHead reads a request without a body and says what it asks for and whether it is the connection's last.
func readHead(in *bufio.Reader) (target string, last bool, err error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return "", false, err
	}
	fields := bytes.Fields(line)
	if len(fields) != 3 {
		return "", false, fmt.Errorf("cannot read request line %q", line)
	}
	target, last = string(fields[1]), bytes.Equal(fields[2], []byte("HTTP/1.0"))
	for {
		if line, err = in.ReadSlice('\n'); err != nil {
			return "", false, err
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			return target, last, nil
		}
		if bytes.EqualFold(line, []byte("Connection: close")) {
			last = true
		}
	}
}

func (w worker) answer(target string) string {
	switch target {
	case "/":
		return "hello\n"
	case big.path:
		return bigBody
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return err.Error()
	}
	number := func(name string) int { n, _ := strconv.Atoi(u.Query().Get(name)); return n } // absent: 0
	switch u.Path {
	case "/pid":
		return strconv.Itoa(os.Getpid())
	case "/post":
		if err := notePost(u.Query().Get("id")); err != nil {
			return err.Error()
		}
		<-time.After(time.Duration(number("ms")) * time.Millisecond)
	case "/write":
		w.write(number("lines"), number("block") == 1)
	default:
		// This is the time that the request takes, not a wait for something.
		<-time.After(time.Duration(number("ms")) * time.Millisecond)
	}
	return "done\n"
}

// notePost appends in one write, so that several processes may.
func notePost(id string) error {
	f, err := os.OpenFile(os.Getenv(postsVar), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("cannot note a POST: %w", err)
	}
	defer f.Close()
	_, err = f.WriteString(id + "\n")
	return err
}

// write prints lines, each in a write of its own or as many at once as fit into a block.
func (w worker) write(lines int, block bool) {
	size := lineSize
	if block {
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
