package export

import (
	"embed"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"text/template"
)

//go:embed *.tmpl
var texts embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"indent": indent,
	"quote":  quote,
	"regexp": regexp.QuoteMeta,
	"lower":  strings.ToLower,
	"yaml":   yamlText,
}).ParseFS(texts, "*.tmpl"))

// Targets are all programs that there is an export for, in the order in which people get to know them.
func Targets() []Target {
	all := make([]Target, len(targets))
	for i, t := range targets {
		all[i] = t.Target
	}
	return all
}

// A target is one of them and how it is written.
type target struct {
	Target
	fragment func(*view) string // the piece that a main file has or includes; nil = there is no such piece
	files    func(*view) []File
}

var targets = []target{
	{Target{"nginx", "nginx", "nginx.conf, and a piece for an nginx that runs already"}, part("nginx.part"), whole("nginx.main", "nginx.conf", ".conf")},
	{Target{"haproxy", "HAProxy", "haproxy.cfg, and a piece for an HAProxy that runs already"}, part("haproxy.part"), whole("haproxy.main", "haproxy.cfg", ".cfg")},
	{Target{"apache", "Apache", "httpd.conf, and a piece for an Apache that runs already"}, part("apache.part"), whole("apache.main", "httpd.conf", ".conf")},
	{Target{"caddy", "Caddy", "a Caddyfile, and a piece for a Caddy that runs already"}, part("caddy.part"), whole("caddy.main", "Caddyfile", ".caddyfile")},
	{Target{"traefik", "Traefik", "traefik.yml and dynamic.yml"}, nil, writeTraefik},
	{Target{"compose", "Docker Compose", "compose.yaml: a service per worker, and nginx before them"}, nil, writeCompose},
	{Target{"kubernetes", "Kubernetes", "a Deployment, a Service and an Ingress"}, nil, func(v *view) []File {
		return []File{{Name: v.ID + ".yaml", Text: v.execute("kubernetes.main")}}
	}},
	{Target{"systemd", "systemd", "a unit that each worker is an instance of, and a target for all"}, nil, writeSystemd},
	{Target{"procfile", "Procfile", "a Procfile for foreman and its like"}, nil, writeProcfile},
}

// find returns the target of a name.
func find(name string) (*target, error) {
	names := make([]string, len(targets))
	for i := range targets {
		if targets[i].Name == name {
			return &targets[i], nil
		}
		names[i] = targets[i].Name
	}
	return nil, fmt.Errorf("cannot export for %q: it must be %s", name, strings.Join(names, ", "))
}

// Render writes a cluster down for the target of that name. What the program lacks is said in comments, and the nearest that it has is
// written. The first file is the one to begin with.
func Render(name string, c Cluster, o Options) ([]File, error) {
	t, err := find(name)
	if err != nil {
		return nil, err
	}
	v, err := newView(name, c, o)
	if err != nil {
		return nil, err
	}
	files := t.files(v)
	for i := range files {
		files[i].Text = t.tidy(files[i].Text, o.Bare)
	}
	return files, nil
}

// Fragment is the piece that a program's main configuration includes: of nginx in "http" (in mode tcp in "stream"), of HAProxy a second -f, of Apache
// in the server's configuration, of Caddy outside of sites. It is an error if the program cannot do what the cluster is set to.
func Fragment(name string, c Cluster, o Options) (string, error) {
	t, err := find(name)
	if err != nil {
		return "", err
	}
	if t.fragment == nil {
		return "", fmt.Errorf("cannot write a piece for %s: it has none", t.Title)
	}
	v, err := newView(name, c, o)
	if err != nil {
		return "", err
	}
	var faults []error
	for _, l := range v.Lacks {
		faults = append(faults, fmt.Errorf("cannot have %s do %s: %s", t.Title, l.What, l.Why))
	}
	if err := errors.Join(faults...); err != nil {
		return "", err
	}
	return t.tidy(t.fragment(v), o.Bare), nil
}

// part writes the piece of that template.
func part(name string) func(*view) string {
	return func(v *view) string { return v.execute(name) }
}

// whole writes a main file that has the piece in it, and the piece alone.
func whole(main, file, ext string) func(*view) []File {
	return func(v *view) []File {
		v.Part = tidy(v.execute(strings.TrimSuffix(main, "main")+"part"), v.Bare)
		if v.Unfit != "" {
			return []File{{Name: file, Text: v.execute("unfit")}}
		}
		return []File{{Name: file, Text: v.execute(main)}, {Name: v.ID + ext, Text: v.Part, Part: true}}
	}
}

// execute runs a template. These are ours and their data is checked: an error is a mistake in this package.
func (v *view) execute(name string) string {
	var b strings.Builder
	if err := templates.ExecuteTemplate(&b, name, v); err != nil {
		panic(fmt.Sprintf("export: %v", err))
	}
	return b.String()
}

// tidy ends a text with one line break and has no two empty lines in a row; bare is without comments.
func tidy(text string, bare bool) string {
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \r\n")
		trimmed := strings.TrimSpace(line)
		switch {
		case bare && strings.HasPrefix(trimmed, "#"):
		case trimmed == "" && (len(lines) == 0 || lines[len(lines)-1] == "" || opens(lines[len(lines)-1])):
		default:
			lines = append(lines, line)
		}
	}
	for i := len(lines) - 1; i > 0; i-- {
		if lines[i-1] == "" && strings.TrimSpace(lines[i]) == "}" {
			lines = slices.Delete(lines, i-1, i)
		}
	}
	return strings.TrimSpace(strings.Join(lines, "\n")) + "\n"
}

// tabbed has a tab for every four spaces before a line, as caddy fmt wants it.
func tabbed(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		body := strings.TrimLeft(line, " ")
		b.WriteString(strings.Repeat("\t", (len(line)-len(body))/4) + body)
	}
	return b.String()
}

// tidy is tidy, in the target's own habit.
func (t *target) tidy(text string, bare bool) string {
	if text = tidy(text, bare); t.Name == "caddy" {
		text = tabbed(text)
	}
	return text
}

// opens says whether a line begins a block, which begins without an empty line.
func opens(line string) bool { return strings.HasSuffix(line, "{") }

// indent puts a margin before every line that is not empty.
func indent(margin, text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) != "" {
			b.WriteString(margin)
		}
		b.WriteString(line)
	}
	return b.String()
}

// quote makes text one word of nginx, Apache or Caddy.
func quote(text string) string {
	if text != "" && !strings.ContainsAny(text, " \t\"'\\{}$;#`") {
		return text
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// oneLine is text that cannot leave the line of its comment.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x2028 || r == 0x2029 || r == 0x85 {
			return ' '
		}
		return r
	}, text)
}

// hostPort splits an address that lbdev made.
func hostPort(address string) (host, port string) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address, ""
	}
	return host, port
}
