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
	if v.uneven() && (v.Policy.Text != "wrr" || v.TCP) {
		v.note("--weight: Traefik's count for turns of requests only (strategy wrr)")
	}
	if v.TraefikBackups() && v.TCP {
		v.lack("--backup", "Traefik's failover is for requests only", "an ordinary worker")
	}
	if v.TraefikBackups() && v.TraefikCheck() == "" {
		v.lack("--backup without --health-path", "Traefik's failover goes by checks", "backups that are never used")
	}
	if v.SlowStart > 0 {
		v.note("--slow-start: Traefik has none; a worker that is back gets its whole share")
	}
	if v.Hold > 0 {
		v.note("--hold: Traefik waits for a worker as long as its retries take; when none is left, it answers 502 or 503")
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

// TraefikAttempts are as many as there are workers, and two at least.
func (v *view) TraefikAttempts() int { return max(len(v.Workers), 2) }

// TraefikBackups says whether there is a backup that can serve, and another worker too.
func (v *view) TraefikBackups() bool {
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
	separate, n := v.TraefikBackups(), 0
	for _, w := range v.Workers {
		switch {
		case w.Out && !backups:
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
		return "# All workers are drained or stopped.\nservers: []\n"
	}
	return b.String()
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
