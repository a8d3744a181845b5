package export

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A workerCopy is a worker: a small server that says who it is.
type workerCopy struct {
	port   int
	server *http.Server
	served atomic.Int64
	heads  sync.Map      // X-Forwarded-For and its like, as they came last
	quiet  chan struct{} // closed: event streams end. Apache does not see that a client has gone before it has something for it
	health atomic.Int64  // the status of /healthz; 0 = 200
}

// startCopy listens on a free port, or on one that is given.
func startCopy(t *testing.T, port int) *workerCopy {
	t.Helper()
	if port == 0 {
		return serveCopy(t, listenFree(t))
	}
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	return serveCopy(t, listener)
}

func serveCopy(t *testing.T, listener net.Listener) *workerCopy {
	c := &workerCopy{port: portOf(listener)}
	c.quiet = make(chan struct{})
	c.server = &http.Server{Handler: c}
	go c.server.Serve(listener)
	t.Cleanup(func() { c.server.Close() })
	return c
}

func (c *workerCopy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.served.Add(1)
	for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Server", "X-Real-Ip", "Forwarded"} {
		c.heads.Store(name, strings.Join(r.Header.Values(name), "|"))
	}
	c.heads.Store("Host", r.Host)
	c.heads.Store("URI", r.RequestURI)
	w.Header().Set("X-Lbdev-Worker", "a lie")
	w.Header().Set("X-Served-By", strconv.Itoa(c.port))
	switch {
	case r.Header.Get("Upgrade") == "websocket":
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
		rw.Flush()
		line, _ := rw.ReadString('\n')
		fmt.Fprintf(conn, "%d says %s", c.port, line)
	case r.URL.Path == "/events":
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "data: first\n\n")
		http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
		case <-c.quiet:
		}
	case r.URL.Path == "/die": // with the request, as a killed process does
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			conn.Close()
		}
	case r.URL.Path == "/healthz" && c.health.Load() != 0:
		w.WriteHeader(int(c.health.Load()))
	case r.URL.Path == "/missing":
		http.NotFound(w, r)
	case r.Method == http.MethodPost: // read whole before the answer begins: Caddy cuts one that begins earlier
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Write(body)
	default:
		fmt.Fprintf(w, "%d", c.port)
	}
}

// program is where a server's program is; Debian keeps it out of a user's PATH.
func program(t *testing.T, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	path := filepath.Join("/usr/sbin", name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("cannot find %s; scripts/tools test installs it", name)
	}
	return path
}

// write puts an export into a folder of its own.
func write(t *testing.T, target string, c Cluster, o Options) string {
	t.Helper()
	files, err := Render(target, c, o)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if os.Getuid() == 0 {
		os.Chmod(dir, 0o755) // programs that root starts become somebody else
		os.Chmod(filepath.Dir(dir), 0o755)
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.Name), []byte(f.Text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// fronts are the targets that run over workers. The long version of the tests has Traefik too (traefik_soak_test.go).
var fronts = []string{"nginx", "haproxy", "apache", "caddy"}

// How each program checks an export, and runs it.
var programs = map[string]struct {
	name       string
	check, run []string
	ready      func(*testing.T, Cluster) // waits for more than that it listens; nil = that is all
}{
	"nginx":   {"nginx", []string{"-t", "-p", "DIR", "-c", "nginx.conf"}, []string{"-p", "DIR", "-c", "nginx.conf", "-g", "daemon off;"}, nil},
	"haproxy": {"haproxy", []string{"-c", "-f", "haproxy.cfg"}, []string{"-db", "-f", "haproxy.cfg"}, nil},
	"apache":  {"apache2", []string{"-t", "-d", "DIR", "-f", "httpd.conf"}, []string{"-d", "DIR", "-f", "httpd.conf", "-DFOREGROUND"}, nil},
	"caddy":   {"caddy", []string{"validate", "--adapter", "caddyfile", "--config", "Caddyfile"}, []string{"run", "--config", "Caddyfile"}, nil},
}

func command(t *testing.T, target, dir string, args []string) *exec.Cmd {
	t.Helper()
	p := programs[target]
	for i, arg := range args {
		if arg == "DIR" {
			args = append(append(append([]string(nil), args[:i]...), dir), args[i+1:]...)
		}
	}
	cmd := exec.Command(program(t, p.name), args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir, "CADDY_ADMIN=unix//"+dir+"/admin")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// startFront runs the complete export of a target and ends it with the test, which fails if anything is left. In the folder that it returns
// there are the files, and what the program said.
func startFront(t *testing.T, target string, c Cluster) (dir string) {
	t.Helper()
	dir = write(t, target, c, Options{})
	args := programs[target].run
	if target == "nginx" && c.TCP { // Debian has it as a module
		args = append([]string{"-g", "load_module /usr/lib/nginx/modules/ngx_stream_module.so; daemon off;"}, args[:len(args)-2]...)
	}
	cmd := command(t, target, dir, args)
	said, err := os.Create(filepath.Join(dir, "said"))
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			t.Errorf("%s did not end", target)
		}
		deadline := time.Now().Add(5 * time.Second)
		for !errors.Is(syscall.Kill(-cmd.Process.Pid, 0), syscall.ESRCH) {
			if time.Now().After(deadline) {
				t.Errorf("%s left processes", target)
				syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if t.Failed() {
			text, _ := os.ReadFile(said.Name())
			t.Logf("%s said:\n%s", target, text)
		}
	})
	deadline := time.Now().Add(20 * time.Second)
	for {
		conn, err := net.Dial("tcp", c.Listen[0])
		if err == nil {
			conn.Close()
			if ready := programs[target].ready; ready != nil {
				ready(t, c)
			}
			return dir
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%s ended: %v", target, err)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not listen on %s", target, c.Listen[0])
		}
	}
}

// Ports are given away one after the other. They are lower than those that the system has for who asks for any, also for the near end of a
// connection: what is let go and taken again stays free meanwhile. Other packages have other ranges.
const (
	firstPort = 29540
	ports     = 460
)

// nextPort counts them. Another run of the tests begins elsewhere.
var nextPort atomic.Int64

func init() { nextPort.Store(int64(os.Getpid()) * 61) }

// listenFree listens on a port that nobody has.
func listenFree(t *testing.T) net.Listener {
	t.Helper()
	for range ports {
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", firstPort+nextPort.Add(1)%ports))
		if err == nil {
			return listener
		}
	}
	t.Fatal("cannot find a free port")
	return nil
}

func portOf(listener net.Listener) int { return listener.Addr().(*net.TCPAddr).Port }

// freePort is a port that nobody has.
func freePort(t *testing.T) int {
	t.Helper()
	syscall.ForkLock.RLock() // a child that is just being made would have the listener, too, until it runs its program
	defer syscall.ForkLock.RUnlock()
	listener := listenFree(t)
	defer listener.Close()
	return portOf(listener)
}

// awaitListener waits until somebody listens there. It asks by connecting: who tries to listen takes the port from who is about to.
func awaitListener(t *testing.T, address string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}
