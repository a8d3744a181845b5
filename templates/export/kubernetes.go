package export

import (
	"fmt"
	"strings"
	"time"
)

func (v *view) learnKubernetes() {
	kind, name, _ := strings.Cut(v.PolicyName, ":")
	switch kind {
	case "round-robin", "ip-hash", "uri-hash", "cookie-hash", "header-hash":
	default:
		v.lack("--policy "+v.PolicyName, "a Service has no such rule, and Ingress controllers share none", "turns")
	}
	if (kind == "cookie-hash" || kind == "header-hash") && !isSimple(name) {
		v.PolicyName = "round-robin"
	}
	uneven, backups, out := false, false, 0
	for _, w := range v.Workers {
		uneven, backups = uneven || w.Weight != v.Workers[0].Weight, backups || w.Backup
		if w.Out {
			out++
		}
	}
	if uneven {
		v.lack("--weight", "pods of one Deployment are all alike", "equal shares")
	}
	if backups {
		v.lack("--backup", "pods of one Deployment are all alike", "an ordinary pod")
	}
	if out > 0 {
		v.note("%d of the workers are drained or stopped now; here all run", out)
	}
	if v.Sticky.Route != "" {
		v.lack("--sticky "+v.Cluster.Sticky, "pods have no numbers that a route could name", "a cookie of the controller's")
		v.Sticky = sticky{Cookie: defaultTo(v.Cookie, "lbdev_worker")}
	}
	if v.SlowStart > 0 {
		v.note("--slow-start: a new pod gets its whole share when its readiness probe succeeds")
	}
	if v.Hold > 0 {
		v.note("--hold: nothing waits for a pod; when none is ready, the controller answers 503")
	}
	v.notePaths()
	if len(v.Command) == 0 {
		v.note("the workers' command is not known; the image's own runs, and must listen on $PORT")
	}
}

// KubernetesCommand is the command as a list; empty = it is not known.
func (v *view) KubernetesCommand() string {
	if len(v.Command) == 0 {
		return ""
	}
	port := v.Workers[0].Port
	words := make([]string, len(v.Command))
	for i, arg := range v.Command {
		arg = strings.ReplaceAll(arg, "$(", "$$(") // which Kubernetes would replace
		arg = place(arg, func(name string) string {
			return map[string]string{
				"port": fmt.Sprint(port), "worker": "$(LBDEV_WORKER)", "host": "0.0.0.0", "front": v.URL, "socket": "/tmp/worker.sock",
			}[name]
		})
		words[i] = yamlText(everywhere(arg, port))
	}
	return "[" + strings.Join(words, ", ") + "]"
}

// KubernetesReady is the path of readiness; empty = a connection is enough. Any answer on / would do for lbdev, but not for a probe.
func (v *view) KubernetesReady() string {
	switch {
	case v.TCP:
		return ""
	case v.ReadyPath != "":
		return v.ReadyPath
	}
	return v.HealthPath
}

// KubernetesAffinity is the setting that has the Service look at the client's address; empty = none does. With an Ingress the client is the
// controller, which chooses itself.
func (v *view) KubernetesAffinity() string {
	if v.TCP && v.PolicyName == "ip-hash" {
		return "--policy ip-hash"
	}
	return ""
}

// FrontPort is the port that people come to.
func (v *view) FrontPort() string {
	if _, port := hostPort(v.Listen[0]); isNumber(port) {
		return port
	}
	return "80"
}

// An annotation is a setting of the Ingress controller.
type annotation struct{ Name, Value, Comment string }

// Annotations are those that the settings ask for.
func (v *view) Annotations() (all []annotation) {
	add := func(name, value, comment string) { all = append(all, annotation{name, value, comment}) }
	size := "0"
	if v.MaxBody > 0 {
		size = fmt.Sprint(v.MaxBody)
	}
	add("proxy-body-size", size, "--max-body; 0 is any size. (The controller's own limit is 1 MB.)")
	add("proxy-buffering", "off", "Answers go on as they come, as event streams need it.")
	add("proxy-read-timeout", "3600", "How long a worker may send nothing, in seconds.")
	next := "error timeout"
	if v.RetryUnsafe {
		next += " non_idempotent"
	}
	add("proxy-next-upstream", next, "A dead worker: the request goes on to the next one. A POST does so only if it was not sent, or with non_idempotent.")
	kind, name, _ := strings.Cut(v.PolicyName, ":")
	switch kind {
	case "ip-hash":
		add("upstream-hash-by", "$remote_addr", "--policy ip-hash")
	case "uri-hash":
		add("upstream-hash-by", "$uri", "--policy uri-hash")
	case "header-hash":
		add("upstream-hash-by", "$http_"+strings.ToLower(strings.ReplaceAll(name, "-", "_")), "--policy "+v.PolicyName)
	case "cookie-hash":
		add("upstream-hash-by", "$cookie_"+name, "--policy "+v.PolicyName)
	}
	if v.Sticky.Cookie != "" {
		add("affinity", "cookie", "--sticky "+v.Cluster.Sticky)
		add("session-cookie-name", v.Sticky.Cookie, "The cookie's name.")
	}
	if v.H2C {
		add("backend-protocol", "GRPC", "--upstream h2c: the controller speaks HTTP/2 to apps of gRPC only.")
	}
	return all
}

// whole is a time in seconds, one at least.
func wholeSeconds(d time.Duration) int { return max(int(d.Round(time.Second)/time.Second), 1) }

// GraceSeconds is how long a pod has to end.
func (v *view) GraceSeconds() int { return wholeSeconds(v.StopTimeout) + 3 }

// EverySeconds is the time between two probes.
func (v *view) EverySeconds() int {
	if v.HealthPath == "" {
		return 1
	}
	return wholeSeconds(v.HealthEvery)
}

// WithinSeconds is how long a probe may take.
func (v *view) WithinSeconds() int {
	if v.HealthPath == "" {
		return 1
	}
	return wholeSeconds(v.HealthWithin)
}

// LivenessFall is more patient than readiness: a pod out of rotation may come back, a killed one starts from nothing.
func (v *view) LivenessFall() int { return max(3*v.Fall(), 3) }
