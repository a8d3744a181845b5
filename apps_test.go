package lbdev_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// frontHost is what a browser sends when it talks to the front: the apps must tell it from their own port.
const frontHost = "127.0.0.1:8080"

// TestDjangoApp runs two copies without lbdev: what lbdev's tests take for granted must hold here.
func TestDjangoApp(t *testing.T) {
	dir := copyApp(t, "django")
	env := append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1")
	run(t, dir, env, "/usr/bin/python3", "manage.py", "migrate", "--verbosity", "0")
	run(t, dir, env, "/usr/bin/python3", "manage.py", "makemigrations", "--check", "--dry-run")
	ports := freePorts(t, 2)
	for _, p := range ports {
		start(t, dir, env, p, "/usr/bin/python3", "manage.py", "runserver", addr(p), "--noreload")
	}
	jar, _ := cookiejar.New(nil) // fails never
	c := &client{t: t, http: &http.Client{Jar: jar, Timeout: 30 * time.Second}}

	page := c.get(ports[0], "/")
	if got := between(page, `id="port">`, "<"); got != strconv.Itoa(ports[0]) {
		t.Errorf("the page shows port %q, want %d", got, ports[0])
	}
	token := between(page, `csrfmiddlewaretoken" value="`, `"`)
	form := url.Values{"csrfmiddlewaretoken": {token}, "name": {"ada"}, "item": {"tea"}, "key": {"k1"}}
	if code := c.post(ports[1], "/order/", form); code != http.StatusOK { // after the redirect
		t.Errorf("order with token: %d", code)
	}
	if code := c.post(ports[1], "/login/", form); code != http.StatusOK {
		t.Errorf("login with token: %d", code)
	}
	form.Del("csrfmiddlewaretoken")
	if code := c.post(ports[0], "/order/", form); code != http.StatusForbidden {
		t.Errorf("order without token: %d, want 403", code)
	}
	for i, p := range ports {
		s := c.json(p, "/state")
		if s["name"] != "ada" || s["port"] != float64(p) || s["host"] != frontHost || s["visits"] != 3.0 {
			t.Errorf("copy %d: %v, want ada, port %d, host %s, 3 visits", i+1, s, p, frontHost)
		}
	}
	if code := c.post(ports[0], "/api/order", url.Values{"key": {"k1"}}); code != http.StatusCreated {
		t.Errorf("order by program: %d", code)
	}
	if e := c.json(ports[1], "/executions"); e["total"] != 2.0 || fmt.Sprint(e["keys"]) != "map[k1:2]" {
		t.Errorf("executions: %v, want k1 twice", e)
	}
}

// TestDjangoAppManyWriters is about "database is locked": three copies, sessions and orders written at the same time.
func TestDjangoAppManyWriters(t *testing.T) {
	dir := copyApp(t, "django")
	db := filepath.Join(t.TempDir(), "elsewhere.sqlite3")
	env := append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1", "SHOP_DB="+db)
	run(t, dir, env, "/usr/bin/python3", "manage.py", "migrate", "--verbosity", "0")
	if _, err := os.Stat(db); err != nil {
		t.Fatalf("SHOP_DB is not used: %v", err)
	}
	const each, writers = 10, 4
	ports := freePorts(t, 3)
	for _, p := range ports {
		start(t, dir, env, p, "/usr/bin/python3", "manage.py", "runserver", addr(p), "--noreload")
	}
	var wg sync.WaitGroup
	c := newClient(t)
	for i, p := range ports {
		for w := range writers {
			wg.Go(func() {
				for n := range each {
					key := fmt.Sprintf("%d-%d-%d", i, w, n)
					if code := c.post(p, "/api/order", url.Values{"key": {key}}); code != http.StatusCreated {
						t.Errorf("order %s: %d", key, code)
					}
					c.get(p, "/")
				}
			})
		}
	}
	wg.Wait()
	if e := c.json(ports[0], "/executions"); e["total"] != float64(each*writers*len(ports)) {
		t.Errorf("%v executions, want %d", e["total"], each*writers*len(ports))
	}
}

func TestNodeApp(t *testing.T) {
	p := freePorts(t, 1)[0]
	env := append(os.Environ(), "PORT="+strconv.Itoa(p), "HOST=127.0.0.1")
	start(t, copyApp(t, "node"), env, p, "node", "server.js")
	says(t, p)
}

func TestPHPApp(t *testing.T) {
	p := freePorts(t, 1)[0]
	start(t, copyApp(t, "php"), os.Environ(), p, "php", "-S", addr(p), "-t", ".")
	says(t, p)
}

// says checks that the app on port p names its own port, not the one in Host.
func says(t *testing.T, p int) {
	t.Helper()
	c := newClient(t)
	s := c.json(p, "/state")
	if s["port"] != float64(p) || s["host"] != frontHost {
		t.Errorf("state %v, want port %d and host %s", s, p, frontHost)
	}
	if got := between(c.get(p, "/"), `id="port"`, "/h1>"); !strings.Contains(got, ">"+strconv.Itoa(p)+"<") {
		t.Errorf("the page shows %q, want %d", got, p)
	}
}

// copyApp copies an app's folder, because apps write next to themselves.
func copyApp(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "apps", name))); err != nil {
		t.Fatal(err)
	}
	return dir
}

func addr(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// freePorts finds n ports in a row. They lie below the range from which the kernel gives clients theirs (ip(7),
// ip_local_port_range): there, any program's next connection can take a port between this look and the app's start.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	for range 1000 {
		first := 30000 + rand.IntN(2700)
		if !blockIsFree(first, n) {
			continue
		}
		ports := make([]int, n)
		for i := range ports {
			ports[i] = first + i
		}
		return ports
	}
	t.Fatalf("cannot find %d free ports in a row", n)
	return nil
}

// blockIsFree tells whether n ports from first can all be listened on.
func blockIsFree(first, n int) bool {
	for p := first; p < first+n; p++ {
		l, err := net.Listen("tcp", addr(p))
		if err != nil {
			return false
		}
		defer l.Close() // all are held at once
	}
	return true
}

func run(t *testing.T, dir string, env []string, argv ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = dir, env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", argv, err, out)
	}
}

// process is an app, or lbdev, that runs until the test ends.
type process struct {
	cmd    *exec.Cmd
	out    bytes.Buffer // read it after exited
	exited chan struct{}
}

// start runs argv until the test ends and returns when something listens on port.
func start(t *testing.T, dir string, env []string, port int, argv ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(argv[0], argv[1:]...), exited: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = dir, env, &p.out, &p.out
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("cannot start %q: %v; `make tools` says what to install", argv, err)
	}
	go func() { p.cmd.Wait(); close(p.exited) }()
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		<-p.exited
		if t.Failed() {
			t.Logf("%q printed:\n%s", argv, p.out.String())
		}
	})
	p.waitFor(t, port)
	return p
}

func listens(port int) bool {
	conn, err := net.Dial("tcp", addr(port))
	if err == nil {
		conn.Close()
	}
	return err == nil
}

// waitFor returns when something listens on port.
func (p *process) waitFor(t *testing.T, port int) {
	t.Helper()
	p.until(t, fmt.Sprintf("port %d to be listened on", port), func() bool { return listens(port) })
}

// until polls ok for at most a minute, and fails the test when that is over or the process has ended.
func (p *process) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for !ok() {
		select {
		case <-poll.C:
		case <-p.exited:
			t.Fatalf("waiting for %s: the process ended: %v", what, p.cmd.ProcessState)
		case <-deadline.C:
			t.Fatalf("waiting for %s: not after a minute", what)
		}
	}
}

// client sends requests to a worker the way the front passes them on: with the Host that the browser used.
type client struct {
	t    *testing.T
	http *http.Client
}

func newClient(t *testing.T) *client {
	return &client{t: t, http: &http.Client{Timeout: time.Minute}}
}

// do follows a redirect by hand: its Location is relative, but http.Client would resolve it against Host's port.
func (c *client) do(method string, port int, path string, form url.Values) (int, string) {
	c.t.Helper()
	r, err := http.NewRequest(method, "http://"+addr(port)+path, strings.NewReader(form.Encode()))
	if err != nil {
		c.t.Error(err)
		return 0, ""
	}
	r.Host = frontHost
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "http://"+frontHost)
	}
	resp, err := c.noRedirect().Do(r)
	if err != nil {
		c.t.Error(err)
		return 0, ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Error(err)
	}
	if location := resp.Header.Get("Location"); location != "" {
		return c.do(http.MethodGet, port, location, nil)
	}
	return resp.StatusCode, string(body)
}

func (c *client) noRedirect() *http.Client {
	plain := *c.http
	plain.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &plain
}

func (c *client) get(port int, path string) string {
	c.t.Helper()
	code, body := c.do(http.MethodGet, port, path, nil)
	if code != http.StatusOK {
		c.t.Errorf("GET %s on port %d: %d\n%s", path, port, code, body)
	}
	return body
}

func (c *client) post(port int, path string, form url.Values) int {
	c.t.Helper()
	code, _ := c.do(http.MethodPost, port, path, form)
	return code
}

func (c *client) json(port int, path string) map[string]any {
	c.t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(c.get(port, path)), &m); err != nil {
		c.t.Errorf("GET %s: %v", path, err)
	}
	return m
}

// between returns the text after the first before, up to the next after.
func between(text, before, after string) string {
	_, rest, _ := strings.Cut(text, before)
	found, _, _ := strings.Cut(rest, after)
	return found
}
