package export

import (
	"fmt"
	"strings"
)

func (v *view) learnCaddy() {
	if v.TCP {
		v.lack("--mode tcp", "Caddy as it comes balances requests, not connections", "")
		v.Unfit = "Caddy as it comes balances requests, not connections"
	}
	if v.ProxyHeader {
		v.lack("--proxy-protocol", "Caddy reads its header from version 2.7 on, by a listener wrapper", "no header")
	}
	if v.Policy.Text == "" { // a name that could not be written
		v.Policy.Text = "round_robin"
	}
	for i := range v.Workers {
		w := &v.Workers[i]
		if w.Backup && !w.Out {
			v.lack(fmt.Sprintf("--backup %d", w.Port), "Caddy has no backups", "left out")
			w.Out = true
		}
	}
	if v.Sticky.Cookie != "" {
		v.Policy = word{Text: "cookie " + v.Sticky.Cookie, Note: "the cookie holds a keyed hash of the worker's address, and not its number"}
		if v.PolicyName != "round-robin" && v.PolicyName != "random" {
			v.lack("--policy "+v.PolicyName+" with --sticky", "a policy is all that Caddy has, and cookie is one; new clients are spread at random", v.Policy.Text)
		}
	}
	if v.uneven() {
		switch v.Policy.Text {
		case "round_robin", "random":
		default:
			v.lack("--weight with --policy "+v.PolicyName, "Caddy has weights for turns only", "turns by weight")
			v.Policy = word{Text: "round_robin"}
		}
		v.note("--weight: Caddy 2.7 and later have lb_policy weighted_round_robin; here a worker stands there as often as its weight says, which older ones understand too")
	}
	if v.SlowStart > 0 {
		v.note("--slow-start: Caddy has none; a worker that is back gets its whole share")
	}
}

// uneven says whether workers have different weights.
func (v *view) uneven() bool {
	share := 0
	for _, w := range v.Workers {
		if w.Out {
			continue
		}
		if share != 0 && w.Share != share {
			return true
		}
		share = w.Share
	}
	return false
}

// HasSocket says whether a worker listens on one.
func (v *view) HasSocket() bool {
	for _, w := range v.Workers {
		if w.Socket != "" {
			return true
		}
	}
	return false
}

// CaddySite is a site's address: a port, and no name of a host.
func (v *view) CaddySite(address string) string {
	scheme := "http"
	if v.TLSCert != "" {
		scheme = "https"
	}
	if strings.HasPrefix(address, "unix:") {
		return scheme + "://"
	}
	_, port := hostPort(address)
	return scheme + "://:" + port
}

// CaddyPlain is the address of a site without TLS.
func (v *view) CaddyPlain(address string) string {
	return strings.Replace(v.CaddySite(address), "https://", "http://", 1)
}

// CaddyBind is where it listens.
func (v *view) CaddyBind(address string) string {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		return quote("unix/" + path)
	}
	host, _ := hostPort(address)
	return host
}

// caddyAddress is a worker as an upstream.
func (w worker) caddyAddress() string {
	if w.Socket != "" {
		return quote("unix/" + w.Socket)
	}
	return w.Address
}

// CaddySeen is that address as the placeholder has it.
func (w worker) CaddySeen() string {
	if w.Socket != "" {
		return quote(w.Socket)
	}
	return w.Address
}

// CaddyUsable says whether there is a worker to send anything to.
func (v *view) CaddyUsable() bool { return len(v.order()) > 0 }

// A caddyRoute is the requests that belong to one worker.
type caddyRoute struct {
	Name, Comment, Matcher string
	worker                 int // index; -1 = all others
}

// CaddyAll is the requests that belong to nobody.
func (v *view) CaddyAll() caddyRoute { return caddyRoute{worker: -1} }

// CaddyRoutes are those of sticky routes.
func (v *view) CaddyRoutes() (routes []caddyRoute) {
	if v.Sticky.Route == "" {
		return nil
	}
	for i, w := range v.Workers {
		if w.Out {
			continue
		}
		routes = append(routes, caddyRoute{
			Name:    fmt.Sprintf("w%d", w.Number),
			Comment: fmt.Sprintf("Sessions of worker %d; when it is out, the next one serves.", w.Number),
			Matcher: fmt.Sprintf("expression `{lbdev_route} == \"w%d\"`", w.Number),
			worker:  i,
		})
	}
	return routes
}

// order is the workers that get requests, as often as their weights say, in nginx's order: a heavy one's turns lie apart.
func (v *view) order() []worker {
	total, turns := 0, 0
	uneven := v.uneven()
	share := func(w worker) int {
		if w.Out {
			return 0
		}
		if !uneven {
			return 1
		}
		return w.Share
	}
	divisor := 0
	for _, w := range v.Workers {
		divisor = gcd(divisor, share(w))
	}
	for _, w := range v.Workers {
		total += share(w) / max(divisor, 1)
	}
	current := make([]int, len(v.Workers))
	var order []worker
	for turns = 0; turns < total; turns++ {
		best := -1
		for i, w := range v.Workers {
			current[i] += share(w) / divisor
			if share(w) > 0 && (best < 0 || current[i] > current[best]) {
				best = i
			}
		}
		current[best] -= total
		order = append(order, v.Workers[best])
	}
	return order
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// CaddyProxy is the block that passes the requests of a route on.
func (v *view) CaddyProxy(r caddyRoute) string {
	order := v.order()
	p := caddyProxy{view: v, Policy: v.Policy.Text, Repeats: v.uneven(), Why: "--policy " + v.PolicyName}
	if v.Policy.Note != "" {
		p.Why += ": " + v.Policy.Note
	}
	if v.Sticky.Cookie != "" {
		p.Why = "--sticky " + v.Cluster.Sticky + ": " + v.Policy.Note
	}
	if r.worker >= 0 {
		p.Policy, p.Repeats, p.Why = "first", false, "its own worker first"
		order = append([]worker{v.Workers[r.worker]}, v.others(r.worker)...)
	}
	for _, w := range order {
		p.To = append(p.To, w.caddyAddress())
	}
	for _, w := range v.Workers {
		if w.Out {
			p.Skipped = append(p.Skipped, w)
		}
	}
	p.Answered = "{http.reverse_proxy.upstream.port}"
	if v.HasSocket() {
		p.Answered = "{lbdev_port}"
	}
	if v.Cluster.Hold > 0 {
		p.Hold = milliseconds(v.Cluster.Hold)
	}
	p.HealthPath = quote(v.Cluster.HealthPath)
	if v.Cluster.HealthPath == "" {
		p.HealthPath = ""
	}
	p.HealthEvery, p.HealthWithin = milliseconds(v.Cluster.HealthEvery), milliseconds(v.Cluster.HealthWithin)
	var b strings.Builder
	if err := templates.ExecuteTemplate(&b, "caddy.proxy", p); err != nil {
		panic(fmt.Sprintf("export: %v", err))
	}
	if r.worker >= 0 { // what the words mean is said once, for all others
		return tidy(b.String(), true)
	}
	return b.String()
}

// others are the workers that serve in a worker's place.
func (v *view) others(i int) (others []worker) {
	for step := range len(v.Workers) - 1 {
		if w := v.Workers[(i+1+step)%len(v.Workers)]; !w.Out {
			others = append(others, w)
		}
	}
	return others
}

// A caddyProxy is what the template of a reverse_proxy needs.
type caddyProxy struct {
	*view
	To                        []string
	Skipped                   []worker
	Repeats                   bool
	Policy, Why, Answered     string
	Hold                      string
	HealthPath                string
	HealthEvery, HealthWithin string
}
