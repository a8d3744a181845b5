//go:build unix

package fronts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lbdev/lbdev/proxy"
	"github.com/lbdev/lbdev/templates/export"
)

var haproxy = &kind{
	name: "haproxy", title: "HAProxy", programs: []string{"haproxy"}, version: "-v",
	adapt: joinCertificate,
	wrap:  wrapHAProxy,
	argv: func(r *room) []string {
		return []string{r.program.Path, "-W", "-db", "-f", r.path("haproxy.cfg"), "-f", r.path("piece.cfg")}
	},
	check: func(r *room) []string {
		return []string{r.program.Path, "-c", "-q", "-f", r.path("haproxy.cfg"), "-f", r.path("piece.cfg")}
	},
	reloadSignal: syscall.SIGUSR2,
	stopSignal:   syscall.SIGUSR1,
	hear:         hearHAProxy,
	reader:       func(r *room) reader { return haproxyReader{r} },
}

// haproxyFields are a line of the log, with a tab after each. What a client wrote comes last.
var haproxyFields = []string{"H", "%ts", "%ST", "%B", "%sp", "%s", "%rc", "%Ta", "%Ti", "%TR", "%Tw", "%Tc", "%Tr", "%ci", "%HV", "%HM", "%{+E}HU", "%{+E}[capture.req.hdr(0)]", "%{+E}[capture.req.hdr(1)]", "%{+E}[capture.req.hdr(2)]"}

// joinCertificate puts the certificate and its key into one file, as HAProxy wants them.
func joinCertificate(r *room, c *export.Cluster) error {
	if c.TLSCert == "" || c.TLSKey == "" || c.TLSKey == c.TLSCert {
		return nil
	}
	cert, err := os.ReadFile(c.TLSCert)
	if err != nil {
		return fmt.Errorf("cannot read the certificate: %w", err)
	}
	key, err := os.ReadFile(c.TLSKey)
	if err != nil {
		return fmt.Errorf("cannot read the certificate's key: %w", err)
	}
	c.TLSCert = "cert.pem" // in the folder where it runs, whose own name it may not be able to read
	c.TLSKey = c.TLSCert
	return os.WriteFile(r.path(c.TLSCert), slices.Concat(cert, []byte("\n"), key), 0o600)
}

// badRequest is the method of what HAProxy could not read.
const badRequest = "<BADREQ>"

const httplog = "option httplog"

// wrapHAProxy gives the piece a form of log that can be read, in place of the one that it asks for.
func wrapHAProxy(_ context.Context, r *room, piece string) (map[string]string, error) {
	// One thread: one that finds another at the log gives its line up. And no port that another HAProxy of ours has: both would get some of
	// the clients.
	main := `global
    log stdout len 16384 format raw local0 info
    maxconn 2000
    nbthread 1
    noreuseport
defaults
    log global
    mode http
    timeout connect 2s
    timeout client 1h
    timeout server 1h
`
	before, after, ok := strings.Cut(piece, httplog)
	if !ok {
		return nil, errors.New("cannot read HAProxy's log: its configuration has none")
	}
	format := "log-format \"" + strings.Join(haproxyFields, `\t`) + "\"\n" +
		"    capture request header Host len 255\n    capture request header Referer len 1024\n    capture request header User-Agent len 1024"
	return map[string]string{"haproxy.cfg": main, "piece.cfg": before + format + after}, nil
}

var haproxyLine = regexp.MustCompile(`^\[(\w+)\]\s+\((\d+)\) : (.*)`)

func hearHAProxy(line string) (o omen) {
	m := haproxyLine.FindStringSubmatch(line)
	switch {
	case m == nil:
		o.show = line
	case strings.HasPrefix(m[3], "Loading success"):
		o.ready = true
	case strings.HasPrefix(m[3], "Proxy ") && strings.Contains(m[3], " stopped "):
		o.left = number(m[2])
	case strings.HasPrefix(m[3], "Exiting Master process"):
		o.leaving = true
	case m[1] == "NOTICE", strings.HasPrefix(m[3], "Former worker "), strings.HasPrefix(m[3], "Stopping "):
	default:
		o.show = strings.ToLower(m[1]) + ": " + m[3]
	}
	return o
}

// haproxyReader reads a line for each request. It names the last worker that was asked and how many tries there were, but not the workers
// before that one.
type haproxyReader struct{ room *room }

func (h haproxyReader) read(line string) (*proxy.Access, string) {
	f := strings.Split(line, "\t")
	if len(f) < len(haproxyFields) || f[0] != "H" || len(f[1]) != 2 {
		return nil, "" // what it logs of itself it prints, too
	}
	state, status, tries, method := f[1], number(f[2]), f[6], f[15]
	if method == badRequest && (status <= 0 || strings.ContainsRune("Cc", rune(state[0]))) {
		return nil, "" // a connection without a request: browsers open some in advance, and HAProxy notes a status that it has not sent
	}
	a := &proxy.Access{
		Method: told(method), Path: told(unescape(f[16])), Proto: told(f[14]), Host: told(unescape(f[17])), Client: told(f[13]), Referer: told(unescape(f[18])),
		UserAgent: told(unescape(strings.Join(f[19:], "\t"))), Status: max(status, 0), Outcome: proxy.OK,
	}
	a.Bytes, _ = strconv.ParseInt(strings.TrimPrefix(f[3], "+"), 10, 64)
	a.Total = max(whole(f[7], time.Millisecond)-whole(f[8], time.Millisecond), 0) // without the wait of a kept connection
	a.Start = time.Now().Add(-a.Total)
	h.judge(a, f, state, tries)
	return a, ""
}

// port is that of a server: by its port, or by its name, which is the port.
func (h haproxyReader) port(port, name string) int {
	for _, w := range h.room.workers() {
		if text := strconv.Itoa(w.Port); text == name || text == port {
			return w.Port
		}
	}
	return 0
}

func (h haproxyReader) judge(a *proxy.Access, f []string, state, tries string) {
	port := h.port(f[4], f[5])
	wait, connect, head := whole(f[10], time.Millisecond), whole(f[11], time.Millisecond), whole(f[12], time.Millisecond)
	connected, hasHead := !strings.HasPrefix(f[11], "-"), !strings.HasPrefix(f[12], "-")
	if port != 0 {
		at := proxy.Attempt{Port: port, Start: whole(f[9], time.Millisecond) + wait, Connect: connect, Sent: connected}
		if hasHead {
			at.FirstByte = max(connect+head, time.Millisecond/2) // it counts whole milliseconds
		}
		at.Total = max(a.Total-at.Start, 0)
		a.Attempts = []proxy.Attempt{at}
	}
	switch state[0] {
	case '-', 'L':
		if port == 0 {
			a.Reason = "answered by HAProxy itself"
			break
		}
		answered(a, a.Status)
		if n := number(strings.TrimPrefix(tries, "+")); n > 0 {
			a.Outcome, a.Reason = proxy.Rescued, fmt.Sprintf("%d tries had failed; HAProxy's log does not say at whom", n)
		}
	case 'C', 'c':
		a.Outcome, a.Reason = proxy.Canceled, "the client went away"
		h.result(a, proxy.ResultCanceled)
		a.Status = 0
	case 'S', 's', 'D', 'K', 'U':
		h.failed(a, state, hasHead)
	default: // it refused what the client sent, or ran out of something
		a.Reason = "answered by HAProxy itself: " + state
		if blames(a.Status) {
			a.Outcome = proxy.Failed
		}
	}
}

func (h haproxyReader) result(a *proxy.Access, result string) {
	if len(a.Attempts) > 0 {
		a.Attempts[len(a.Attempts)-1].Result = result
	}
}

// failed says what a worker that did not do did.
func (h haproxyReader) failed(a *proxy.Access, state string, hasHead bool) {
	result := proxy.ResultClosed
	switch {
	case state[0] == 's':
		result = proxy.ResultTimeout
	case state[1] == 'C':
		result = proxy.ResultRefused
	}
	switch {
	case state[1] == 'D' || state[1] == 'L':
		if hasHead && len(a.Attempts) > 0 {
			a.Port = a.Attempts[0].Port
		}
		a.Outcome, a.Reason = proxy.Cut, cutShort
	case len(a.Attempts) == 0:
		a.Outcome, a.Reason = proxy.Failed, "no worker was left to be asked"
	default:
		a.Outcome, a.Reason = proxy.Failed, fmt.Sprintf("worker %d: %s", a.Attempts[0].Port, result)
	}
	h.result(a, result)
}

// unescape undoes HAProxy's +E, which puts \ before ", \ and ].
func unescape(text string) string {
	if text == "-" || !strings.Contains(text, `\`) {
		return strings.TrimPrefix(text, "-")
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) {
			i++
		}
		b.WriteByte(text[i])
	}
	return b.String()
}
