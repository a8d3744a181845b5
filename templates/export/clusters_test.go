package export

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// A sampleCluster is one that golden files are kept for.
type sampleCluster struct {
	name    string
	cluster Cluster
	options Options
	targets []string // empty = all
}

// plain is what lbdev up -n 3 -- python3 manage.py runserver is.
func plain() Cluster {
	return Cluster{
		Name: "shop", Listen: []string{"127.0.0.1:8080"}, Policy: "round-robin", Cookie: "lbdev_8080",
		Workers: []Worker{{Number: 1, Port: 8000, Weight: 1}, {Number: 2, Port: 8001, Weight: 1}, {Number: 3, Port: 8002, Weight: 1}},
		Command: []string{"python3", "manage.py", "runserver", "127.0.0.1:{port}", "--noreload"}, Program: "/usr/bin/python3", Dir: "/srv/shop",
		Hold: 30 * time.Second, StopSignal: "TERM", StopTimeout: 10 * time.Second,
		DevServer: "Django's runserver is meant for development",
	}
}

// sampleClusters have between them everything that a cluster can have.
func sampleClusters() []sampleCluster {
	with := func(change func(*Cluster)) Cluster {
		c := plain()
		change(&c)
		return c
	}
	balancers := []string{"nginx", "haproxy", "apache", "caddy", "traefik"}
	return []sampleCluster{
		{name: "plain", cluster: plain()},
		{name: "bare", cluster: plain(), options: Options{Bare: true}, targets: []string{"nginx", "haproxy", "apache", "caddy"}},
		{name: "shares", cluster: with(func(c *Cluster) {
			c.Name = "Käse & Brot: 100%"
			c.Workers = []Worker{
				{Number: 1, Port: 8000, Weight: 3}, {Number: 2, Port: 8001, Weight: 1, Down: true}, {Number: 3, Port: 8002, Weight: 1, Backup: true},
				{Number: 4, Port: 8003, Weight: 0}, {Number: 5, Port: 8004, Weight: 1},
			}
			c.Command = []string{"./bin/app server", "--port={port}", "--name", "w{worker}", "--rate", "50%", "--pattern", `a'b"c\$d`, "--url", "{front}/"}
			c.Program, c.DevServer = "/usr/bin/env", ""
			c.Env = []string{"SECRET_KEY", "PORT", "not a name"}
			c.ReadyPath, c.HealthPath = "/ready?a=1", "/healthz"
			c.HealthEvery, c.HealthWithin, c.HealthFall, c.HealthRise = 5*time.Second, 1500*time.Millisecond, 3, 2
			c.MaxBody, c.SlowStart, c.Hold, c.RetryUnsafe, c.StopSignal = 10e6, 10*time.Second, 0, true, "INT"
		})},
		{name: "sticky", cluster: with(func(c *Cluster) { c.Sticky = "cookie" })},
		{name: "route", cluster: with(func(c *Cluster) { c.Sticky, c.Policy = "route:JSESSIONID", "least-conn" })},
		{name: "tcp", cluster: with(func(c *Cluster) { c.TCP, c.Policy = true, "ip-hash" })},
		{name: "sockets", cluster: with(func(c *Cluster) {
			for i := range c.Workers {
				c.Workers[i].Socket = "/run/user/1000/lbdev/shop.d/w" + string(rune('1'+i)) + ".sock"
			}
			c.Command = []string{"gunicorn", "--bind", "unix:{socket}", "app:app"}
			c.DevServer = ""
		})},
		{name: "tls", cluster: with(func(c *Cluster) {
			c.TLSCert, c.TLSKey = "/etc/ssl/my shop/cert.pem", "/etc/ssl/my shop/key.pem"
			c.Listen = []string{"0.0.0.0:8443", "[::1]:8444"}
		})},
		{name: "edge", cluster: with(func(c *Cluster) {
			c.TLSCert, c.TLSKey, c.Listen, c.Redirect, c.ProxyHeader = "/etc/ssl/cert.pem", "/etc/ssl/key.pem", []string{"0.0.0.0:8443"}, "0.0.0.0:8080", true
			c.Concurrency, c.Unsaid = 2, []string{"--eject-5xx", "--trusted-proxies"}
		})},
		{name: "h2c", cluster: with(func(c *Cluster) { c.H2C, c.Policy = true, "header-hash:X-Customer" })},
		{name: "first", cluster: with(func(c *Cluster) { c.Policy = "first" }), targets: balancers},
		{name: "cookie-hash", cluster: with(func(c *Cluster) { c.Policy = "cookie-hash:sid" }), targets: balancers},
		{name: "fastest", cluster: with(func(c *Cluster) { c.Policy = "fastest" }), targets: balancers},
		{name: "windows", cluster: with(func(c *Cluster) {
			c.TLSCert, c.TLSKey = `C:\certs\my cert.pem`, `C:\certs\key.pem`
		}), options: Options{Windows: true}, targets: []string{"nginx", "haproxy"}},
	}
}

func (s sampleCluster) each() []string {
	if s.targets != nil {
		return s.targets
	}
	var all []string
	for _, t := range Targets() {
		all = append(all, t.Name)
	}
	return all
}

// TestGolden holds what is written: whoever changes it sees it in the files below testdata/golden/export.
func TestGolden(t *testing.T) {
	kept := map[string]bool{}
	root := filepath.Join("..", "..", "testdata", "golden", "export")
	for _, s := range sampleClusters() {
		for _, target := range s.each() {
			files, err := Render(target, s.cluster, s.options)
			if err != nil {
				t.Fatal(err)
			}
			archive := &txtar.Archive{}
			for _, f := range files {
				archive.Files = append(archive.Files, txtar.File{Name: f.Name, Data: []byte(f.Text)})
			}
			name := filepath.Join(root, target, s.name+".txtar")
			kept[name] = true
			compare(t, name, txtar.Format(archive))
		}
	}
	found, err := filepath.Glob(filepath.Join(root, "*", "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range found {
		if !kept[name] {
			t.Errorf("%s is a golden file of nothing", name)
		}
	}
}

func compare(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != string(got) {
		t.Errorf("%s is another one; go test ./templates/export -run Golden -update writes it anew:\n%s", name, got)
	}
}

// TestBareHasNoComments: and what is left means the same, as the checks of the programs and the golden files show.
func TestBareHasNoComments(t *testing.T) {
	for _, s := range sampleClusters() {
		for _, target := range s.each() {
			files, err := Render(target, s.cluster, Options{Bare: true, Windows: s.options.Windows})
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				for line := range strings.Lines(f.Text) {
					if strings.HasPrefix(strings.TrimSpace(line), "#") {
						t.Errorf("%s of %s: %s", f.Name, s.name, line)
					}
				}
			}
		}
	}
}

// TestCommentsSayTheCommands: what lbdev export says to do next stands in the files too.
func TestCommentsSayTheCommands(t *testing.T) {
	for _, target := range Targets() {
		files, err := Render(target.Name, plain(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		next := NextOf(target.Name, plain(), Options{})
		for _, command := range []string{next.Check, next.Run} {
			for part := range strings.SplitSeq(command, " && ") {
				if !strings.Contains(files[0].Text, part) {
					t.Errorf("%s does not say %q", files[0].Name, part)
				}
			}
		}
	}
}
