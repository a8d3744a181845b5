package control

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/procs/misbehave"
)

func TestScaleTellsItsSteps(t *testing.T) {
	s := open(t, cluster.Config{Workers: 2}, &Server{})
	s.awaitAll(cluster.Ready)
	for _, n := range []int{4, 1} {
		var steps []cluster.Step
		got, err := s.client.Scale(t.Context(), n, patience, func(s cluster.Step) { steps = append(steps, s) })
		if err != nil || len(got) != n || len(s.Ports()) != n {
			t.Fatalf("scale to %d: %+v, %v", n, got, err)
		}
		if len(steps) == 0 {
			t.Fatalf("scale to %d has told nothing", n)
		}
		if last := steps[len(steps)-1]; last.Done != last.Of || last.Of == 0 || last.Text == "" {
			t.Errorf("the last step of the scale to %d is %+v", n, last)
		}
	}
	if w := s.worker(1); w.State != cluster.Ready || w.Incarnation != 1 {
		t.Errorf("the one that stays is %+v", w)
	}
}

// TestScaleWithATimeout: what takes longer is told as an error with a way out.
func TestScaleWithATimeout(t *testing.T) {
	s := open(t, cluster.Config{Command: misbehave.Argv("serve-deaf"), Workers: 2, StopTimeout: time.Minute}, &Server{})
	s.awaitAll(cluster.Ready)
	for _, want := range []string{"cannot wait for worker 2: it takes longer than 500ms", "cannot scale: another change of the number of workers is under way: it takes longer than 500ms"} {
		_, err := s.client.Scale(t.Context(), 1, 500*time.Millisecond, nil)
		late, ok := errors.AsType[*APIError](err)
		if !ok || late.Message != want || late.Hint == "" {
			t.Errorf("%+v, want %s", err, want)
		}
	}
	if status, text := s.do(http.MethodPut, "/v1/workers?timeout=soon", `{"n":1}`); status != http.StatusBadRequest {
		t.Errorf("%d %s", status, text)
	}
	s.Hurry()
}

func TestRollingRestartTellsItsSteps(t *testing.T) {
	s := open(t, cluster.Config{Workers: 3}, &Server{})
	s.awaitAll(cluster.Ready)
	var said []string
	got, err := s.client.RollingRestart(t.Context(), func(s cluster.Step) { said = append(said, fmt.Sprint(s.Worker, s.State, s.Done)) })
	if err != nil || len(got) != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	if want := "[1stopping0 1ready1 2stopping1 2ready2 3stopping2 3ready3]"; strings.ReplaceAll(fmt.Sprint(said), " ", "") != strings.ReplaceAll(want, " ", "") {
		t.Errorf("the steps are %v", said)
	}
	for _, w := range got {
		if w.Incarnation != 2 || w.State != cluster.Ready {
			t.Errorf("after it %+v", w)
		}
	}
}

// TestRollingRestartThatFails has new code that does not boot: the error is the last line of an answer that had begun.
func TestRollingRestartThatFails(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Log("there is no sh on Windows, which the app of this test needs")
		return
	}
	mode := filepath.Join(t.TempDir(), "mode")
	if err := os.WriteFile(mode, []byte("serve"), 0o600); err != nil {
		t.Fatal(err)
	}
	argv := append([]string{"sh", "-c", `exec "$1" "$2" "$(cat "$0")"`, mode}, misbehave.Argv("serve")[:2]...)
	s := open(t, cluster.Config{Command: argv, Workers: 2}, &Server{})
	s.awaitAll(cluster.Ready)
	if err := os.WriteFile(mode, []byte("boot"), 0o600); err != nil {
		t.Fatal(err)
	}
	var steps int
	_, err := s.client.RollingRestart(t.Context(), func(cluster.Step) { steps++ })
	failed, ok := errors.AsType[*APIError](err)
	if !ok || failed.Status != 0 || !strings.Contains(failed.Message, "cannot bring back worker 1") || failed.Hint == "" || steps != 1 {
		t.Errorf("after %d steps %+v", steps, err)
	}
	if w := s.worker(2); w.State != cluster.Ready || w.Incarnation != 1 {
		t.Errorf("the other worker is %+v", w)
	}
}

func TestTwoRollingRestarts(t *testing.T) {
	s := open(t, cluster.Config{Command: misbehave.Argv("serve", "500"), Workers: 2}, &Server{}) // so that one is under way for a while
	s.awaitAll(cluster.Ready)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := s.client.RollingRestart(ctx, func(step cluster.Step) {
		if step.Worker != 1 || step.Done != 0 {
			return
		}
		_, second := s.client.RollingRestart(t.Context(), nil)
		if e, ok := errors.AsType[*APIError](second); !ok || e.Status != http.StatusConflict || e.Hint == "" {
			t.Errorf("a second one meanwhile: %+v", second)
		}
		cancel() // this client goes away: it stops after worker 1
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the client that went away: %v", err)
	}
	await(t, "the first one has ended", func() bool {
		_, err := s.client.RollingRestart(t.Context(), nil)
		return err == nil
	})
	if w := s.worker(2); w.Incarnation != 2 {
		t.Errorf("worker 2, which only the last rolling restart was to restart, is %+v", w)
	}
}

// TestShutdownReportsBeforeTheSocketGoes has stubborn workers and two who ask.
func TestShutdownReportsBeforeTheSocketGoes(t *testing.T) {
	asked := make(chan struct{})
	var downs atomic.Int64
	server := &Server{Down: func() {
		if downs.Add(1) == 1 {
			close(asked)
		}
	}}
	s := open(t, cluster.Config{Command: misbehave.Argv("serve-deaf"), Workers: 3, StopTimeout: 2 * time.Second}, server)
	s.awaitAll(cluster.Ready)
	ran := make(chan struct{})
	go func() { // whoever runs the cluster
		defer close(ran)
		<-asked
		report := s.Shutdown(context.Background())
		server.Finish(report)
		if err := server.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if err := s.claim.Close(); err != nil {
			t.Error(err)
		}
	}()
	var clients sync.WaitGroup
	for range 2 {
		clients.Go(func() {
			client := NewClient(s.claim.Info())
			defer client.Close()
			stopped := map[int]bool{}
			report, err := client.Shutdown(t.Context(), func(step cluster.Step) {
				if step.State == cluster.Stopped {
					stopped[step.Worker] = true
				}
				if step.Of != 3 {
					t.Errorf("a step is %+v", step)
				}
			})
			if err != nil || len(report.Killed) != 3 || report.Stopped != 0 || report.TookMS < 2000 || len(stopped) != 3 {
				t.Errorf("the report is %+v after %v, %v", report, stopped, err)
			}
		})
	}
	clients.Wait()
	<-ran
	if downs.Load() != 1 {
		t.Errorf("Down was called %d times", downs.Load())
	}
	if _, err := os.Lstat(s.claim.Info().Socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
	if _, err := s.client.Cluster(t.Context()); err == nil {
		t.Error("the cluster that has ended answers")
	}
}

// TestShutdownWithoutReport has whoever runs the cluster close the server at once.
func TestShutdownWithoutReport(t *testing.T) {
	asked := make(chan struct{})
	server := &Server{Down: func() { close(asked) }}
	s := open(t, cluster.Config{Workers: 1}, server)
	s.awaitAll(cluster.Ready)
	closed := make(chan error, 1)
	go func() {
		<-asked
		closed <- server.Close(context.Background())
	}()
	_, err := s.client.Shutdown(t.Context(), nil)
	if e, ok := errors.AsType[*APIError](err); !ok || e.Status != 0 && e.Status != 200 || e.Hint == "" {
		t.Errorf("%+v", err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

func TestTokenGuardsTheServer(t *testing.T) {
	s := open(t, cluster.Config{Workers: 1}, &Server{})
	s.server.Token = "secret" // no connection is open yet
	tests := []struct {
		host, authorization string
		status              int
	}{
		{"127.0.0.1:1234", "Bearer secret", 200},
		{"localhost", "Bearer secret", 200},
		{"[::1]:80", "Bearer secret", 200},
		{"127.0.0.1", "", 401},
		{"127.0.0.1", "Bearer wrong", 401},
		{"127.0.0.1", "secret", 401},
		{"evil.example", "Bearer secret", 403},
		{"127.0.0.1.evil.example:80", "Bearer secret", 403},
		{"lbdev", "Bearer secret", 403},
	}
	for _, tc := range tests {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.client.base+"/v1/cluster", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = tc.host
		if tc.authorization != "" {
			r.Header.Set("Authorization", tc.authorization)
		}
		resp, err := s.raw.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != tc.status {
			t.Errorf("%s with %q: %s", tc.host, tc.authorization, resp.Status)
		}
	}
}

// TestRequestsLeakNothing sends a thousand of all kinds.
func TestRequestsLeakNothing(t *testing.T) {
	s := open(t, cluster.Config{Workers: 2}, &Server{})
	s.awaitAll(cluster.Ready)
	one := func(i int) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		client := NewClient(s.claim.Info())
		defer client.Close()
		switch i % 4 {
		case 0:
			client.Cluster(ctx)
		case 1:
			client.Undrain(ctx, "all", patience)
		case 2:
			client.Kill(ctx, "99", 0)
		case 3:
			for range client.Events(ctx, Query{Follow: true}) {
				break
			}
		}
	}
	one(0)
	s.client.Close()
	await(t, "the first connections are closed", func() bool { return len(sockets()) <= 10 })
	goroutines, files := runtime.NumGoroutine(), len(sockets())
	for i := range 1000 {
		one(i)
	}
	await(t, fmt.Sprintf("%d goroutines and %d descriptors again: %v", goroutines, files, sockets()), func() bool {
		return runtime.NumGoroutine() <= goroutines && len(sockets()) <= files
	})
}

// sockets are the descriptors that this process has open, where that can be seen.
func sockets() []string {
	entries, _ := filepath.Glob("/proc/self/fd/*")
	var open []string
	for _, entry := range entries {
		if target, err := os.Readlink(entry); err == nil && strings.HasPrefix(target, "socket:") {
			open = append(open, target)
		}
	}
	return open
}

func BenchmarkCluster(b *testing.B) {
	for _, n := range []int{4, 64} {
		b.Run(fmt.Sprintf("workers=%d", n), func(b *testing.B) {
			s := open(b, cluster.Config{Workers: n}, &Server{})
			await(b, "the workers are ready", func() bool {
				for _, w := range s.Snapshot().Workers {
					if w.State != cluster.Ready {
						return false
					}
				}
				return true
			})
			for b.Loop() {
				if _, err := s.client.Cluster(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("workers=%d/new-connection", n), func(b *testing.B) {
			s := open(b, cluster.Config{Workers: n}, &Server{})
			for b.Loop() {
				client := NewClient(s.claim.Info())
				if _, err := client.Cluster(b.Context()); err != nil {
					b.Fatal(err)
				}
				client.Close()
			}
		})
	}
}

// BenchmarkDrain takes a worker out of rotation and puts it back: two actions, each in effect when it is answered.
func BenchmarkDrain(b *testing.B) {
	s := open(b, cluster.Config{Workers: 1}, &Server{})
	await(b, "the worker is ready", func() bool { return s.worker(1).State == cluster.Ready })
	for b.Loop() {
		got, err := s.client.Drain(b.Context(), "1", 0)
		if err != nil || got[0].State != cluster.Drained {
			b.Fatal(got, err)
		}
		if _, err := s.client.Undrain(b.Context(), "1", 0); err != nil {
			b.Fatal(err)
		}
	}
}
