//go:build unix

package cluster

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// body is what the front answers.
func (r *real) body() string {
	r.Helper()
	resp, err := (&http.Client{Timeout: patience}).Get(r.FrontURL())
	if err != nil {
		r.Fatal(err)
	}
	defer resp.Body.Close()
	text := make([]byte, 1000)
	n, _ := resp.Body.Read(text)
	return resp.Header.Get("X-Lbdev-Worker") + " " + string(text[:n])
}

// Workers listen on sockets, come back after a kill although their socket was left there, and leave no folder.
func TestSockets(t *testing.T) {
	for _, upstream := range []Upstream{UpstreamHTTP1, UpstreamH2C} {
		t.Run(string(upstream), func(t *testing.T) {
			parent := t.TempDir()
			address, version := "{socket}", "1"
			if upstream == UpstreamH2C {
				address, version = "h2c:{socket}", "2"
			}
			r := open(t, Config{Command: []string{os.Args[0], "serve", address}, Workers: 2, SocketDir: parent, Upstream: upstream})
			r.awaitAll(2, Ready)
			want := fmt.Sprintf("%d %s %s", r.base, version, r.worker(1).Socket)
			if got := r.body(); got != want || r.worker(1).Socket == "" {
				t.Errorf("the front answers %q, want %q", got, want)
			}
			info, err := os.Stat(filepath.Dir(r.worker(1).Socket))
			if err != nil || info.Mode().Perm() != 0o700 || filepath.Dir(filepath.Dir(r.worker(1).Socket)) != parent {
				t.Errorf("the folder of %s: %v, %v", r.worker(1).Socket, info, err)
			}
			if err := r.Kill(1); err != nil {
				t.Fatal(err)
			}
			r.await(1, Ready, 2)
			if err := r.Scale(t.Context(), 3, nil); err != nil {
				t.Fatal(err)
			}
			r.await(3, Ready, 1)
			r.close()
			if left, _ := filepath.Glob(parent + "/*"); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// A worker in HTTP/1 behind --upstream h2c does not become ready, and it is said why.
func TestUpstreamDoesNotFit(t *testing.T) {
	r := open(t, Config{
		Command: []string{os.Args[0], "serve", ""}, Workers: 1, Upstream: UpstreamH2C, ReadyTimeout: 2 * time.Second, Restart: RestartNever,
	})
	w := r.await(1, Failed, 1)
	if !strings.Contains(w.Reason, "it speaks HTTP/1 only") {
		t.Errorf("the reason is %q", w.Reason)
	}
}

func TestUpstreamIsChecked(t *testing.T) {
	_, err := New(Config{Command: []string{os.Args[0]}, Upstream: "h3"})
	if err == nil || !strings.Contains(err.Error(), `cannot speak "h3" to workers`) {
		t.Error(err)
	}
}

// A folder whose name is too long for a socket is not taken.
func TestSocketPathTooLong(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("x", 100))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	r := open(t, Config{Command: []string{os.Args[0], "serve", "{socket}"}, Workers: 1, SocketDir: long})
	r.await(1, Ready, 1)
	if socket := r.worker(1).Socket; strings.HasPrefix(socket, long) || len(socket) > maxSocketPath {
		t.Errorf("the socket is %s", socket)
	}
}

// A worker on a socket, in either protocol, is asked whether it lives; a frozen one does not answer.
func TestInquireOverSockets(t *testing.T) {
	for _, upstream := range []Upstream{UpstreamHTTP1, UpstreamH2C} {
		t.Run(string(upstream), func(t *testing.T) {
			address := "{socket}"
			if upstream == UpstreamH2C {
				address = "h2c:{socket}"
			}
			r := open(t, Config{Command: []string{os.Args[0], "serve", address}, Workers: 1, Upstream: upstream})
			snapshot := r.await(1, Ready, 1)
			w := r.all()[0]
			asked := func(patience time.Duration) bool {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				return inquire(ctx, w, &run{config: r.launch.Load()})
			}
			if !asked(patience) {
				t.Error("it does not answer")
			}
			syscall.Kill(snapshot.PID, syscall.SIGSTOP)
			// Its threads stop when they are scheduled next, which may be after a first answer.
			awaitThat(t, "it is silent", func() bool { return !asked(300 * time.Millisecond) })
			syscall.Kill(snapshot.PID, syscall.SIGCONT)
			w.removeSocket()
			if asked(300 * time.Millisecond) {
				t.Error("it answers, without a socket")
			}
		})
	}
}
