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
	if v.Sticky != (sticky{}) {
		v.lack("--sticky "+v.Cluster.Sticky, "nginx's sticky was long part of its commercial version only", "hash $remote_addr: a client's address keeps it at its worker")
		v.Policy = word{Text: "hash $remote_addr consistent;"}
	}
	v.nginxFirst(kind)
	v.nginxBackups()
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
	v.Lacks[0].Instead = "the first worker, and the others as backups"
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
