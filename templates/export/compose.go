package export

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// learnCompose asks nginx, which is the front there.
func (v *view) learnCompose() {
	for i := range v.Workers {
		if v.Workers[i].Socket != "" {
			v.lack("{socket}", "containers share no folder of sockets", "ports")
			break
		}
	}
	if len(v.Command) == 0 {
		v.note("the workers' command is not known; the image's own runs, and must listen on $PORT")
	}
	v.notePaths()
}

// notePaths tells of a command that is one of this machine.
func (v *view) notePaths() {
	if slices.ContainsFunc(v.Command, func(arg string) bool {
		return strings.HasPrefix(arg, "/") || strings.Contains(arg, `:\`) || strings.HasPrefix(arg, ".venv") || v.Dir != "" && strings.Contains(arg, v.Dir)
	}) {
		v.note("the command has paths of this machine; in the image they are others")
	}
}

func writeCompose(v *view) []File {
	inside := v.Cluster
	inside.Listen = nil
	for _, address := range v.Listen {
		if _, port := hostPort(address); port != "" && !strings.HasPrefix(address, "unix:") {
			inside.Listen = append(inside.Listen, "0.0.0.0:"+port)
		}
	}
	if len(inside.Listen) == 0 {
		inside.Listen = []string{"0.0.0.0:8080"}
	}
	if v.TLSCert != "" {
		inside.TLSCert, inside.TLSKey = "/etc/nginx/front.crt", "/etc/nginx/front.key"
	}
	inside.Workers = slices.Clone(v.Cluster.Workers)
	for i := range inside.Workers {
		inside.Workers[i].Host, inside.Workers[i].Socket = v.ServiceOf(v.Workers[i]), ""
	}
	front, err := newView("nginx", inside, Options{Bare: v.Bare})
	if err != nil {
		panic(fmt.Sprintf("export: %v", err)) // it is v's cluster, which was checked
	}
	name := v.NginxFile()
	text := front.execute("nginx.part")
	if v.TCP {
		front.Part = tidy(text, v.Bare)
		text = front.execute("nginx.stream")
	}
	return []File{{Name: "compose.yaml", Text: v.execute("compose.main")}, {Name: name, Text: text}}
}

// NginxFile is the name of nginx's file.
func (v *view) NginxFile() string {
	if v.TCP {
		return "nginx.conf"
	}
	return v.ID + ".conf"
}

// ServiceOf is the name of a worker's service, and so that of its host.
func (v *view) ServiceOf(w worker) string { return fmt.Sprintf("%s-%d", v.ID, w.Port) }

// CommandOf is a worker's command, as a list in YAML; empty = it is not known.
func (v *view) CommandOf(w worker) string {
	if len(v.Command) == 0 {
		return ""
	}
	words := make([]string, len(v.Command))
	for i, arg := range v.Command {
		arg = place(arg, func(name string) string {
			return map[string]string{
				"port": fmt.Sprint(w.Port), "worker": fmt.Sprint(w.Number), "host": "0.0.0.0", "front": v.URL, "socket": "/tmp/worker.sock",
			}[name]
		})
		words[i] = yamlText(strings.ReplaceAll(everywhere(arg, w.Port), "$", "$$"))
	}
	return "[" + strings.Join(words, ", ") + "]"
}

// everywhere turns the loopback address of an argument into that of all interfaces.
func everywhere(arg string, port int) string {
	at := fmt.Sprintf("127.0.0.1:%d", port)
	if arg == "127.0.0.1" || strings.HasSuffix(arg, at) || strings.HasSuffix(arg, "=127.0.0.1") {
		return strings.Replace(arg, "127.0.0.1", "0.0.0.0", 1)
	}
	return arg
}

// CheckURL is what a container asks itself.
func (v *view) CheckURL(w worker) string {
	return yamlText(fmt.Sprintf("http://127.0.0.1:%d%s", w.Port, strings.ReplaceAll(v.placed(v.TraefikCheck(), w), "$", "$$")))
}

// ComposePorts publishes the front's addresses.
func (v *view) ComposePorts() []string {
	var ports []string
	for _, address := range v.Listen {
		if host, port := hostPort(address); port != "" && !strings.HasPrefix(address, "unix:") {
			if strings.Contains(host, ":") {
				host = "[" + host + "]"
			}
			ports = append(ports, host+":"+port+":"+port)
		}
	}
	if len(ports) == 0 {
		ports = []string{"127.0.0.1:8080:8080"}
	}
	return ports
}

// OwnEnv are the names that the user has set, but for those that every worker has anyway.
func (v *view) OwnEnv() []string {
	var names []string
	for _, name := range v.Env {
		switch name {
		case "PORT", "HOST", "LBDEV_WORKER", "LBDEV_PORT", "LBDEV_CLUSTER", "LBDEV_FRONT":
		default:
			if isVariable(name) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// isVariable says whether text can be the name of a variable everywhere.
func isVariable(text string) bool {
	for i, r := range text {
		if !(r == '_' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || i > 0 && r >= '0' && r <= '9') {
			return false
		}
	}
	return text != ""
}

// Signal is the name of the signal that ends a worker.
func (v *view) Signal() string {
	return defaultTo(strings.TrimPrefix(strings.ToUpper(v.StopSignal), "SIG"), "TERM")
}

// Grace is how long a worker may take to end.
func (v *view) Grace() string { return milliseconds(max(v.StopTimeout, time.Second)) }

// yamlText is text as a string of YAML: those of JSON are.
func yamlText(text string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		panic(fmt.Sprintf("export: %v", err)) // a string can be encoded
	}
	return strings.TrimSuffix(b.String(), "\n")
}
