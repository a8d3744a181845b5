package export

import (
	"fmt"
	"strings"
	"time"
)

func (v *view) learnHAProxy() {
	if v.Hold > 0 {
		v.note("--hold: HAProxy never waits for a worker that is down; when none is left, it answers 503 at once")
	}
	if v.Policy.Text == "" { // a name that could not be written
		v.Policy.Text = "balance roundrobin"
	}
}

// HAProxyListen is the front's address after "bind".
func (v *view) HAProxyListen(address string) string {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		if name, abstract := strings.CutPrefix(path, "@"); abstract {
			return "abns@" + haproxyQuote(name)
		}
		return "unix@" + haproxyQuote(path)
	}
	return address
}

// HAProxyJoins says whether the certificate and its key are in two files.
func (v *view) HAProxyJoins() bool { return v.TLSKey != v.TLSCert }

// HAProxyCert is the file with both.
func (v *view) HAProxyCert() string {
	if v.HAProxyJoins() {
		return v.ID + ".pem"
	}
	return haproxyQuote(v.TLSCert)
}

// CommentCert are both files, for a command in a comment.
func (v *view) CommentCert() string { return haproxyQuote(v.TLSCert) + " " + haproxyQuote(v.TLSKey) }

// haproxyQuote makes text one word: in single quotes HAProxy takes everything as it is.
func haproxyQuote(text string) string {
	if text != "" && !strings.ContainsAny(text, " \t\"'\\#$") {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// HAProxyHash says whether the policy is a hash, which has a type.
func (v *view) HAProxyHash() bool { return strings.Contains(v.PolicyName, "hash") }

// HAProxyServer is a worker's line in a backend.
func (w worker) HAProxyServer(s sticky) string {
	address := w.Address
	if w.Socket != "" {
		address = "unix@" + haproxyQuote(w.Socket)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "server %d %s weight %d", w.Port, address, w.Share)
	if w.most > 0 {
		fmt.Fprintf(&b, " maxconn %d", w.most)
	}
	if s.Cookie != "" {
		fmt.Fprintf(&b, " cookie %d", w.Port)
	}
	if w.Backup {
		b.WriteString(" backup")
	}
	if w.Down {
		b.WriteString(" disabled")
	}
	return b.String()
}

// HasBackup says whether there is a backup.
func (v *view) HasBackup() bool {
	for _, w := range v.Workers {
		if w.Backup {
			return true
		}
	}
	return false
}

// HTTPCheck is the path of checks; empty = it is enough that workers take connections.
func (v *view) HTTPCheck() string {
	switch {
	case v.TCP:
		return ""
	case v.HealthPath != "":
		return haproxyQuote(v.HealthPath)
	case v.ReadyPath != "":
		return haproxyQuote(v.ReadyPath)
	}
	return ""
}

// CheckFrom is the setting that the checks' path comes from.
func (v *view) CheckFrom() string {
	if v.HealthPath != "" {
		return "--health-path"
	}
	return "--ready-path"
}

// CheckHost is the Host that checks have: the front's, as apps may refuse others.
func (v *view) CheckHost() string {
	if strings.HasPrefix(v.Listen[0], "unix:") {
		return "localhost"
	}
	return v.Listen[0]
}

// Every is the time between two checks.
func (v *view) Every() string {
	if v.HealthPath == "" || v.HealthEvery <= 0 {
		return "1s"
	}
	return milliseconds(v.HealthEvery)
}

// Fall and Rise are how many checks take a worker out and back.
func (v *view) Fall() int {
	if v.HealthPath == "" {
		return 1
	}
	return max(v.HealthFall, 1)
}

// Rise is its opposite.
func (v *view) Rise() int {
	if v.HealthPath == "" {
		return 1
	}
	return max(v.HealthRise, 1)
}

// SlowStartText is the time, or nothing.
func (v *view) SlowStartText() string {
	if v.SlowStart <= 0 {
		return ""
	}
	return milliseconds(v.SlowStart)
}

// milliseconds is a time as nginx, HAProxy, Apache and Caddy all read it.
func milliseconds(d time.Duration) string {
	if d >= time.Second && d%time.Second == 0 {
		return fmt.Sprintf("%ds", d/time.Second)
	}
	return fmt.Sprintf("%dms", max(d.Milliseconds(), 1))
}
