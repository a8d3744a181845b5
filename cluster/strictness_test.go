package cluster

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lbdev/lbdev/procs/misbehave"
)

var update = flag.Bool("update", false, "write docs/strictness.md anew")

// strictnessDoc lists the differences between the fronts.
const strictnessDoc = "../docs/strictness.md"

// lastRequest is sent behind every case. Its answer says that the front still knows where requests begin.
const lastRequest = "GET /last HTTP/1.1\r\nHost: last\r\nConnection: close\r\n\r\n"

// TestStrictness sends every case to lbdev, nginx and HAProxy, in front of the same worker. What lbdev does must be what the
// table says; what the others do differently must be in the document, with the reason.
func TestStrictness(t *testing.T) {
	cases := rawCases()
	if len(cases) < 300 {
		t.Fatalf("the table has only %d cases", len(cases))
	}
	names := map[string]bool{}
	for _, c := range cases {
		if names[c.name] {
			t.Errorf("two cases are called %q", c.name)
		}
		names[c.name] = true
	}
	r := open(t, Config{Command: misbehave.Argv("serve-tape"), Workers: 1})
	r.awaitAll(1, Ready)
	dir := t.TempDir()
	base := freePorts(t, 2)
	nginx, haproxy := fmt.Sprintf("127.0.0.1:%d", base), fmt.Sprintf("127.0.0.1:%d", base+1)
	runNginx(t, dir, nginx, r.base)
	runHAProxy(t, dir, haproxy, r.base)

	ours := runCases(t, r.front.openings[0].Addr().String(), cases)
	for i, c := range cases {
		if got := ours[i].exact(); got != c.want {
			t.Errorf("%s: %.300q\n got %.600q\nwant %.600q", c.name, c.sent, got, c.want)
		}
	}
	if t.Failed() {
		return
	}
	all, counts := differences(cases, ours, runCases(t, nginx, cases), runCases(t, haproxy, cases))
	checkDoc(t, all, counts)
}

// An outcome is what became of a case.
type outcome struct {
	answers []string // the status of a refusal, or the request as the worker got it
	end     string   // "" = the last request was answered; else what came instead
}

// exact is what the table is compared with: a refusal ends the connection.
func (o outcome) exact() string {
	text := strings.Join(o.answers, "")
	refused := len(o.answers) > 0 && isStatus(o.answers[len(o.answers)-1])
	switch {
	case refused && o.end == "closed", !refused && o.end == "":
		return text
	case o.end == "":
		return text + " and goes on"
	}
	return text + " " + o.end
}

// meaning is what is compared with other fronts: statuses, and of what was forwarded the method, target, Host and body.
func (o outcome) meaning() string {
	var all []string
	for _, a := range o.answers {
		if isStatus(a) {
			all = append(all, a)
			continue
		}
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(a)))
		if err != nil {
			all = append(all, fmt.Sprintf("forwarded %.200q", a))
			continue
		}
		body, _ := io.ReadAll(r.Body)
		text := fmt.Sprintf("forwarded %.40s %s to %s", r.Method, plain(r.RequestURI), plain(r.Host))
		if len(body) > 0 {
			text += fmt.Sprintf(", body %.40q", body)
		}
		all = append(all, text)
	}
	switch {
	case len(o.answers) > 3:
		all = []string{fmt.Sprintf("%d × %s", len(all), all[0])}
	case o.end == "waits":
		all = append(all, "waits for more")
	case o.end == "closed" && len(all) == 0:
		all = append(all, "closes")
	case o.end != "" && o.end != "closed":
		all = append(all, o.end)
	}
	return strings.Join(all, "; ")
}

// plain is the beginning of a text, with escapes for what cannot be printed.
func plain(text string) string {
	if text == "" {
		return "no host"
	}
	text = strconv.Quote(text[:min(len(text), 60)])
	return text[1 : len(text)-1]
}

// runCases sends all cases to a front, some at a time.
func runCases(t *testing.T, address string, cases []rawCase) []outcome {
	t.Helper()
	outcomes := make([]outcome, len(cases))
	var group sync.WaitGroup
	slots := make(chan struct{}, 8)
	for i := range cases {
		slots <- struct{}{}
		group.Go(func() {
			outcomes[i] = runCase(t, address, cases[i].sent)
			<-slots
		})
	}
	group.Wait()
	return outcomes
}

// stillness is how long a front that waits for more is given.
const stillness = 3 * time.Second

func runCase(t *testing.T, address, sent string) (o outcome) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return outcome{end: err.Error()}
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(stillness))
	writing := make(chan struct{})
	go func() {
		defer close(writing)
		io.WriteString(c, sent+lastRequest)
	}()
	defer func() {
		c.Close()
		<-writing
	}()
	in := bufio.NewReaderSize(c, 64<<10)
	method, _, _ := strings.Cut(sent, " ")
	for {
		resp, err := http.ReadResponse(in, &http.Request{Method: method})
		var timeout net.Error
		switch {
		case err == nil:
		case errors.As(err, &timeout) && timeout.Timeout():
			o.end = "waits"
			return o
		case len(o.answers) == 0 && strings.Contains(err.Error(), "malformed"):
			o.end = "answers in HTTP/0.9"
			return o
		default:
			o.end = "closed"
			return o
		}
		body, _ := io.ReadAll(resp.Body)
		switch {
		case resp.StatusCode == 100:
		case resp.Header.Get("X-Tape") == "no":
			o.answers = append(o.answers, "nonsense to the worker")
		case resp.StatusCode != 200:
			o.answers = append(o.answers, fmt.Sprint(resp.StatusCode))
		case bytes.HasPrefix(body, []byte("GET /last ")):
			return o
		default:
			o.answers = append(o.answers, ordered(strings.ReplaceAll(string(body), address, "FRONT")))
		}
	}
}

// ordered brings a request's fields into an order, without what every request gets from us.
func ordered(request string) string {
	head, body, _ := strings.Cut(request, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	fields := slices.DeleteFunc(lines[1:], func(line string) bool {
		return oursAlways.MatchString(line)
	})
	slices.SortStableFunc(fields, func(a, b string) int {
		first := func(s string) int {
			if strings.HasPrefix(s, "Host:") {
				return 0
			}
			return 1
		}
		nameOf := func(s string) string { name, _, _ := strings.Cut(s, ":"); return name }
		if d := first(a) - first(b); d != 0 {
			return d
		}
		return strings.Compare(nameOf(a), nameOf(b))
	})
	return strings.Join(append([]string{lines[0]}, fields...), "\r\n") + "\r\n\r\n" + body
}

var oursAlways = regexp.MustCompile(`^X-Forwarded-(For: 127\.0\.0\.1|Proto: http|Host: .*)$`)

// runNginx runs nginx as its documentation says: HTTP/1.1 to the worker over connections that are kept, all else its default.
func runNginx(t *testing.T, dir, address string, worker int) {
	user := ""
	if os.Getuid() == 0 {
		user = "user root;" // else its workers could not write into the temporary folder
	}
	conf := fmt.Sprintf(`%[1]s
worker_processes 1;
daemon off;
pid %[2]s/nginx.pid;
error_log %[2]s/nginx.log;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path %[2]s/body; proxy_temp_path %[2]s/proxy;
  fastcgi_temp_path %[2]s/fastcgi; uwsgi_temp_path %[2]s/uwsgi; scgi_temp_path %[2]s/scgi;
  upstream app { server 127.0.0.1:%[4]d; keepalive 16; }
  server {
    listen %[3]s;
    location / { proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; }
  }
}
`, user, dir, address, worker)
	runFront(t, "nginx", address, dir, conf, func(file string) []string { return []string{"-p", dir, "-c", file, "-e", dir + "/nginx.log"} })
}

// runHAProxy runs HAProxy with a frontend and a backend, all else its default.
func runHAProxy(t *testing.T, dir, address string, worker int) {
	conf := fmt.Sprintf(`
defaults
  mode http
  timeout client 10s
  timeout server 10s
  timeout connect 5s
frontend front
  bind %s
  default_backend app
backend app
  server worker 127.0.0.1:%d
`, address, worker)
	runFront(t, "haproxy", address, dir, conf, func(file string) []string { return []string{"-db", "-f", file} })
}

// runFront runs another front until the end of the test.
func runFront(t *testing.T, name, address, dir, conf string, args func(file string) []string) {
	t.Helper()
	file := filepath.Join(dir, name+".conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(programPath(name), args(file)...)
	var said bytes.Buffer
	command.Stdout, command.Stderr = &said, &said
	if err := command.Start(); err != nil {
		t.Fatalf("%v (scripts/tools test installs what the tests use)", err)
	}
	t.Cleanup(func() {
		command.Process.Signal(os.Interrupt)
		command.Wait()
	})
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			return
		}
		if time.Now().After(end) {
			command.Process.Kill()
			command.Wait()
			t.Fatalf("%s does not listen: %s", name, said.Bytes())
		}
	}
}

// programPath finds a program that Debian keeps out of a user's PATH.
func programPath(name string) string {
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	return name
}
