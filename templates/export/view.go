package export

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// A view is a cluster as the templates of one target see it.
type view struct {
	Cluster
	Options
	ID  string // the name as programs take it: letters, digits and -
	Var string // and as part of a variable: _ in place of -
	URL string // what people open

	Workers    []worker
	Policy     word // how the target says it
	PolicyName string
	Sticky     sticky
	Lacks      []lack // what the target cannot do at all
	Notes      []string
	Unfit      string // why the target cannot do anything of it; empty = it can

	Part string // the piece, for the main file that has it
}

// A worker is one as templates see it.
type worker struct {
	Worker
	Address string // host:port; of one with a socket its name in logs
	Share   int    // the weight, as the target counts
	Out     bool   // it gets nothing
	most    int    // requests that it gets at a time; 0 = any number
	Said    string // what is special about it, for a comment; empty = nothing
}

// A sticky says how clients are kept.
type sticky struct {
	Cookie string // of the balancer's own
	Route  string // the app's cookie or path parameter
}

// A lack is what a target cannot do.
type lack struct {
	What    string // --policy fastest
	Why     string
	Instead string // what is written in its place; empty = nothing
}

func newView(target string, c Cluster, o Options) (*view, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	c.Name, c.DevServer = oneLine(c.Name), oneLine(c.DevServer)
	v := &view{Cluster: c, Options: o, ID: identifier(c.Name), PolicyName: c.Policy}
	v.Var = strings.ReplaceAll(v.ID, "-", "_")
	if v.TLSCert == "" || v.TCP {
		v.Redirect = ""
	}
	v.URL = c.url()
	if v.PolicyName == "" {
		v.PolicyName = "round-robin"
	}
	if v.TLSKey == "" {
		v.TLSKey = v.TLSCert
	}
	switch kind, name, _ := strings.Cut(c.Sticky, ":"); {
	case kind == "cookie" && name == "":
		v.Sticky.Cookie = c.Cookie
	case kind == "cookie":
		v.Sticky.Cookie = name
	case kind == "route":
		v.Sticky.Route = name
	}
	for _, w := range c.Workers {
		one := newWorker(w)
		one.most = c.Concurrency
		v.Workers = append(v.Workers, one)
	}
	return v, v.learn(target)
}

func newWorker(w Worker) worker {
	host := w.Host
	if host == "" {
		host = "127.0.0.1"
	}
	out := worker{Worker: w, Address: net.JoinHostPort(host, strconv.Itoa(w.Port)), Share: w.Weight, Out: w.Down || w.Weight == 0}
	var said []string
	switch {
	case w.Down:
		said = append(said, "drained or stopped (lbdev undrain, lbdev start)")
	case w.Weight == 0:
		said = append(said, fmt.Sprintf("gets nothing new (--weight %d=0)", w.Port))
	case w.Weight != 1:
		said = append(said, fmt.Sprintf("%d times as much as one of weight 1 (--weight %d=%d)", w.Weight, w.Port, w.Weight))
	}
	if w.Backup {
		said = append(said, fmt.Sprintf("only when no other is left (--backup %d)", w.Port))
	}
	out.Said = strings.Join(said, "; ")
	return out
}

// validate reports what cannot be written down safely: every text that ends up in a file is checked here, or quoted, or in a comment.
func (c *Cluster) validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if len(c.Workers) == 0 {
		fault("cannot export a cluster without workers")
	}
	for _, w := range c.Workers {
		if w.Port < 1 || w.Port > 65535 {
			fault("cannot export worker %d: its port is %d", w.Number, w.Port)
		}
		if w.Host != "" && net.ParseIP(w.Host) == nil && (!isSimple(w.Host) || w.Host[0] == '-') {
			fault("cannot export worker %d: its host is %q", w.Number, w.Host)
		}
	}
	if len(c.Listen) == 0 {
		fault("cannot export a cluster without an address of its front")
	}
	addresses := c.Listen
	if c.Redirect != "" {
		addresses = append(slices.Clone(addresses), c.Redirect)
	}
	for _, address := range addresses {
		if strings.HasPrefix(address, "unix:") && address == oneLine(address) {
			continue
		}
		if host, port, err := net.SplitHostPort(address); err != nil || net.ParseIP(host) == nil || !isNumber(port) {
			fault("cannot export the front's address %q: it must be ADDRESS:PORT", address)
		}
	}
	c.validateTexts(fault)
	_, name, _ := strings.Cut(c.Policy, ":")
	_, kept, _ := strings.Cut(c.Sticky, ":")
	for _, token := range []string{name, kept, c.Cookie} {
		if token != "" && !isToken(token) {
			fault("cannot export %q: it is no name of a header or cookie", token)
		}
	}
	return errors.Join(faults...)
}

// validateTexts reports those that would be several lines, or no signal.
func (c *Cluster) validateTexts(fault func(format string, args ...any)) {
	texts := []struct{ what, text string }{
		{"ready path", c.ReadyPath}, {"health path", c.HealthPath}, {"certificate", c.TLSCert}, {"key", c.TLSKey}, {"folder", c.Dir}, {"program", c.Program},
	}
	for _, w := range c.Workers {
		texts = append(texts, struct{ what, text string }{"socket", w.Socket})
	}
	for _, t := range texts {
		if t.text != oneLine(t.text) {
			fault("cannot export %s %q: it has more than one line", t.what, t.text)
		}
	}
	for _, t := range texts[2:] { // paths of files
		if t.what != "folder" && t.what != "program" && strings.ContainsAny(t.text, "\"$`{}") {
			fault("cannot export %s %q: in some of these files its characters mean something else", t.what, t.text)
		}
	}
	if !isSimple(c.StopSignal) {
		fault("cannot export stop signal %q: there is none of that name", c.StopSignal)
	}
}

// url is what people open.
func (c *Cluster) url() string {
	scheme := "http"
	switch {
	case strings.HasPrefix(c.Listen[0], "unix:"):
		return c.Listen[0]
	case c.TCP:
		scheme = "tcp"
	case c.TLSCert != "":
		scheme = "https"
	}
	host, port := hostPort(c.Listen[0])
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() { // all addresses of this machine; this one is reached from here
		host = "127.0.0.1"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// identifier is a name as all programs take it.
func identifier(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	id := strings.TrimRight(b.String(), "-")
	if len(id) > 40 {
		id = strings.TrimRight(id[:40], "-")
	}
	if id == "" || id[0] >= '0' && id[0] <= '9' {
		id = strings.TrimRight("lbdev-"+id, "-")
	}
	return id
}

func isNumber(text string) bool {
	_, err := strconv.ParseUint(text, 10, 16)
	return err == nil
}

// isToken says whether text can be the name of a header or cookie (RFC 9110 section 5.6.2).
func isToken(text string) bool {
	for i := range len(text) {
		c := text[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return text != ""
}
