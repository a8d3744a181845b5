//go:build unix

package fronts

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/lbdev/lbdev/procs"
	"github.com/lbdev/lbdev/proxy"
	"github.com/lbdev/lbdev/templates/export"
)

func TestMain(m *testing.M) {
	procs.GuardianMain()
	// The goroutine that forks never returns: children with a parent-death signal die with the thread that made them.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/lbdev/lbdev/procs.(*forker).run"))
}

// A stage is a program with what it has told.
type stage struct {
	*testing.T
	*Runner
	cluster export.Cluster
	client  *http.Client
	folder  string // of the program

	mu     sync.Mutex
	seen   []proxy.Access
	said   []string
	states []string
}

// stageOf runs a program before two workers, which say their ports; over TLS, with certificate and key in two files.
func stageOf(t *testing.T, name string) *stage {
	t.Helper()
	p, err := Find(name, os.Environ())
	if err != nil {
		t.Fatalf("%v (make test installs it)", err)
	}
	dir := t.TempDir()
	os.Chmod(dir, 0o755)
	cert, key := certificate(t, dir)
	s := &stage{T: t, folder: "front", cluster: export.Cluster{Name: "stage", Listen: []string{freeAddress(t)}, TLSCert: cert, TLSKey: key}}
	for i := range 2 {
		w := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, r.Context().Value(http.LocalAddrContextKey).(net.Addr).String())
		}))
		t.Cleanup(w.Close)
		u, _ := url.Parse(w.URL)
		port, _ := strconv.Atoi(u.Port())
		s.cluster.Workers = append(s.cluster.Workers, export.Worker{Number: i + 1, Port: port, Weight: 1})
	}
	s.client = &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	s.Runner = New(Config{
		Program: p, Dir: func() (string, error) { return filepath.Join(dir, s.folder), nil },
		Observed: func(a *proxy.Access) { s.note(func() { s.seen = append(s.seen, *a) }) },
		Said: func(lines []procs.Line) {
			s.note(func() {
				for _, l := range lines {
					s.said = append(s.said, l.Text)
				}
			})
		},
		Is: func(state State, why string) { s.note(func() { s.states = append(s.states, state.Name) }) },
	})
	t.Cleanup(func() { s.end() })
	return s
}

func (s *stage) note(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *stage) end() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	s.Close(ctx)
}

// ask returns the port that answered, by its own words.
func (s *stage) ask() int {
	s.Helper()
	resp, err := s.client.Get("https://" + s.cluster.Listen[0] + "/")
	if err != nil {
		s.Fatalf("%v; it said %q", err, s.said)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	_, text, _ := net.SplitHostPort(string(body))
	port, _ := strconv.Atoi(text)
	if header := resp.Header.Get("X-Lbdev-Worker"); port == 0 || header != text {
		s.Fatalf("%d %q by %q", resp.StatusCode, body, header)
	}
	return port
}

// TestRunner starts each program, changes what it does, gives it what it cannot do, and ends it.
func TestRunner(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := stageOf(t, name)
			if _, err := s.Follow(t.Context(), s.cluster); err != nil {
				t.Fatal(err)
			}
			one, two := s.cluster.Workers[0].Port, s.cluster.Workers[1].Port
			if a, b := s.ask(), s.ask(); a == b || a+b != one+two {
				t.Errorf("answered by %d and %d, want %d and %d", a, b, one, two)
			}
			less := s.cluster
			less.Workers = []export.Worker{s.cluster.Workers[0], s.cluster.Workers[1]}
			less.Workers[0].Down = true
			done, err := s.Follow(t.Context(), less)
			if err != nil {
				t.Fatal(err)
			}
			select {
			case <-done:
			case <-time.After(20 * time.Second):
				t.Error("what was before is not over")
			}
			bad := less
			bad.TLSCert, bad.TLSKey = "/nowhere.pem", "/nowhere.pem"
			if _, err := s.Follow(t.Context(), bad); err == nil || !strings.HasPrefix(err.Error(), "cannot ") {
				t.Errorf("a certificate that is not there: %v", err)
			}
			if a, b := s.ask(), s.ask(); a != two || b != two {
				t.Errorf("with one worker out: %d, %d, want %d", a, b, two)
			}
			run := s.run
			s.end()
			if !run.leaving.Load() {
				t.Error("what it says at its end was not understood")
			}
			if _, err := s.Follow(t.Context(), less); err == nil {
				t.Error("it can be changed when it was closed")
			}
			l, err := net.Listen("tcp", s.cluster.Listen[0])
			if err != nil {
				t.Fatalf("after its end: %v", err)
			}
			l.Close()
			var ports []int
			for _, a := range s.seen {
				ports = append(ports, a.Port)
			}
			if len(ports) != 4 || ports[0]+ports[1] != one+two || ports[2] != two || ports[3] != two {
				t.Errorf("observed %v, want %d and %d, and %d twice", ports, one, two, two)
			}
			if last := s.states[len(s.states)-1]; s.states[0] != Starting || last != Stopped {
				t.Errorf("states: %v", s.states)
			}
		})
	}
}

// TestRunnerTellsOfAll: each request of many at a time is observed.
func TestRunnerTellsOfAll(t *testing.T) {
	const clients, each = 16, 200
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			s := stageOf(t, name)
			if _, err := s.Follow(t.Context(), s.cluster); err != nil {
				t.Fatal(err)
			}
			transport := s.client.Transport.(*http.Transport).Clone()
			transport.DisableKeepAlives, transport.MaxIdleConnsPerHost = false, clients
			client := &http.Client{Timeout: time.Minute, Transport: transport}
			var group sync.WaitGroup
			for range clients {
				group.Go(func() {
					for range each {
						resp, err := client.Get("https://" + s.cluster.Listen[0] + "/")
						if err != nil {
							t.Error(err)
							return
						}
						io.Copy(io.Discard, resp.Body)
						resp.Body.Close()
					}
				})
			}
			group.Wait()
			client.CloseIdleConnections() // or its end waits for them
			s.end()
			if len(s.seen) != clients*each {
				t.Errorf("observed %d requests of %d", len(s.seen), clients*each)
			}
		})
	}
}

// TestRunnerInOddFolder: its name is long, and full of what means something to one of the programs.
func TestRunnerInOddFolder(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := stageOf(t, name)
			s.folder = `ü '"$x & {y}%z#` + strings.Repeat("l", 100)
			for range 2 {
				if _, err := s.Follow(t.Context(), s.cluster); err != nil {
					t.Fatal(err)
				}
				s.ask()
			}
			s.end()
			if len(s.seen) != 2 {
				t.Errorf("observed %d requests, want 2", len(s.seen))
			}
		})
	}
}

// TestTwoRunners: an address is one program's, and not half another's.
func TestTwoRunners(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one, two := stageOf(t, name), stageOf(t, name)
			two.cluster.Listen = one.cluster.Listen
			if _, err := one.Follow(t.Context(), one.cluster); err != nil {
				t.Fatal(err)
			}
			if _, err := two.Follow(t.Context(), two.cluster); err == nil || !strings.Contains(strings.ToLower(err.Error()), "in use") {
				t.Errorf("the second: %v", err)
			}
			one.ask()
		})
	}
}

// TestReloadThatIsMissed: a program hears nothing of the signals that come in the first seconds, as HAProxy's master when it begins anew.
func TestReloadThatIsMissed(t *testing.T) {
	t.Parallel()
	s := stageOf(t, "nginx")
	deaf := *nginx
	deaf.check = nil
	deaf.argv = func(*room) []string {
		return []string{"/bin/sh", "-c", `trap '' HUP; trap exit QUIT; echo ready >&2; (sleep 3.5; echo >hears) & while [ ! -e hears ]; do sleep 0.1; done
			trap 'echo ready >&2' HUP; while :; do sleep 0.1; done`}
	}
	deaf.hear = func(line string) omen { return omen{ready: line == "ready", all: line == "ready"} }
	s.config.Program.kind = &deaf
	if _, err := s.Follow(t.Context(), s.cluster); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Follow(t.Context(), s.cluster); err != nil {
		t.Error(err)
	}
}

// TestEndThatIsMissed: the same with the signal that is to end it.
func TestEndThatIsMissed(t *testing.T) {
	t.Parallel()
	s := stageOf(t, "nginx")
	deaf := *nginx
	deaf.check = nil
	deaf.argv = func(*room) []string {
		return []string{"/bin/sh", "-c", `trap '' QUIT; echo ready >&2; sleep 1.5; trap exit QUIT; while :; do sleep 0.1; done`}
	}
	deaf.hear = func(line string) omen { return omen{ready: line == "ready"} }
	s.config.Program.kind = &deaf
	if _, err := s.Follow(t.Context(), s.cluster); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	s.end()
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("its end took %v", took)
	}
}

// TestRunnerThatNeverRan is closed, or gets what can't be started.
func TestRunnerThatNeverRan(t *testing.T) {
	s := stageOf(t, "nginx")
	bad := s.cluster
	bad.TLSCert, bad.TLSKey = "/nowhere.pem", "/nowhere.pem"
	if _, err := s.Follow(t.Context(), bad); err == nil || !strings.Contains(err.Error(), "/nowhere.pem") {
		t.Errorf("%v, want nginx's own words", err)
	}
	if _, err := s.Follow(t.Context(), s.cluster); err != nil {
		t.Errorf("after a mistake was corrected: %v", err)
	}
	s.ask()
	closed := stageOf(t, "nginx")
	closed.end()
	closed.end()
	if len(closed.states) > 0 {
		t.Errorf("states of one that never ran: %v", closed.states)
	}
}

// nextPort counts the addresses that are given away; another run of the tests begins elsewhere.
var nextPort atomic.Int64

func init() { nextPort.Store(int64(os.Getpid()) * 61) }

// freeAddress is one at which nobody listens. Its port is lower than those that the system has for who asks for any, also for the near end
// of a connection, or it could be taken before its program listens. Other packages' tests have other ranges.
func freeAddress(t *testing.T) string {
	t.Helper()
	syscall.ForkLock.RLock() // a child that is just being made would have the listener, too, until it runs its program
	defer syscall.ForkLock.RUnlock()
	for range 900 {
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 9100+nextPort.Add(1)%900)); err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("cannot find a free port")
	return ""
}

func certificate(t *testing.T, dir string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(fmt.Errorf("cannot write %s: %w", file, err))
		}
	}
	return cert, key
}
