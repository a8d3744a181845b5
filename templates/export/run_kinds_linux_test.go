package export

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// crew starts n workers, and is a cluster of them on a free port.
func crew(t *testing.T, n int) (Cluster, map[int]*workerCopy) {
	t.Helper()
	c := Cluster{Name: "shop", Listen: []string{fmt.Sprintf("127.0.0.1:%d", freePort(t))}}
	copies := map[int]*workerCopy{}
	for i := range n {
		w := startCopy(t, 0)
		copies[w.port] = w
		c.Workers = append(c.Workers, Worker{Number: i + 1, Port: w.port, Weight: 1})
	}
	return c, copies
}

// serve runs an export of the cluster.
func serve(t *testing.T, target string, c Cluster) *front {
	t.Helper()
	startFront(t, target, c)
	return newFront(t, target, c)
}

// tally is how many of n requests each worker had.
func (f *front) tally(t *testing.T, n int, fields ...string) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for range n {
		answer, text := f.do(t, "GET", "/", "", fields...)
		if answer.StatusCode != 200 || f.by(answer) != text {
			t.Fatalf("%d by %q, and the header says %q", answer.StatusCode, text, f.by(answer))
		}
		counts[text]++
	}
	return counts
}

func each(t *testing.T, targets []string, test func(t *testing.T, target string)) {
	for _, target := range targets {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			test(t, target)
		})
	}
}

// TestExportsShare: weights, a drained worker and a backup count as they do in lbdev.
func TestExportsShare(t *testing.T) {
	each(t, fronts, func(t *testing.T, target string) {
		c, copies := crew(t, 4)
		c.Workers[0].Weight, c.Workers[1].Down = 3, true
		if target == "caddy" { // has no backups
			c.Workers[2].Weight = 0
		} else {
			c.Workers[2].Backup = true
		}
		if target == "traefik" { // whose backups go by checks
			c.HealthPath, c.HealthEvery = "/healthz", time.Minute
		}
		f := serve(t, target, c)
		counts := f.tally(t, 16)
		if counts[fmt.Sprint(c.Workers[0].Port)] != 12 || counts[fmt.Sprint(c.Workers[3].Port)] != 4 {
			t.Errorf("16 requests went %v, want 12 to %d and 4 to %d", counts, c.Workers[0].Port, c.Workers[3].Port)
		}
		if target == "caddy" {
			return
		}
		copies[c.Workers[0].Port].server.Close()
		copies[c.Workers[3].Port].server.Close()
		f.mourn(t)
		if counts := f.tally(t, 6); counts[fmt.Sprint(c.Workers[2].Port)] != 6 {
			t.Errorf("the backup %d alone is left: %v", c.Workers[2].Port, counts)
		}
	})
}

// TestExportsStick: a client stays at its worker by the balancer's cookie, and gets another one when that is gone.
func TestExportsStick(t *testing.T) {
	each(t, fronts, func(t *testing.T, target string) {
		c, copies := crew(t, 3)
		c.Sticky, c.Cookie = "cookie", "lbdev_test"
		f := serve(t, target, c)
		if without := f.tally(t, 30); len(without) < 2 {
			t.Errorf("clients without a cookie went %v", without)
		}
		f.client.Jar, _ = cookiejar.New(nil)
		home := ""
		for port := range f.tally(t, 1) {
			home = port
		}
		if counts := f.tally(t, 10); counts[home] != 10 {
			t.Fatalf("the client of %s went %v", home, counts)
		}
		for port, w := range copies {
			if fmt.Sprint(port) == home {
				w.server.Close()
			}
		}
		f.mourn(t)
		for port := range f.tally(t, 1) {
			home = port
		}
		if counts := f.tally(t, 10); counts[home] != 10 {
			t.Errorf("the client whose worker has gone, and who is at %s now, went %v", home, counts)
		}
	})
}

// TestExportsRoute: the end of the app's session names the worker, in its cookie or in the path.
func TestExportsRoute(t *testing.T) {
	each(t, []string{"nginx", "haproxy", "apache", "caddy"}, func(t *testing.T, target string) {
		c, copies := crew(t, 3)
		c.Sticky = "route:JSESSIONID"
		f := serve(t, target, c)
		for _, w := range c.Workers {
			session := fmt.Sprintf("JSESSIONID=1A2B.w%d", w.Number)
			if counts := f.tally(t, 6, "Cookie", "a=b; "+session); counts[fmt.Sprint(w.Port)] != 6 {
				t.Errorf("sessions of %d went %v", w.Port, counts)
			}
			for range 3 {
				if _, text := f.do(t, "GET", "/cart;jsessionid=1A2B.w"+fmt.Sprint(w.Number), ""); text != fmt.Sprint(w.Port) {
					t.Errorf("a path of %d went to %s", w.Port, text)
				}
			}
		}
		if counts := f.tally(t, 9); len(counts) != 3 {
			t.Errorf("requests without a session went %v", counts)
		}
		copies[c.Workers[1].Port].server.Close()
		if counts := f.tally(t, 6, "Cookie", "JSESSIONID=1A2B.w2"); counts[fmt.Sprint(c.Workers[1].Port)] != 0 {
			t.Errorf("sessions of a dead worker went %v", counts)
		}
	})
}

// TestExportsRepeat: a worker dies with a request. A GET goes on to others, but with Apache, which repeats nothing that it has sent, and with
// Traefik, which sends it to the same worker again if the connection was not new; a POST may have been run, and is sent once.
func TestExportsRepeat(t *testing.T) {
	each(t, fronts, func(t *testing.T, target string) {
		c, copies := crew(t, 3)
		f := serve(t, target, c)
		// On a connection that had a request before, Apache would answer nothing and close it, so that the client asks again.
		f.client.Transport = &http.Transport{DisableKeepAlives: true}
		had := func() (n int64) {
			for _, w := range copies {
				n += w.served.Load()
			}
			return n
		}
		before := had()
		answer, _ := f.do(t, "POST", "/die", "order=1")
		if n := had() - before; answer.StatusCode < 500 || n != 1 {
			t.Errorf("the POST has %d, and was run %d times", answer.StatusCode, n)
		}
		before = had()
		answer, _ = f.do(t, "GET", "/die", "")
		if n := had() - before; answer.StatusCode < 500 || (n == 1) != (target == "apache") && target != "traefik" || n > 2 && target == "traefik" {
			t.Errorf("the GET has %d, and was run %d times", answer.StatusCode, n)
		}
	})
}

// certificateFor makes a certificate as a target wants it, in a folder of that name.
func certificateFor(t *testing.T, target, folder string) (cert, key string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "lbdev-export") // not below a folder that is closed to whom root becomes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	os.Chmod(dir, 0o755)
	cert, key = certificate(t, filepath.Join(dir, folder))
	if target == "haproxy" {
		both := filepath.Join(dir, folder, "both.pem")
		join(t, both, cert, key)
		return both, ""
	}
	return cert, key
}

// TestExportsTLS: https, and workers are told so.
func TestExportsTLS(t *testing.T) {
	each(t, fronts, func(t *testing.T, target string) {
		c, copies := crew(t, 2)
		c.TLSCert, c.TLSKey = certificateFor(t, target, "my shop")
		f := serve(t, target, c)
		client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
		defer client.CloseIdleConnections()
		answer, err := client.Get("https://" + f.address + "/")
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil || f.by(answer) != string(text) {
			t.Errorf("%v, by %q, and the header says %q", err, text, f.by(answer))
		}
		for port, w := range copies {
			if fmt.Sprint(port) == string(text) {
				if proto, _ := w.heads.Load("X-Forwarded-Proto"); proto != "https" {
					t.Errorf("the worker is told %q", proto)
				}
			}
		}
	})
}

// TestExportsSockets: workers that listen on sockets.
func TestExportsSockets(t *testing.T) {
	each(t, []string{"nginx", "haproxy", "apache", "caddy"}, func(t *testing.T, target string) {
		dir, err := os.MkdirTemp("", "lbdev-export") // short, and open to whom root becomes
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		os.Chmod(dir, 0o755)
		c := Cluster{Name: "shop", Listen: []string{fmt.Sprintf("127.0.0.1:%d", freePort(t))}}
		for n := 1; n <= 3; n++ {
			w := &workerCopy{port: 8000 + n, quiet: make(chan struct{})}
			path := filepath.Join(dir, fmt.Sprintf("w%d.sock", n))
			listener, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			os.Chmod(path, 0o666)
			w.server = &http.Server{Handler: w}
			go w.server.Serve(listener)
			t.Cleanup(func() { w.server.Close() })
			c.Workers = append(c.Workers, Worker{Number: n, Port: w.port, Socket: path, Weight: 1})
		}
		if counts := serve(t, target, c).tally(t, 12); counts["8001"] != 4 || counts["8002"] != 4 || counts["8003"] != 4 {
			t.Errorf("12 requests went %v", counts)
		}
	})
}

// TestExportsConnections: mode tcp, over workers that speak something else.
func TestExportsConnections(t *testing.T) {
	each(t, []string{"nginx", "haproxy"}, func(t *testing.T, target string) {
		c := Cluster{Name: "shop", TCP: true, Listen: []string{fmt.Sprintf("127.0.0.1:%d", freePort(t))}}
		for n := 1; n <= 3; n++ {
			listener := listenFree(t)
			t.Cleanup(func() { listener.Close() })
			port := portOf(listener)
			go func() {
				for {
					conn, err := listener.Accept()
					if err != nil {
						return
					}
					go func() {
						defer conn.Close()
						if line, err := bufio.NewReader(conn).ReadString('\n'); err == nil {
							fmt.Fprintf(conn, "%d heard %s", port, line)
						}
					}()
				}
			}()
			c.Workers = append(c.Workers, Worker{Number: n, Port: port, Weight: 1})
			if n == 2 {
				listener.Close() // one is dead from the first
			}
		}
		startFront(t, target, c)
		counts := map[string]int{}
		for range 12 {
			conn, err := net.Dial("tcp", c.Listen[0])
			if err != nil {
				t.Fatal(err)
			}
			conn.SetDeadline(time.Now().Add(10 * time.Second))
			fmt.Fprintf(conn, "hello\n")
			line, err := bufio.NewReader(conn).ReadString('\n')
			conn.Close()
			port, _, ok := strings.Cut(line, " heard hello")
			if err != nil || !ok {
				t.Fatalf("got %q, %v", line, err)
			}
			counts[port]++
		}
		if len(counts) != 2 {
			t.Errorf("12 connections went %v", counts)
		}
	})
}

// TestExportsEdge: the PROXY protocol's header says who the client is, the redirect leads to https, and a worker gets no more requests at
// a time than it may have.
func TestExportsEdge(t *testing.T) {
	each(t, fronts, func(t *testing.T, target string) {
		c, copies := crew(t, 2)
		c.TLSCert, c.TLSKey = certificateFor(t, target, "shop")
		c.Redirect, c.ProxyHeader = fmt.Sprintf("127.0.0.1:%d", freePort(t)), target != "caddy" // which reads no such header
		f := serve(t, target, c)
		dial := func(address string) net.Conn {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			conn.SetDeadline(time.Now().Add(10 * time.Second))
			if c.ProxyHeader {
				fmt.Fprintf(conn, "PROXY TCP4 192.0.2.7 127.0.0.1 4711 443\r\n")
			}
			return conn
		}
		awaitListener(t, c.Redirect) // which the program opens after the other address, or before
		plain := dial(c.Redirect)
		defer plain.Close()
		fmt.Fprintf(plain, "GET /a%%2Fb?c=d HTTP/1.1\r\nHost: shop.example:8080\r\nConnection: close\r\n\r\n")
		answer, err := http.ReadResponse(bufio.NewReader(plain), nil)
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(c.Listen[0])
		want := "https://shop.example:" + port + "/a%2Fb?c=d"
		status := 308
		if target == "traefik" { // 308 is for other methods
			status = 301
		}
		if to := answer.Header.Get("Location"); answer.StatusCode != status || to != want {
			t.Errorf("got %d to %q, want %d to %q", answer.StatusCode, to, status, want)
		}
		secure := tls.Client(dial(c.Listen[0]), &tls.Config{InsecureSkipVerify: true})
		defer secure.Close()
		fmt.Fprintf(secure, "GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n")
		if answer, err = http.ReadResponse(bufio.NewReader(secure), nil); err != nil {
			t.Fatal(err)
		}
		who := "127.0.0.1"
		if c.ProxyHeader {
			who = "192.0.2.7"
		}
		for port, w := range copies {
			if fmt.Sprint(port) == f.by(answer) {
				if got, _ := w.heads.Load("X-Forwarded-For"); got != who {
					t.Errorf("the client is %q, want %q", got, who)
				}
				return
			}
		}
		t.Errorf("nobody answered: %v", answer)
	})
}
