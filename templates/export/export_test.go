package export

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestFragmentSaysNo: who runs a piece is told what it would not do; who reads a file is told in it, with what is written instead.
func TestFragmentSaysNo(t *testing.T) {
	tests := []struct {
		target, what string
		change       func(*Cluster)
	}{
		{"nginx", "--policy fastest", func(c *Cluster) { c.Policy = "fastest" }},
		{"nginx", "--policy first", func(c *Cluster) { c.Policy = "first" }},
		{"nginx", "--policy cookie-hash:my-id", func(c *Cluster) { c.Policy = "cookie-hash:my-id" }},
		{"nginx", "--backup 8001", func(c *Cluster) { c.Policy, c.Workers[1].Backup = "ip-hash", true }},
		{"nginx", "--upstream h2c", func(c *Cluster) { c.H2C = true }},
		{"nginx", "--sticky cookie:my-id", func(c *Cluster) { c.Sticky = "cookie:my-id" }},
		{"haproxy", "--policy fastest", func(c *Cluster) { c.Policy = "fastest" }},
		{"apache", "--policy ip-hash", func(c *Cluster) { c.Policy = "ip-hash" }},
		{"apache", "--mode tcp", func(c *Cluster) { c.TCP = true }},
		{"apache", "--listen unix:/run/a.sock", func(c *Cluster) { c.Listen = []string{"unix:/run/a.sock"} }},
		{"caddy", "--mode tcp", func(c *Cluster) { c.TCP = true }},
		{"caddy", "--backup 8001", func(c *Cluster) { c.Workers[1].Backup = true }},
		{"caddy", "--policy cookie-hash:sid", func(c *Cluster) { c.Policy = "cookie-hash:sid" }},
		{"caddy", "--weight with --policy least-conn", func(c *Cluster) { c.Policy, c.Workers[1].Weight = "least-conn", 2 }},
		{"nginx", `the name in "a!b"`, func(c *Cluster) { c.Policy = "header-hash:a!b" }},
		{"haproxy", `the name in "a|b"`, func(c *Cluster) { c.Sticky = "cookie:a|b" }},
	}
	for _, tt := range tests {
		t.Run(tt.target+" "+tt.what, func(t *testing.T) {
			c := plain()
			tt.change(&c)
			if _, err := Fragment(tt.target, c, Options{}); err == nil || !strings.HasPrefix(err.Error(), "cannot have ") || !strings.Contains(err.Error(), tt.what) {
				t.Errorf("got %v", err)
			}
			files, err := Render(tt.target, c, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(files[0].Text, "NOT THE SAME: "+tt.what) && !strings.HasPrefix(files[0].Text, "# ") {
				t.Errorf("the file does not say it:\n%s", files[0].Text)
			}
		})
	}
}

// TestNothingGetsOut: no text of a cluster's can end the line, the word or the block that it stands in.
func TestNothingGetsOut(t *testing.T) {
	refused := []func(*Cluster){
		func(c *Cluster) { c.Workers = nil },
		func(c *Cluster) { c.Workers[0].Port = 0 },
		func(c *Cluster) { c.Workers[0].Port = 65536 },
		func(c *Cluster) { c.Workers[0].Host = "a;b" },
		func(c *Cluster) { c.Listen = nil },
		func(c *Cluster) { c.Listen = []string{"127.0.0.1:80;"} },
		func(c *Cluster) { c.Listen = []string{"a b:80"} },
		func(c *Cluster) { c.Listen = []string{"unix:/a\nb"} },
		func(c *Cluster) { c.Workers[0].Socket = "/a\nb" },
		func(c *Cluster) { c.ReadyPath = "/a\nb" },
		func(c *Cluster) { c.HealthPath = "/a\nb" },
		func(c *Cluster) { c.TLSCert = "a\nb" },
		func(c *Cluster) { c.TLSCert = "/a$b" },
		func(c *Cluster) { c.TLSKey = "/a{b}" },
		func(c *Cluster) { c.Workers[0].Socket = "/a\"b" },
		func(c *Cluster) { c.Dir = "a\nb" },
		func(c *Cluster) { c.Program = "a\nb" },
		func(c *Cluster) { c.StopSignal = "TERM\nExecStart=x" },
		func(c *Cluster) { c.Policy = "header-hash:a b" },
		func(c *Cluster) { c.Policy = "best" },
		func(c *Cluster) { c.Sticky = "route:a;b" },
		func(c *Cluster) { c.Cookie = "a b" },
	}
	for i, change := range refused {
		for _, target := range Targets() {
			c := plain()
			change(&c)
			if _, err := Render(target.Name, c, Options{}); err == nil || !strings.HasPrefix(err.Error(), "cannot export") {
				t.Errorf("%d, %s: %v", i, target.Name, err)
			}
		}
	}
	c := plain()
	c.Name, c.DevServer = "a\nb\u2028c { }", "x\ny"
	c.Command = []string{"a", "b\nc: d", "$(x) ${y} `z` %n"}
	for _, target := range Targets() {
		files, err := Render(target.Name, c, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			for line := range strings.Lines(f.Text) {
				if strings.HasPrefix(line, "b\u2028") || strings.HasPrefix(line, "b c") || strings.HasPrefix(line, "c:") || strings.HasPrefix(line, "y") {
					t.Errorf("%s: %q got out", f.Name, line)
				}
			}
		}
	}
}

func TestIdentifier(t *testing.T) {
	tests := map[string]string{
		"shop": "shop", "My Shop!": "my-shop", "Käse & Brot": "k-se-brot", "": "lbdev", "!!!": "lbdev", "2048": "lbdev-2048", "a--b": "a-b", "-x-": "x",
		strings.Repeat("abc-", 20): "abc-abc-abc-abc-abc-abc-abc-abc-abc-abc",
	}
	for name, want := range tests {
		if got := identifier(name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}

// TestCaddyOrder: a heavy worker stands there as often as its weight says, and not in a row.
func TestCaddyOrder(t *testing.T) {
	for _, tt := range []struct {
		weights []int
		want    string
	}{
		{[]int{1, 1, 1}, "[1 2 3]"}, {[]int{2, 2}, "[1 2]"}, {[]int{5, 1, 1}, "[1 1 2 1 3 1 1]"}, {[]int{0, 1}, "[2]"}, {[]int{0, 0}, "[]"}, {[]int{4, 2}, "[1 2 1]"},
	} {
		c := plain()
		c.Workers = nil
		for i, weight := range tt.weights {
			c.Workers = append(c.Workers, Worker{Number: i + 1, Port: 8000 + i, Weight: weight})
		}
		v, err := newView("caddy", c, Options{})
		if err != nil {
			t.Fatal(err)
		}
		numbers := []int{}
		for _, w := range v.order() {
			numbers = append(numbers, w.Number)
		}
		if got := fmt.Sprint(numbers); got != tt.want {
			t.Errorf("weights %v: %s, want %s", tt.weights, got, tt.want)
		}
	}
}

// TestNoSecrets: of the environment there are names.
func TestNoSecrets(t *testing.T) {
	c := plain()
	c.Env = []string{"SECRET_KEY", "DATABASE_URL"}
	for _, target := range []string{"compose", "kubernetes", "systemd", "procfile"} {
		files, err := Render(target, c, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(files, func(f File) bool {
			return strings.Contains(f.Text, "SECRET_KEY") && strings.Contains(f.Text, "DATABASE_URL") && strings.Contains(f.Text, "not copied")
		}) {
			t.Errorf("%s does not say which variables there must be", target)
		}
	}
}

func TestUnknownTarget(t *testing.T) {
	if _, err := Render("iis", plain(), Options{}); err == nil || !strings.Contains(err.Error(), "nginx, haproxy") {
		t.Errorf("got %v", err)
	}
	if _, err := Fragment("kubernetes", plain(), Options{}); err == nil {
		t.Error("Kubernetes has no piece")
	}
}

// TestPathsOfWorkers: a health path with placeholders is each worker's own where it can be, and else there are no checks.
func TestPathsOfWorkers(t *testing.T) {
	c := plain()
	c.HealthPath = "/health/{worker}?port=%port%"
	for target, want := range map[string]string{
		"apache": `hcuri="/health/2?port=8001"`, "compose": `http://127.0.0.1:8001/health/2?port=8001`,
		"haproxy": "no checks", "caddy": "no checks", "traefik": "no checks", "kubernetes": "no checks", "nginx": "no checks",
	} {
		files, err := Render(target, c, Options{})
		if err != nil {
			t.Fatal(err)
		}
		var all strings.Builder
		for _, f := range files {
			all.WriteString(f.Text)
		}
		if !strings.Contains(all.String(), want) || want == "no checks" && strings.Contains(all.String(), `"/health`) {
			t.Errorf("%s does not have %s:\n%s", target, want, all.String())
		}
	}
}
