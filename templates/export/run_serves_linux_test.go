package export

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// TestExportsServe runs the exports that are a front over running workers, as a reader would.
func TestExportsServe(t *testing.T) {
	for _, target := range fronts {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			copies := map[int]*workerCopy{}
			c := Cluster{Name: "My shop!", Listen: []string{fmt.Sprintf("127.0.0.1:%d", freePort(t))}}
			for n := 1; n <= 3; n++ {
				w := startCopy(t, 0)
				copies[w.port] = w
				c.Workers = append(c.Workers, Worker{Number: n, Port: w.port, Weight: 1})
			}
			startFront(t, target, c)
			f := newFront(t, target, c)
			t.Run("balances", func(t *testing.T) { f.balances(t, copies) })
			t.Run("tells workers the truth", func(t *testing.T) { f.truth(t, copies) })
			t.Run("bodies", f.bodies)
			t.Run("event streams", func(t *testing.T) { f.events(t, copies) })
			t.Run("upgrade", f.upgrade)
			t.Run("a dead worker", func(t *testing.T) { f.failover(t, copies, c.Workers[1].Port) })
		})
	}
}

// A front is a program that runs an export.
type front struct {
	target  string
	address string
	client  *http.Client
}

func newFront(t *testing.T, target string, c Cluster) *front {
	f := &front{target: target, address: c.Listen[0], client: &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{}}}
	t.Cleanup(f.client.CloseIdleConnections)
	return f
}

// by is who served, as the front says. Traefik cannot say it, and passes on what the worker says.
func (f *front) by(answer *http.Response) string {
	if f.target == "traefik" {
		return answer.Header.Get("X-Served-By")
	}
	return answer.Header.Get("X-Lbdev-Worker")
}

func (f *front) do(t *testing.T, method, path, body string, fields ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+f.address+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(fields); i += 2 {
		r.Header.Set(fields[i], fields[i+1])
	}
	r.Host = "shop.example:81"
	answer, err := f.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(text)
}

// balances: twelve requests, four for each of three; what the header says is who served.
func (f *front) balances(t *testing.T, copies map[int]*workerCopy) {
	counts := map[string]int{}
	for range 12 {
		answer, text := f.do(t, "GET", "/", "")
		if answer.StatusCode != 200 || f.by(answer) != text || len(answer.Header.Values("X-Lbdev-Worker")) != 1 {
			t.Fatalf("%d by %q, and the header says %q", answer.StatusCode, text, answer.Header.Values("X-Lbdev-Worker"))
		}
		counts[text]++
	}
	for port := range copies {
		if counts[fmt.Sprint(port)] != 4 {
			t.Errorf("12 requests went %v, want 4 each", counts)
			break
		}
	}
	if answer, _ := f.do(t, "GET", "/missing", ""); answer.StatusCode != 404 || len(f.by(answer)) < 4 {
		t.Errorf("a 404 has the status %d and the worker %q", answer.StatusCode, f.by(answer))
	}
}

// truth: Host and path arrive as sent; who the client is does not depend on what it says.
func (f *front) truth(t *testing.T, copies map[int]*workerCopy) {
	answer, _ := f.do(t, "GET", "/a%2Fb//c?q=%20", "", "X-Forwarded-For", "6.6.6.6", "X-Forwarded-Proto", "gopher", "X-Forwarded-Host", "evil.example",
		"X-Forwarded-Port", "666", "X-Forwarded-Server", "evil.example", "X-Real-IP", "6.6.6.6", "Forwarded", "for=6.6.6.6")
	for _, w := range copies {
		if fmt.Sprint(w.port) != f.by(answer) {
			continue
		}
		want := map[string]string{"Host": "shop.example:81", "URI": "/a%2Fb//c?q=%20", "X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http",
			"X-Forwarded-Host": "shop.example:81", "X-Forwarded-Port": "", "X-Real-Ip": "", "Forwarded": ""}
		if f.target == "traefik" { // says more, and that is true
			want["X-Forwarded-Port"], want["X-Real-Ip"] = "81", "127.0.0.1"
			want["X-Forwarded-Server"], _ = os.Hostname()
		}
		for name, value := range want {
			if got, _ := w.heads.Load(name); got != value {
				t.Errorf("%s is %q, want %q", name, got, value)
			}
		}
		return
	}
	t.Errorf("nobody answered: %q", f.by(answer))
}

func (f *front) bodies(t *testing.T) {
	large := strings.Repeat("0123456789abcdef", 1<<17) // 2 MB: more than nginx takes by itself
	if answer, text := f.do(t, "POST", "/", large); answer.StatusCode != 200 || text != large {
		t.Errorf("a body of %d bytes: %d, and %d bytes came back", len(large), answer.StatusCode, len(text))
	}
}

// events: the first event is here while the answer goes on.
func (f *front) events(t *testing.T, copies map[int]*workerCopy) {
	defer func() {
		for _, w := range copies {
			close(w.quiet)
		}
	}()
	answer, err := f.client.Get("http://" + f.address + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if line, err := bufio.NewReader(answer.Body).ReadString('\n'); err != nil || line != "data: first\n" {
		t.Errorf("got %q, %v", line, err)
	}
}

// upgrade: what follows the 101 of a WebSocket goes through as it is.
func (f *front) upgrade(t *testing.T) {
	conn, err := net.Dial("tcp", f.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	in := bufio.NewReader(conn)
	answer, err := http.ReadResponse(in, nil)
	if err != nil || answer.StatusCode != 101 {
		t.Fatalf("got %v, %v", answer, err)
	}
	fmt.Fprintf(conn, "hello\n")
	line, err := in.ReadString('\n')
	by, _, _ := strings.Cut(line, " says hello\n")
	if err != nil || len(by) < 4 || by == line {
		t.Errorf("got %q, %v", line, err)
	}
	if said := answer.Header.Get("X-Lbdev-Worker"); said != by && (f.target == "nginx" || f.target == "haproxy") { // the others add nothing to a 101
		t.Errorf("%s answered, and the header says %q", by, said)
	}
}

// mourn asks until a death is over. Traefik does not ask another worker when a kept connection turns out to have ended just then: it costs
// as many requests as it kept connections, and clients here have one after the other. The other programs lose none.
func (f *front) mourn(t *testing.T) {
	t.Helper()
	if f.target != "traefik" {
		return
	}
	lost := 0
	for good := 0; good < 10; good++ {
		if answer, _ := f.do(t, "GET", "/", ""); answer.StatusCode != 200 {
			good, lost = -1, lost+1
		}
		if lost > 4 {
			t.Fatalf("%d requests were lost", lost)
		}
	}
}

// failover: one worker is gone; no GET fails, and a POST that meets the closed port neither. Back again, it serves again.
func (f *front) failover(t *testing.T, copies map[int]*workerCopy, port int) {
	copies[port].server.Close()
	f.mourn(t)
	for i := range 30 {
		method := "GET"
		if i%5 == 4 {
			method = "POST"
		}
		answer, _ := f.do(t, method, "/", "")
		if by := f.by(answer); answer.StatusCode != 200 || by == fmt.Sprint(port) {
			t.Fatalf("%s %d: %d by %q", method, i, answer.StatusCode, by)
		}
	}
	startCopy(t, port)
	deadline := time.Now().Add(10 * time.Second)
	for {
		if answer, _ := f.do(t, "GET", "/", ""); f.by(answer) == fmt.Sprint(port) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("worker %d is back, and gets nothing", port)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
