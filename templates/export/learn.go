package export

import (
	"fmt"
	"strings"
)

// lack notes that the target cannot do something.
func (v *view) lack(what, why, instead string) { v.Lacks = append(v.Lacks, lack{what, why, instead}) }

// note tells the reader something that changes nothing.
func (v *view) note(format string, args ...any) {
	v.Notes = append(v.Notes, fmt.Sprintf(format, args...))
}

// learn finds out how the target says what the cluster does, and what it cannot say.
func (v *view) learn(target string) error {
	var err error
	if v.Policy, err = policyWord(target, v.PolicyName); err != nil {
		return err
	}
	if target == "compose" || target == "kubernetes" || target == "systemd" || target == "procfile" {
		v.Policy = word{} // each has its own way, or none
	}
	if v.Policy.Lacks != "" {
		v.lack("--policy "+v.PolicyName, v.Policy.Lacks, v.instead())
	}
	if _, name, _ := strings.Cut(v.PolicyName, ":"); !isSimple(name) || !isSimple(v.Sticky.Route) || !isSimple(v.Sticky.Cookie) {
		v.lack(fmt.Sprintf("the name in %q", strings.TrimSpace(name+" "+v.Sticky.Route+v.Sticky.Cookie)), "it has characters that this export does not write", "no such rule")
		v.Policy, v.Sticky = word{}, sticky{}
	}
	v.commonPaths(target)
	if len(v.Unsaid) > 0 {
		v.note("%s: not in this file", oneLine(strings.Join(v.Unsaid, ", ")))
	}
	switch target {
	case "nginx":
		v.learnNginx()
	case "haproxy":
		v.learnHAProxy()
	case "apache":
		v.learnApache()
	case "caddy":
		v.learnCaddy()
	case "traefik":
		v.learnTraefik()
	case "compose":
		v.learnCompose()
	case "kubernetes":
		v.learnKubernetes()
	case "systemd", "procfile":
		v.learnSupervisor(target)
	}
	return nil
}

// commonPaths takes paths with placeholders out, where one path is for all workers.
func (v *view) commonPaths(target string) {
	if target == "apache" || target == "compose" { // have one for each
		return
	}
	for _, p := range []struct {
		setting string
		path    *string
	}{{"--ready-path", &v.ReadyPath}, {"--health-path", &v.HealthPath}} {
		if place(*p.path, func(string) string { return "" }) != *p.path {
			v.note("%s %s: the path is another one for each worker, and here one is for all: no checks", p.setting, *p.path)
			*p.path = ""
		}
	}
}

// placed is a text with placeholders for one worker.
func (v *view) placed(text string, w worker) string {
	return place(text, func(name string) string {
		return map[string]string{
			"port": fmt.Sprint(w.Port), "worker": fmt.Sprint(w.Number), "host": "127.0.0.1", "front": v.URL, "socket": w.Socket,
		}[name]
	})
}

// HTTPSPort is the port that a redirect leads to, with a colon; that of https needs none.
func (v *view) HTTPSPort() string {
	for _, address := range v.Listen {
		if _, port := hostPort(address); isNumber(port) {
			if port == "443" {
				return ""
			}
			return ":" + port
		}
	}
	return ""
}

// instead is the nearest to the policy, in words of its file.
func (v *view) instead() string {
	if v.Policy.Text == "" {
		return "what comes nearest"
	}
	return strings.TrimSuffix(v.Policy.Text, ";")
}
