package export

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

func (v *view) learnApache() {
	if v.TCP {
		v.lack("--mode tcp", "Apache balances requests, not connections", "")
		v.Unfit = "Apache balances requests, not connections"
	}
	if v.Concurrency > 0 {
		v.lack("--worker-concurrency", "Apache counts connections for each of its processes", "any number")
	}
	for _, address := range append([]string{v.Redirect}, v.Listen...) {
		if strings.HasPrefix(address, "unix:") {
			v.lack("--listen "+address, "Apache listens on ports only", "")
			v.Unfit = "Apache listens on ports, not on unix sockets"
		}
	}
	if v.Policy.Text == "" { // a name that could not be written
		v.Policy.Text = "byrequests"
	}
	v.apacheShares()
	if v.Hold > 0 {
		v.note("--hold: Apache never waits for a worker; when none is left, it answers 503 at once")
	}
	if v.SlowStart > 0 {
		v.note("--slow-start: Apache has none; a worker that is back gets its whole share")
	}
	if v.RetryUnsafe {
		v.note("--retry-unsafe: Apache repeats nothing that it has sent")
	}
}

// apacheShares brings weights down to 1 to 100.
func (v *view) apacheShares() {
	most := 0
	for _, w := range v.Workers {
		most = max(most, w.Share)
	}
	if most <= 100 {
		return
	}
	v.note("--weight: Apache's go to 100; these are in proportion")
	for i := range v.Workers {
		w := &v.Workers[i]
		w.Share = max(w.Share*100/most, min(w.Share, 1))
	}
}

// ApacheMember is a worker's line in a balancer.
func (v *view) ApacheMember(w worker) string {
	scheme := "http"
	if v.H2C {
		scheme = "h2c"
	}
	url := scheme + "://" + w.Address
	if w.Socket != "" {
		url = "unix:" + w.Socket + "|" + url
	}
	route := fmt.Sprint(w.Port)
	if v.Sticky.Route != "" {
		route = fmt.Sprintf("w%d", w.Number)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "BalancerMember %s route=%s retry=1 connectiontimeout=2 timeout=3600 flushpackets=on upgrade=websocket", apacheQuote(url), route)
	if w.Share > 1 {
		fmt.Fprintf(&b, " loadfactor=%d", w.Share)
	}
	if v.PolicyName == "first" {
		fmt.Fprintf(&b, " lbset=%d", min(w.Number-1, 99))
	}
	switch {
	case w.Down:
		b.WriteString(" status=+D")
	case w.Out:
		b.WriteString(" status=+N")
	case w.Backup:
		b.WriteString(" status=+H")
	}
	if v.HealthPath != "" {
		every := max(v.HealthEvery.Round(time.Second)/time.Second, 1)
		fmt.Fprintf(&b, " hcmethod=GET hcuri=%s hcinterval=%d hcfails=%d hcpasses=%d", apacheQuote(v.placed(v.HealthPath, w)), every, v.Fall(), v.Rise())
	}
	return b.String()
}

// ApacheNote is what the members' words mean that are not always there.
func (v *view) ApacheNote() string {
	var said []string
	for _, w := range v.Workers {
		said = append(said, w.flags()...)
	}
	slices.Sort(said)
	said = slices.Compact(said)
	if v.HealthPath != "" {
		said = append(said, "hc…: --health-path, checked from time to time")
	}
	return strings.Join(said, "; ")
}

func (w worker) flags() (said []string) {
	switch {
	case w.Down:
		said = append(said, "+D: gets nothing")
	case w.Out:
		said = append(said, "+N: nothing but its sessions")
	case w.Backup:
		said = append(said, "+H: a hot standby")
	}
	return said
}

// ApacheModules are the names of the modules that the piece needs, without mod_.
func (v *view) ApacheModules() []string { return apacheModules(v.Cluster) }

// apacheModules are the modules that Apache's piece needs, in the order in which they are loaded, as a2enmod names them.
func apacheModules(c Cluster) []string {
	modules := []string{"headers", "slotmem_shm", "proxy", "proxy_http", "proxy_balancer"}
	if w, err := policyWord("apache", defaultTo(c.Policy, "round-robin")); err == nil && w.Text != "" {
		modules = append(modules, "lbmethod_"+w.Text)
	}
	if c.HealthPath != "" {
		modules = append(modules, "proxy_hcheck")
	}
	if c.H2C {
		modules = append(modules, "proxy_http2")
	}
	if c.ProxyHeader {
		modules = append(modules, "remoteip")
	}
	if c.Redirect != "" && c.TLSCert != "" {
		modules = append(modules, "rewrite")
	}
	if c.TLSCert != "" {
		modules = append(modules, "socache_shmcb", "ssl")
	}
	return modules
}

func defaultTo(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// apacheQuote makes text one word in quotes.
func apacheQuote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}
