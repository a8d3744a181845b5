package export

import (
	"fmt"
	"strings"
)

func (v *view) learnNginx() {
	kind, name, _ := strings.Cut(v.PolicyName, ":")
	if kind == "cookie-hash" && strings.Contains(name, "-") {
		v.lack("--policy "+v.PolicyName, "nginx's variables have no - in their names", "turns")
		v.Policy = word{}
	}
	if v.H2C {
		v.lack("--upstream h2c", "before version 1.29.4 nginx speaks HTTP/2 to workers of gRPC only (grpc_pass)", "HTTP/1.1")
	}
	v.nginxSticky()
	v.nginxFirst(kind)
	v.nginxBackups()
	if v.Concurrency > 0 {
		v.note("--worker-concurrency (max_conns): nginx lets nobody wait; when all workers have that many, it answers 502")
	}
	if v.SlowStart > 0 {
		v.note("--slow-start: nginx has it in its commercial version only")
	}
	if v.HealthPath != "" {
		v.note("--health-path: nginx checks workers from time to time in its commercial version only; here a request that fails takes one out")
	}
	if v.Hold > 0 {
		v.note("--hold: nginx never waits for a worker; when none is left, it answers 502 at once")
	}
	if v.Windows {
		for _, w := range v.Workers {
			if w.Socket != "" {
				v.lack("{socket}", "nginx for Windows has no unix sockets", "ports")
				break
			}
		}
	}
}

// maxHomes is how many workers clients are kept at: each takes a group that names all of them.
const maxHomes = 32

// nginxSticky keeps clients by a group of its own for each worker, in which the others are backups: nginx's directive "sticky" was long part
// of its commercial version only.
func (v *view) nginxSticky() {
	switch {
	case v.Sticky == (sticky{}):
		return
	case strings.Contains(v.Sticky.Cookie+v.Sticky.Route, "-"):
		v.lack("--sticky "+v.Cluster.Sticky, "nginx's variables have no - in their names", "hash $remote_addr: a client's address keeps it at its worker")
	case len(v.Workers) > maxHomes:
		v.lack("--sticky "+v.Cluster.Sticky, fmt.Sprintf("that takes a group per worker, which for more than %d is too much", maxHomes), "hash $remote_addr: a client's address keeps it at its worker")
	default:
		return
	}
	v.Sticky, v.Policy = sticky{}, word{Text: "hash $remote_addr consistent;"}
}

// A home is the group of the clients of one worker.
type home struct {
	worker
	Name    string
	Servers []string
}

// NginxHomes are those of all workers that get requests.
func (v *view) NginxHomes() (homes []home) {
	if v.Sticky == (sticky{}) {
		return nil
	}
	for i, w := range v.Workers {
		if w.Out {
			continue
		}
		w.Backup, w.Share = false, 1
		h := home{worker: w, Name: fmt.Sprintf("%s-%d", v.ID, w.Port), Servers: []string{w.NginxServer(v.Windows)}}
		for _, other := range v.others(i) {
			other.Backup = true
			h.Servers = append(h.Servers, other.NginxServer(v.Windows))
		}
		homes = append(homes, h)
	}
	return homes
}

// nginxFirst writes policy first as one worker and its backups.
func (v *view) nginxFirst(kind string) {
	if kind != "first" {
		return
	}
	first := true
	for i := range v.Workers {
		w := &v.Workers[i]
		if w.Out || w.Backup {
			continue
		}
		w.Backup, first = !first, false
	}
	if len(v.Lacks) > 0 {
		v.Lacks[0].Instead = "the first worker, and the others as backups"
	}
}

// nginxBackups takes backups out where nginx refuses them: with hashes and random.
func (v *view) nginxBackups() {
	if !strings.HasPrefix(v.Policy.Text, "hash") && !strings.HasPrefix(v.Policy.Text, "random") {
		return
	}
	for i := range v.Workers {
		w := &v.Workers[i]
		if w.Backup && !w.Out {
			v.lack(fmt.Sprintf("--backup %d", w.Port), "nginx has no backups with "+strings.TrimSuffix(v.Policy.Text, ";"), `"down", to be removed when it is needed`)
			w.Out = true
		}
	}
}

// NginxServer is a worker's line in an upstream.
func (w worker) NginxServer(windows bool) string {
	address := w.Address
	if w.Socket != "" && !windows {
		address = quote("unix:" + w.Socket)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "server %s", address)
	if w.Share > 1 {
		fmt.Fprintf(&b, " weight=%d", w.Share)
	}
	if w.most > 0 {
		fmt.Fprintf(&b, " max_conns=%d", w.most)
	}
	b.WriteString(" max_fails=1 fail_timeout=1s")
	switch {
	case w.Out:
		b.WriteString(" down")
	case w.Backup:
		b.WriteString(" backup")
	}
	return b.String() + ";"
}

// NginxPath is a file's path in nginx's words.
func (v *view) NginxPath(path string) string {
	if v.Windows {
		path = strings.ReplaceAll(path, `\`, "/")
	}
	return quote(path)
}
