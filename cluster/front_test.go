package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lbdev/lbdev/procs/misbehave"
)

// overUnix is a client whose every connection goes to a unix socket.
func overUnix(path string) *http.Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}, Timeout: patience}
}

// runClient runs a client program and returns what it printed.
func runClient(t *testing.T, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// shortDir is a folder whose name leaves room for a socket's: some temporary folders are longer than a socket's path may be.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lb")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func TestSeveralListeners(t *testing.T) {
	base, socket := freePorts(t, 23), filepath.Join(shortDir(t), "front.sock")
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	left.Close() // as a program that was killed leaves it

	c := open(t, Config{
		Command: misbehave.Argv("serve"), Workers: 2, BasePort: base,
		MoreListen: []string{fmt.Sprintf("[::1]:%d", base+21), "unix:" + socket},
	})
	c.awaitAll(2, Ready)
	want := []string{fmt.Sprintf("http://127.0.0.1:%d", base+20), fmt.Sprintf("http://[::1]:%d", base+21), "unix:" + socket}
	if s := c.Snapshot(); s.Front != want[0] || !slices.Equal(s.Listen, want) {
		t.Errorf("the front is %q, all are %q", s.Front, s.Listen)
	}
	// One turn for all listeners.
	ports := []int{}
	for range 2 {
		for _, get := range []struct {
			client *http.Client
			url    string
		}{{http.DefaultClient, want[0]}, {http.DefaultClient, want[1]}, {overUnix(socket), "http://front"}} {
			resp, err := get.client.Get(get.url + "/")
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			var port int
			fmt.Sscan(resp.Header.Get("X-Lbdev-Worker"), &port)
			ports = append(ports, port-base)
		}
	}
	if !slices.Equal(ports, []int{0, 1, 0, 1, 0, 1}) {
		t.Errorf("the workers that answered are %v", ports)
	}
	http.DefaultClient.CloseIdleConnections()
	if err := c.Scale(t.Context(), 22, nil); err == nil || !strings.Contains(err.Error(), "which is the front's") {
		t.Errorf("scaling onto a front's port: %v", err)
	}
	c.close()
	if _, err := os.Lstat(socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}

func TestListenersThatCannotBe(t *testing.T) {
	dir := shortDir(t)
	taken, err := net.Listen("unix", filepath.Join(dir, "taken"))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	os.WriteFile(filepath.Join(dir, "file"), nil, 0o600)
	base := freePorts(t, 22)
	for _, tt := range []struct{ name, address, want string }{
		{"another program's", "unix:" + dir + "/taken", "another program listens there"},
		{"a file", "unix:" + dir + "/file", "there is a file that is no socket"},
		{"no folder", "unix:" + dir + "/no/sock", "no such file or directory"},
		{"too long", "unix:" + dir + "/" + strings.Repeat("x", 200), "the path is longer than the system allows"},
		{"twice", fmt.Sprintf("127.0.0.1:%d", base+20), "cannot listen on \"127.0.0.1:"},
		{"a worker's port", fmt.Sprintf("127.0.0.1:%d", base+1), "it is worker 2's"},
	} {
		if runtime.GOOS == "windows" && tt.name != "twice" {
			continue // other words
		}
		c, err := New(Config{
			Command: misbehave.Argv("serve"), Workers: 2, BasePort: base,
			Listen: fmt.Sprintf("127.0.0.1:%d", base+20), MoreListen: []string{tt.address},
		})
		if err == nil {
			if err = c.Open(); err == nil {
				c.Shutdown(context.Background())
			}
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	if _, err := os.Lstat(dir + "/file"); err != nil {
		t.Error("the file is gone")
	}
	if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", base+20)); err != nil {
		t.Errorf("after an error the front's port is taken: %v", err)
	} else {
		l.Close()
	}
}

// TestHTTP2WithoutTLS has real clients speak HTTP/2 by prior knowledge on the port that speaks HTTP/1.1 too.
func TestHTTP2WithoutTLS(t *testing.T) {
	c := open(t, Config{Command: misbehave.Argv("serve"), Workers: 2})
	c.awaitAll(2, Ready)
	if got := runClient(t, "curl", "-sS", "--http2-prior-knowledge", "-o", "/dev/null", "-w", "%{http_version} %{http_code}", c.FrontURL()); got != "2 200" {
		t.Errorf("curl: %q", got)
	}
	if got := runClient(t, "curl", "-sS", "-o", "/dev/null", "-w", "%{http_version} %{http_code}", c.FrontURL()); got != "1.1 200" {
		t.Errorf("curl: %q", got)
	}
	out := runClient(t, "nghttp", "-v", "-n", c.FrontURL())
	for _, want := range []string{"SETTINGS_MAX_CONCURRENT_STREAMS(0x03):250", ":status: 200", "x-lbdev-worker"} {
		if !strings.Contains(out, want) {
			t.Errorf("nghttp has no %q:\n%s", want, out)
		}
	}
	out = runClient(t, "h2load", "-n", "600", "-c", "3", "-m", "100", c.FrontURL())
	if !strings.Contains(out, "600 succeeded, 0 failed, 0 errored, 0 timeout") {
		t.Errorf("h2load:\n%s", out)
	}
	if s := c.Snapshot().Requests; s.Total != 603 || s.OK != 603 {
		t.Errorf("%+v", s)
	}
}

// TestShutdownSaysGoodbyeInHTTP2: requests in flight are finished, and GOAWAY comes first.
func TestShutdownSaysGoodbyeInHTTP2(t *testing.T) {
	c := open(t, Config{Command: misbehave.Argv("serve"), Workers: 1})
	c.awaitAll(1, Ready)
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: patience}
	answer := make(chan string, 1)
	go func() {
		resp, err := client.Get(c.FrontURL() + "/slow?ms=400")
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		answer <- fmt.Sprint(resp.Status, err)
	}()
	for deadline := time.Now().Add(patience); c.Snapshot().Requests.InFlight == 0 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	c.close()
	if got := <-answer; got != "200 OK<nil>" {
		t.Errorf("the request in flight: %s", got)
	}
}
