//go:build unix

package fronts

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/lbdev/lbdev/proxy"
)

var caddy = &kind{
	name: "caddy", title: "Caddy", programs: []string{"caddy"}, version: "version",
	wrap:       wrapCaddy,
	argv:       func(r *room) []string { return []string{r.program.Path, "run", "--config", r.path("caddy.json")} },
	reload:     reloadCaddy,
	stopSignal: syscall.SIGTERM,
	hear:       hearCaddy,
	reader: func(r *room) reader {
		return &caddyReader{room: r, tries: map[string][]proxy.Attempt{}, inFlight: map[int]int{}}
	},
}

// caddyGrace is how long requests may take that are under way when Caddy ends, in nanoseconds: lbdev ends it before.
const caddyGrace = 60_000_000_000

// wrapCaddy has Caddy itself read the piece, and adds to what it made of that: a door for reloads and a log. Each worker that was asked
// is told of in a line of its own, at the level of debugging.
func wrapCaddy(ctx context.Context, r *room, piece string) (map[string]string, error) {
	file := r.path("piece.caddyfile")
	if err := os.WriteFile(file, []byte(piece), 0o600); err != nil {
		return nil, err
	}
	out, _, err := ask(ctx, r.dir, r.environ(), r.program.Path, "adapt", "--adapter", "caddyfile", "--config", file)
	if err != nil {
		return nil, fmt.Errorf("cannot use this configuration for caddy: %w", err)
	}
	var config map[string]any
	if err := json.Unmarshal([]byte(out), &config); err != nil {
		return nil, fmt.Errorf("cannot understand what caddy made of its configuration: %w", err)
	}
	const requests, tries = "http.log.access", "http.handlers.reverse_proxy"
	config["admin"] = map[string]any{"listen": "unix/admin", "origins": []string{"lbdev"}, "config": map[string]any{"persist": false}}
	config["logging"] = map[string]any{"logs": map[string]any{
		"default": map[string]any{"writer": map[string]any{"output": "stderr"}, "encoder": map[string]any{"format": "json"}, "exclude": []string{requests, tries}},
		"run": map[string]any{
			"writer": map[string]any{"output": "stdout"}, "encoder": map[string]any{"format": "json"}, "level": "DEBUG", "include": []string{requests, tries},
		},
	}}
	apps, _ := config["apps"].(map[string]any)
	app, _ := apps["http"].(map[string]any)
	servers, _ := app["servers"].(map[string]any)
	if len(servers) == 0 {
		return nil, fmt.Errorf("cannot find a server in what caddy made of its configuration")
	}
	app["grace_period"] = caddyGrace
	for _, s := range servers {
		if server, ok := s.(map[string]any); ok {
			server["logs"] = map[string]any{}
			if r.cluster.TLSCert == "" {
				server["automatic_https"] = map[string]any{"disable": true}
			} else {
				server["automatic_https"] = map[string]any{"disable_redirects": true, "disable_certificates": true}
			}
		}
	}
	text, err := json.MarshalIndent(config, "", "  ")
	return map[string]string{"caddy.json": string(text)}, err
}

// reloadCaddy gives it the new configuration. It answers when that serves; what was under way goes on.
func reloadCaddy(ctx context.Context, r *room) error {
	text, err := os.ReadFile(r.path("caddy.json"))
	if err != nil {
		return err
	}
	t := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dialIn(ctx, r.dir, "admin")
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://lbdev/load", bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := t.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
		return fmt.Errorf("it said %s", bytes.TrimSpace(said))
	}
	return nil
}

// maxSocketPath is how long a path of a unix socket may be: sun_path of the systems has 108 bytes, or 104, with a zero.
const maxSocketPath = 103

// dialIn connects to a socket in a folder, by a link to that if its path is too long. Caddy, which runs in the folder, needs none.
func dialIn(ctx context.Context, dir, name string) (net.Conn, error) {
	if len(dir)+1+len(name) > maxSocketPath {
		temp, err := os.MkdirTemp("/tmp", "lbdev-")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(temp)
		link := filepath.Join(temp, "d")
		if err := os.Symlink(dir, link); err != nil {
			return nil, err
		}
		dir = link
	}
	var d net.Dialer
	return d.DialContext(ctx, "unix", filepath.Join(dir, name))
}

// A caddyLine is a line of either log.
type caddyLine struct {
	Level, Logger, Msg, Error string
	TS                        float64
	Upstream, Dial            string
	Duration                  float64
	Size                      int64
	Status                    int
	Request                   struct {
		Client  string              `json:"remote_ip"`
		Port    string              `json:"remote_port"`
		Proto   string              `json:"proto"`
		Method  string              `json:"method"`
		Host    string              `json:"host"`
		URI     string              `json:"uri"`
		Headers map[string][]string `json:"headers"`
	}
	Response map[string][]string `json:"resp_headers"`
}

func hearCaddy(line string) (o omen) {
	var l caddyLine
	if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &l) != nil {
		o.show = line
		return o
	}
	switch {
	case l.Msg == "serving initial configuration":
		o.ready = true
	case l.Level == "info" && strings.HasPrefix(l.Msg, "shutting down"):
		o.leaving = true
	case l.Level == "info" || l.Level == "debug" || strings.Contains(l.Msg, "OCSP"):
	case strings.HasPrefix(l.Msg, "automatic HTTP"), strings.HasPrefix(l.Msg, "skipping automated certificate"): // it was told so
	case l.Logger == "http.log.error": // its request's record says the same
	default:
		o.show = strings.TrimSpace(l.Level + ": " + strings.TrimSpace(l.Msg+" "+l.Error))
	}
	return o
}

// caddyReader puts tries and requests together, by the client's connection.
type caddyReader struct {
	room    *room
	tries   map[string][]proxy.Attempt
	aborted bool // the worker of the request whose line comes next ended its answer too early

	mu       sync.Mutex
	inFlight map[int]int // requests at each worker, by its port
}

// busy says whether one of these workers has a request: Caddy has no processes whose end would tell.
func (c *caddyReader) busy(ports []int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(ports, func(port int) bool { return c.inFlight[port] > 0 })
}

func (c *caddyReader) count(port, more int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inFlight[port] = max(c.inFlight[port]+more, 0)
}

func (c *caddyReader) read(line string) (*proxy.Access, string) {
	var l caddyLine
	if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &l) != nil {
		return nil, line
	}
	key := l.Request.Client + " " + l.Request.Port + " " + l.Request.URI
	switch l.Msg {
	case "selected upstream":
		c.count(c.room.port(l.Dial), 1)
		return nil, ""
	case "upstream roundtrip":
		if len(c.tries) > mostTries {
			clear(c.tries)
		}
		at := c.try(&l)
		if l.Error != "" {
			c.count(at.Port, -1)
		}
		c.tries[key] = append(c.tries[key], at)
		return nil, ""
	case "aborting with incomplete response":
		c.aborted = true
		return nil, ""
	case "handled request":
		tries := c.tries[key]
		delete(c.tries, key)
		if n := len(tries); n > 0 && isStatus(number(tries[n-1].Result)) { // however it ended: it is over
			c.count(tries[n-1].Port, -1)
		}
		return c.access(&l, tries), ""
	}
	return nil, ""
}

func (c *caddyReader) try(l *caddyLine) proxy.Attempt {
	took := seconds(strconv.FormatFloat(l.Duration, 'f', -1, 64))
	at := proxy.Attempt{Port: c.room.port(l.Upstream), Total: took, Sent: true}
	switch {
	case l.Error == "":
		at.Result, at.FirstByte = strconv.Itoa(l.Status), took
	case strings.HasPrefix(l.Error, "dial ") && strings.Contains(l.Error, "timeout"):
		at.Result, at.Sent = proxy.ResultTimeout, false
	case strings.HasPrefix(l.Error, "dial "):
		at.Result, at.Sent = proxy.ResultRefused, false
	case strings.Contains(l.Error, "context canceled"):
		at.Result = proxy.ResultCanceled
	case strings.Contains(l.Error, "connection reset"):
		at.Result = proxy.ResultReset
	case strings.Contains(l.Error, "timeout"):
		at.Result = proxy.ResultTimeout
	default:
		at.Result = proxy.ResultClosed
	}
	return at
}

func (c *caddyReader) access(l *caddyLine, tries []proxy.Attempt) *proxy.Access {
	head := func(name string) string {
		if v := l.Request.Headers[name]; len(v) > 0 {
			return told(v[0])
		}
		return ""
	}
	a := &proxy.Access{
		Method: told(l.Request.Method), Path: told(l.Request.URI), Proto: told(l.Request.Proto), Host: told(l.Request.Host), Client: told(l.Request.Client),
		Referer: head("Referer"), UserAgent: head("User-Agent"), Status: l.Status, Bytes: l.Size, Attempts: tries, Outcome: proxy.OK,
	}
	a.Total = seconds(strconv.FormatFloat(l.Duration, 'f', -1, 64))
	a.Start = time.Now().Add(-a.Total)
	if l.TS > 0 && l.TS < 1e11 {
		a.Start = time.UnixMicro(int64(l.TS * 1e6)).Add(-a.Total)
	}
	c.judge(a, l)
	spread(a)
	return a
}

func (c *caddyReader) judge(a *proxy.Access, l *caddyLine) {
	last := ""
	if n := len(a.Attempts); n > 0 {
		last = a.Attempts[n-1].Result
	}
	switch {
	case last == strconv.Itoa(http.StatusSwitchingProtocols): // of which Caddy's own record has no status
		answered(a, http.StatusSwitchingProtocols)
		a.Status = http.StatusSwitchingProtocols
	case last == proxy.ResultCanceled || last != "" && l.Status == 0:
		a.Outcome, a.Status, a.Reason = proxy.Canceled, 0, "the client went away"
	case isStatus(number(last)):
		answered(a, number(last))
		c.complete(a, l)
	case last != "":
		a.Outcome, a.Reason = proxy.Failed, fmt.Sprintf("worker %d: %s", a.Attempts[len(a.Attempts)-1].Port, last)
	case blames(a.Status):
		a.Outcome, a.Reason = proxy.Failed, "no worker was left to be asked"
	default:
		a.Reason = "answered by Caddy itself"
	}
}

// complete says who ended an answer that is not complete. The line that says a worker did does not say of which request; it comes just
// before that one's.
func (c *caddyReader) complete(a *proxy.Access, l *caddyLine) {
	length := int64(-1)
	if v := l.Response["Content-Length"]; len(v) > 0 && a.Method != http.MethodHead && a.Status != http.StatusNotModified {
		if n, err := strconv.ParseInt(v[0], 10, 64); err == nil {
			length = n
		}
	}
	switch {
	case length >= 0 && l.Size >= length:
	case c.aborted:
		c.aborted = false
		a.Outcome, a.Reason = proxy.Cut, cutShort
		a.Attempts[len(a.Attempts)-1].Result = proxy.ResultClosed
	case length >= 0:
		a.Outcome, a.Reason = proxy.Canceled, "the client went away"
	}
}
