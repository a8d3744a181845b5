package export

import (
	"fmt"
	"strings"
)

func (v *view) learnTraefik() {
	for _, address := range v.Listen {
		if strings.HasPrefix(address, "unix:") {
			v.lack("--listen "+address, "Traefik listens on ports only", "")
			v.Unfit = "Traefik listens on ports, not on unix sockets"
		}
	}
	if v.Concurrency > 0 {
		v.lack("--worker-concurrency", "Traefik bounds the requests of clients and of all workers together only", "any number")
	}
	for _, w := range v.Workers {
		if w.Socket != "" {
			v.lack("{socket}", "Traefik reaches workers by ports only", "the ports")
			break
		}
	}
	if v.TCP && v.PolicyName != "round-robin" {
		v.Lacks = nil // of requests
		v.lack("--policy "+v.PolicyName, "Traefik gives connections their turns only", "turns")
	}
	if v.Policy.Text == "" { // a name that could not be written
		v.Policy.Text = "wrr"
	}
	if v.Sticky.Route != "" {
		v.lack("--sticky "+v.Cluster.Sticky, "Traefik reads no routes in cookies of the app", "a cookie of its own")
		v.Sticky = sticky{Cookie: defaultTo(v.Cookie, "lbdev_worker")}
	}
	if v.H2C && !v.TCP {
		v.lack("another worker for a request, with --upstream h2c", "Traefik 3.6 loses answers when it may repeat a request over HTTP/2", "a dead worker costs requests until a check finds it out")
		if v.Policy.Text != "wrr" && v.TraefikCheck() == "" {
			v.lack("--policy "+v.PolicyName+" with --upstream h2c", "without checks, Traefik would go on choosing a dead worker", "wrr")
			v.Policy.Text = "wrr"
		}
	}
	if v.Sticky.Cookie != "" && v.Policy.Text == "hrw" {
		v.lack("--policy "+v.PolicyName+" with --sticky", "Traefik's hrw keeps nobody by a cookie", "wrr")
		v.Policy.Text = "wrr"
	}
	switch {
	case v.uneven() && v.TCP:
		v.lack("--weight", "Traefik's count for requests only", "equal shares")
	case v.uneven() && v.Policy.Text == "p2c":
		v.lack("--weight", "Traefik's p2c knows none", "equal shares")
	}
	switch {
	case v.traefikReserve() && v.TCP:
		v.lack("--backup", "Traefik's failover is for requests only", "an ordinary worker")
	case v.traefikReserve() && !v.TraefikBackups():
		v.lack("--backup without --health-path", "Traefik's failover goes by checks", "left out")
	}
	v.noteTraefik()
}

func (v *view) noteTraefik() {
	if v.TCP {
		v.note("Traefik tries one worker for each connection: one that has just died costs it")
	}
	if v.HealthPath != "" && (v.HealthFall > 1 || v.HealthRise > 1) {
		v.note("--health-fall, --health-rise: one check of Traefik's decides")
	}
	if v.MaxBody > 0 {
		v.note("--max-body: not for GET and HEAD; Traefik keeps answers to all others back until they are whole")
	}
	if v.SlowStart > 0 {
		v.note("--slow-start: Traefik has none; a worker that is back gets its whole share")
	}
	if v.Hold > 0 {
		v.note("--hold: Traefik never waits for a worker; %s", map[bool]string{true: "when none is left, it ends the connection", false: "when none is left, it answers 502 or 503 at once"}[v.TCP])
	}
	if v.RetryUnsafe {
		v.note("--retry-unsafe: Traefik repeats nothing that it has sent")
	}
}

func writeTraefik(v *view) []File {
	if v.Unfit != "" {
		return []File{{Name: "traefik.yml", Text: v.execute("unfit")}}
	}
	return []File{{Name: "traefik.yml", Text: v.execute("traefik.static")}, {Name: "dynamic.yml", Text: v.execute("traefik.dynamic")}}
}

// TraefikEntries are the names of the front's addresses.
func (v *view) TraefikEntries() string {
	names := []string{"front"}
	for i := 1; i < len(v.Listen); i++ {
		names = append(names, fmt.Sprintf("front%d", i))
	}
	return strings.Join(names, ", ")
}

// TraefikAttempts are as many as it takes until all workers but one are known to fail, and more than a busy front needs.
func (v *view) TraefikAttempts() int { return 10 * max(len(v.Workers), 2) }

// TraefikSuspects says why workers must be taken out by what happens to requests; empty = turns and retries do.
func (v *view) TraefikSuspects() string {
	switch {
	case v.H2C: // it is told too late that a request was sent, and would suspect who answered fast
		return ""
	case v.Sticky.Cookie != "":
		return "Without this, clients would stay at a dead worker."
	case v.Policy.Text == "hrw":
		return "Without this, a dead worker would keep its clients."
	case v.Policy.Text != "wrr":
		return "Without this, a dead worker, which has nothing to do, would be chosen first."
	case v.TraefikBackups():
		return "Without this, backups would wait for a check."
	}
	return ""
}

// TraefikBackups says whether backups stand by.
func (v *view) TraefikBackups() bool { return v.traefikReserve() && v.TraefikCheck() != "" && !v.TCP }

// traefikReserve says whether there is a backup that can serve, and another worker too.
func (v *view) traefikReserve() bool {
	backups, others := 0, 0
	for _, w := range v.Workers {
		switch {
		case w.Out:
		case w.Backup:
			backups++
		default:
			others++
		}
	}
	return backups > 0 && others > 0
}

// TraefikServers lists the backups or the others.
func (v *view) TraefikServers(backups bool) string {
	var b strings.Builder
	b.WriteString("# The workers.\nservers:\n")
	separate, n := v.traefikReserve(), 0
	for _, w := range v.Workers {
		switch {
		case (w.Out || separate && w.Backup && !v.TraefikBackups()) && !backups:
			fmt.Fprintf(&b, "  # %d is not here: %s\n", w.Port, w.Said)
		case w.Out, separate && w.Backup != backups:
		default:
			scheme := "http"
			if v.H2C {
				scheme = "h2c"
			}
			fmt.Fprintf(&b, "  - url: %q\n", scheme+"://"+w.Address)
			if w.Share > 1 {
				fmt.Fprintf(&b, "    # --weight %d=%d\n    weight: %d\n", w.Port, w.Share, w.Share)
			}
			n++
		}
	}
	if n == 0 {
		return "# All workers are drained or stopped.\nservers: []"
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// TraefikCheck is the path of checks; empty = there are none.
func (v *view) TraefikCheck() string {
	if v.HealthPath != "" {
		return v.HealthPath
	}
	return v.ReadyPath
}

// Within is how long a check may take.
func (v *view) Within() string {
	if v.HealthPath == "" || v.HealthWithin <= 0 {
		return "1s"
	}
	return milliseconds(v.HealthWithin)
}
