//go:build linux

package clients

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// python is Debian's.
const python = "/usr/bin/python3"

const pythonServer = `
import http.server, sys
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = b"hello"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), H).serve_forever()
`

// TestOneAtATime: servers that serve one connection at a time never wait behind one that is idle, under a load of clients that
// keep theirs, with health checks on.
func TestOneAtATime(t *testing.T) {
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "server.py"), []byte(pythonServer), 0o600)
	os.WriteFile(filepath.Join(dir, "index.php"), []byte("hello"), 0o600)
	for name, command := range map[string][]string{
		"python": {python, filepath.Join(dir, "server.py"), "{port}"},
		"php":    {"php", "-S", "127.0.0.1:{port}", "-t", dir},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := up(t, append([]string{"-n", "2"}, healthChecks...), command)
			const clients = 16
			d := 2 * time.Second
			if soak {
				d = time.Minute
			}
			var mu sync.Mutex
			var took []time.Duration
			var group sync.WaitGroup
			end := time.Now().Add(d)
			for range clients {
				group.Go(func() {
					c := &http.Client{Transport: &http.Transport{}, Timeout: patience}
					defer c.CloseIdleConnections()
					for time.Now().Before(end) {
						began := time.Now()
						status, text, _, err := answer(c.Get(f.url + "/"))
						if status != 200 || text != "hello" || err != nil {
							t.Errorf("%d %q %v", status, text, err)
						}
						mu.Lock()
						took = append(took, time.Since(began))
						mu.Unlock()
						time.Sleep(time.Millisecond)
					}
				})
			}
			group.Wait()
			slices.Sort(took)
			longest := took[len(took)-1]
			t.Logf("%d requests, half of them within %v, the longest took %v", len(took), took[len(took)/2], longest)
			if longest > 4*time.Second { // behind idle connections it is three times that
				t.Errorf("one took %v", longest)
			}
			f.wantNoFailure()
		})
	}
}

const nodeServer = `
const server = require("http").createServer((req, res) => res.end("hello"))
server.keepAliveTimeout = Number(process.argv[3])
server.listen(Number(process.argv[2]), "127.0.0.1")
`

// TestIdleClose sends each request in the moment in which Node closes the connection of the one before for being idle: none fails.
func TestIdleClose(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "server.js"), []byte(nodeServer), 0o600)
	every, rounds := 500*time.Millisecond, 5
	if soak {
		every, rounds = 5*time.Second, 5
	}
	f := up(t, []string{"-n", "1"}, []string{"node", filepath.Join(dir, "server.js"), "{port}", fmt.Sprint(every.Milliseconds())})
	const clients = 40
	var group sync.WaitGroup
	for i := range clients {
		group.Go(func() {
			c := &http.Client{Transport: &http.Transport{}, Timeout: patience}
			defer c.CloseIdleConnections()
			next := time.Now().Add(time.Duration(i) * every / clients / 10) // close around the moment itself
			for range rounds {
				time.Sleep(time.Until(next))
				next = next.Add(every)
				for _, method := range []string{"GET", "POST"} {
					r, _ := http.NewRequest(method, f.url+"/", nil)
					if status, text, _, err := answer(c.Do(r)); status != 200 || text != "hello" || err != nil {
						t.Errorf("%s: %d %q %v", method, status, text, err)
					}
				}
			}
		})
	}
	group.Wait()
	f.wantNoFailure()
	t.Logf("%+v", f.ps().Requests)
}

// healthChecks ask each worker all the time.
var healthChecks = []string{"--health-path", "/", "--health-interval", "100ms"}
