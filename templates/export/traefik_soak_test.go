//go:build soak && linux

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
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestMain has the real Traefik run what the other fronts run: the program that TRAEFIK names, else one that is built of the module in the
// folder traefik. A first build takes some quarter of an hour of one core's time, so this is part of make soak only.
func TestMain(m *testing.M) {
	name, remove, err := traefikProgram()
	if err != nil {
		fmt.Fprintf(os.Stderr, "cannot build Traefik: %v\n", err)
		os.Exit(1)
	}
	p := programs["traefik"]
	p.name, p.run, p.ready = name, []string{"--configFile=traefik.yml"}, traefikReady
	programs["traefik"] = p
	fronts = append(fronts, "traefik")
	code := m.Run()
	remove()
	os.Exit(code)
}

func traefikProgram() (name string, remove func(), err error) {
	if name := os.Getenv("TRAEFIK"); name != "" {
		return name, func() {}, nil
	}
	dir, err := os.MkdirTemp("", "lbdev-traefik")
	if err != nil {
		return "", nil, err
	}
	remove = func() { os.RemoveAll(dir) }
	name = filepath.Join(dir, "traefik")
	build := exec.Command("go", "build", "-o", name, "tool")
	build.Dir, build.Stderr = "traefik", os.Stderr
	if err := build.Run(); err != nil {
		remove()
		return "", nil, err
	}
	return name, remove, nil
}

// traefikDial connects to a front as its clients do.
func traefikDial(t *testing.T, c Cluster) (net.Conn, error) {
	t.Helper()
	conn, err := net.Dial("tcp", c.Listen[0])
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	if c.ProxyHeader {
		fmt.Fprintf(conn, "PROXY TCP4 192.0.2.7 127.0.0.1 4711 443\r\n")
	}
	if c.TLSCert != "" {
		return tls.Client(conn, &tls.Config{InsecureSkipVerify: true}), nil
	}
	return conn, nil
}

// traefikReady waits until Traefik has read dynamic.yml: it listens before, and knows nothing then. It leaves Traefik at the beginning of a
// round: in each, all have their turns, but every round has its own order.
func traefikReady(t *testing.T, c Cluster) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !traefikKnows(t, c) {
		if time.Now().After(deadline) {
			t.Fatal("Traefik does not find its workers")
		}
		time.Sleep(20 * time.Millisecond)
	}
	for range len(c.Workers) - 1 {
		traefikKnows(t, c)
	}
}

func traefikKnows(t *testing.T, c Cluster) bool {
	t.Helper()
	conn, err := traefikDial(t, c)
	if err != nil {
		return false
	}
	defer conn.Close()
	if c.TCP {
		fmt.Fprintf(conn, "hello\n")
		if plain, ok := conn.(*net.TCPConn); ok {
			plain.CloseWrite()
		}
		line, _ := bufio.NewReader(conn).ReadString('\n')
		return strings.Contains(line, " heard ") || c.Workers[0].Down // of a cluster that has no workers, nothing can be seen
	}
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	return err == nil && answer.StatusCode != http.StatusNotFound
}

// TestTraefikTakes: it finds no fault with any of the files, and takes them all.
func TestTraefikTakes(t *testing.T) {
	samples := sampleClusters()
	for _, tcp := range []bool{false, true} {
		c := plain()
		c.TCP = tcp
		for i := range c.Workers {
			c.Workers[i].Down = true
		}
		samples = append(samples, sampleCluster{name: fmt.Sprintf("nobody, tcp %v", tcp), cluster: c, targets: []string{"traefik"}})
	}
	reserve := plain()
	reserve.Workers[1].Backup = true
	samples = append(samples, sampleCluster{name: "backup without checks", cluster: reserve, targets: []string{"traefik"}})
	for _, s := range samples {
		if !strings.Contains(strings.Join(s.each(), " "), "traefik") {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			c := checkable(t, s)
			c.Workers = append([]Worker(nil), c.Workers...)
			for i := range c.Workers {
				c.Workers[i].Port, _ = startTalker(t, echo)
			}
			dir := startFront(t, "traefik", c)
			text, err := os.ReadFile(filepath.Join(dir, "said"))
			if err != nil || regexp.MustCompile(`(?m)(^| |m)(WRN|ERR|FTL)\b`).Match(text) {
				t.Errorf("%v, Traefik said:\n%s", err, text)
			}
			for _, address := range append(c.Listen, c.Redirect)[1:] {
				if address == "" {
					continue
				}
				conn, err := net.Dial("tcp", address)
				if err != nil {
					t.Error(err)
					continue
				}
				conn.Close()
			}
		})
	}
}

// startTalker is a worker that speaks no HTTP: answer gets each of its connections. After die it takes no more.
func startTalker(t *testing.T, answer func(port int, conn net.Conn)) (port int, die func() error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	port = listener.Addr().(*net.TCPAddr).Port
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				answer(port, conn)
			}()
		}
	}()
	return port, listener.Close
}

// echo answers a line with the port and the line, as soon as it is there.
func echo(port int, conn net.Conn) {
	if line, err := bufio.NewReader(conn).ReadString('\n'); err == nil {
		fmt.Fprintf(conn, "%d heard %s", port, line)
	}
}

// TestTraefikBusy: half of the workers are dead, and many clients at once don't notice, whoever chooses.
func TestTraefikBusy(t *testing.T) {
	for _, policy := range []string{"round-robin", "two-choices", "fastest", "ip-hash"} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			c, copies := crew(t, 4)
			c.Policy = policy
			f := serve(t, "traefik", c)
			f.client.Transport = &http.Transport{MaxIdleConnsPerHost: 20}
			f.tally(t, 20) // so that those who measure know all of them
			copies[c.Workers[1].Port].server.Close()
			copies[c.Workers[2].Port].server.Close()
			f.mourn(t)
			var clients sync.WaitGroup
			for range 20 {
				clients.Go(func() {
					for range 100 {
						answer, err := f.client.Get("http://" + f.address + "/")
						if err != nil {
							t.Error(err)
							return
						}
						io.Copy(io.Discard, answer.Body)
						answer.Body.Close()
						if answer.StatusCode != 200 {
							t.Errorf("a client got %d", answer.StatusCode)
							return
						}
					}
				})
			}
			clients.Wait()
		})
	}
}

// TestTraefikChecks: a worker whose checks fail gets nothing until they succeed; a redirect is an answer. When all are out, it says 503.
func TestTraefikChecks(t *testing.T) {
	c, copies := crew(t, 2)
	c.HealthPath, c.HealthEvery = "/healthz", 200*time.Millisecond
	f := serve(t, "traefik", c)
	other, sick := copies[c.Workers[0].Port], copies[c.Workers[1].Port]
	until := func(what string, is func(counts map[string]int) bool) {
		t.Helper()
		deadline := time.Now().Add(10 * time.Second)
		for {
			counts := f.tally(t, 4)
			if is(counts) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: requests go %v", what, counts)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	alone := func(counts map[string]int) bool { return len(counts) == 1 && counts[fmt.Sprint(other.port)] == 4 }
	both := func(counts map[string]int) bool { return len(counts) == 2 }
	sick.health.Store(500)
	until("it is sick", alone)
	sick.health.Store(http.StatusFound)
	until("it sends checks elsewhere", both)
	sick.health.Store(404)
	other.health.Store(500)
	deadline := time.Now().Add(10 * time.Second)
	for {
		answer, _ := f.do(t, "GET", "/", "")
		if answer.StatusCode == http.StatusServiceUnavailable {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("all are sick, and it says %d", answer.StatusCode)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// TestTraefikLimit: what is larger gets 413, also where nobody says before how large it will be; a body that meets a dead worker reaches
// the next one whole; event streams come at once.
func TestTraefikLimit(t *testing.T) {
	c, copies := crew(t, 2)
	c.MaxBody = 1 << 20
	f := serve(t, "traefik", c)
	large := strings.Repeat("0123456789abcdef", 1<<16+1)
	if answer, _ := f.do(t, "POST", "/", large); answer.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a large body got %d", answer.StatusCode)
	}
	answer, err := f.client.Post("http://"+f.address+"/", "text/plain", io.MultiReader(strings.NewReader(large)))
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a large body of unknown length got %d", answer.StatusCode)
	}
	f.events(t, copies)
	f.upgrade(t)
	copies[c.Workers[0].Port].server.Close()
	f.mourn(t)
	for range 10 {
		if answer, text := f.do(t, "POST", "/", large[:1<<20]); answer.StatusCode != 200 || text != large[:1<<20] {
			t.Fatalf("a body got %d, and %d bytes came back", answer.StatusCode, len(text))
		}
	}
}

// TestTraefikFollows: a changed dynamic.yml holds without a word, and costs nobody anything.
func TestTraefikFollows(t *testing.T) {
	c, copies := crew(t, 3)
	dir := startFront(t, "traefik", c)
	f := newFront(t, "traefik", c)
	stream, err := f.client.Get("http://" + f.address + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	in := bufio.NewReader(stream.Body)
	if line, err := in.ReadString('\n'); err != nil || line != "data: first\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	gone := stream.Header.Get("X-Served-By") // this one is drained, with the stream open
	for i := range c.Workers {
		c.Workers[i].Down = fmt.Sprint(c.Workers[i].Port) == gone
	}
	files, err := Render("traefik", c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, files[1].Name), []byte(files[1].Text), 0o644); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		if counts := f.tally(t, 6); counts[gone] == 0 && len(counts) == 2 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s still gets requests", gone)
		}
	}
	for _, w := range copies {
		close(w.quiet)
	}
	if _, err := io.ReadAll(in); err != nil {
		t.Errorf("the stream of the drained worker: %v", err)
	}
}

// TestTraefikConnections: mode tcp gives connections their turns, and none to a dead worker a second after its death; the end of what a
// client says is not the end of what it hears.
func TestTraefikConnections(t *testing.T) {
	c := Cluster{Name: "shop", TCP: true, Listen: []string{fmt.Sprintf("127.0.0.1:%d", freePort(t))}}
	for n := 1; n <= 2; n++ {
		port, _ := startTalker(t, echo)
		c.Workers = append(c.Workers, Worker{Number: n, Port: port, Weight: 1})
	}
	slow, die := startTalker(t, func(port int, conn net.Conn) {
		text, _ := io.ReadAll(conn)
		time.Sleep(500 * time.Millisecond) // longer than Traefik gives by itself
		fmt.Fprintf(conn, "%d heard %s", port, text)
	})
	c.Workers = append(c.Workers, Worker{Number: 3, Port: slow, Weight: 1})
	startFront(t, "traefik", c)
	ask := func() string {
		conn, err := traefikDial(t, c)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "hello\n")
		conn.(*net.TCPConn).CloseWrite()
		text, _ := io.ReadAll(conn)
		by, _, _ := strings.Cut(string(text), " heard hello\n")
		return by
	}
	counts := map[string]int{}
	for range 9 {
		counts[ask()]++
	}
	for _, w := range c.Workers {
		if counts[fmt.Sprint(w.Port)] != 3 {
			t.Errorf("9 connections went %v, want 3 to each", counts)
			break
		}
	}
	die()
	lost, in := 0, 0
	for deadline := time.Now().Add(10 * time.Second); in < 12; {
		if ask() == "" {
			lost, in = lost+1, 0
		} else {
			in++
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d connections were lost", lost)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// serveBy has a worker served by a server of its own.
func serveBy(t *testing.T, w *workerCopy, server *http.Server) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.port = listener.Addr().(*net.TCPAddr).Port
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
}

// TestTraefikHTTP2: workers that speak HTTP/2 without TLS.
func TestTraefikHTTP2(t *testing.T) {
	c := Cluster{Name: "shop", H2C: true, Listen: []string{fmt.Sprintf("127.0.0.1:%d", freePort(t))}}
	var others sync.Map
	for n := range 2 {
		w := &workerCopy{}
		protocols := new(http.Protocols)
		protocols.SetUnencryptedHTTP2(true)
		serveBy(t, w, &http.Server{Protocols: protocols, Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.ProtoMajor != 2 {
				others.Store(r.Proto, true)
			}
			w.ServeHTTP(rw, r)
		})})
		c.Workers = append(c.Workers, Worker{Number: n + 1, Port: w.port, Weight: 1})
	}
	if counts := serve(t, "traefik", c).tally(t, 500); len(counts) != 2 { // where it may retry, some of the answers get lost
		t.Errorf("500 requests went %v", counts)
	}
	others.Range(func(proto, _ any) bool { t.Errorf("a worker was asked by %v", proto); return true })
}

// TestTraefikSays: the log names the worker, a query keeps its parameters, and an idle connection ends before a worker would end it.
func TestTraefikSays(t *testing.T) {
	w := &workerCopy{}
	idle := make(chan time.Duration, 100)
	var since sync.Map
	serveBy(t, w, &http.Server{Handler: w, ConnState: func(conn net.Conn, state http.ConnState) {
		switch state {
		case http.StateIdle:
			since.Store(conn, time.Now())
		case http.StateClosed:
			if at, ok := since.Load(conn); ok {
				idle <- time.Since(at.(time.Time))
			}
		}
	}})
	c := Cluster{Name: "shop", Listen: []string{fmt.Sprintf("127.0.0.1:%d", freePort(t))}, Workers: []Worker{{Number: 1, Port: w.port, Weight: 1}}}
	dir := startFront(t, "traefik", c)
	f := newFront(t, "traefik", c)
	f.do(t, "GET", "/a?b=1;c=2&d=%20", "")
	if uri, _ := w.heads.Load("URI"); uri != "/a?b=1%3Bc=2&d=%20" {
		t.Errorf("the worker is asked for %v", uri)
	}
	f.do(t, "GET", "/x/../a//b/./c", "")
	if uri, _ := w.heads.Load("URI"); uri != "/x/../a//b/./c" {
		t.Errorf("the worker is asked for %v", uri)
	}
	for took := time.Duration(0); took < 3*time.Second; { // when it has read its file again, it begins with new connections
		select {
		case took = <-idle:
			if took > 5*time.Second {
				t.Errorf("an idle connection ended after %v, want 4 s", took)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("an idle connection stays")
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "said"))
	want := fmt.Sprintf(`"GET /a\S* HTTP/1.1" 200 .*"http://127.0.0.1:%d" \d+ms\n`, w.port)
	if err != nil || !regexp.MustCompile(want).Match(text) {
		t.Errorf("%v, the log does not have %s:\n%s", err, want, text)
	}
}

// TestTraefikKeeps: a client that is kept somewhere by a cookie goes on when its worker has gone, with checks and without, while others
// are served too.
func TestTraefikKeeps(t *testing.T) {
	for _, path := range []string{"", "/healthz"} {
		t.Run("checks at "+path, func(t *testing.T) {
			t.Parallel()
			c, copies := crew(t, 2)
			c.Sticky, c.Cookie, c.HealthPath, c.HealthEvery = "cookie", "lbdev_test", path, time.Minute
			f := serve(t, "traefik", c)
			f.client.Jar, _ = cookiejar.New(nil)
			home := 0
			for port := range f.tally(t, 1) {
				fmt.Sscan(port, &home)
			}
			copies[home].server.Close()
			f.mourn(t)
			f.tally(t, 20)
		})
	}
}
