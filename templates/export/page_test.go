package export

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

const balancersPage = "../../docs/balancers.md"

// TestBalancersPage: the tables of docs/balancers.md that can be made are made from what is exported.
func TestBalancersPage(t *testing.T) {
	old, err := os.ReadFile(balancersPage)
	if err != nil {
		t.Fatal(err)
	}
	page := string(old)
	for name, text := range map[string]string{"targets": targetsTable(), "policies": policiesTable(), "lacks": lacksLists(t)} {
		between := regexp.MustCompile(`(?s)(<!-- ` + name + `: [^\n]*-->\n).*?(<!-- end -->)`)
		if !between.MatchString(page) {
			t.Fatalf("there is no place for %s", name)
		}
		page = between.ReplaceAllStringFunc(page, func(was string) string {
			m := between.FindStringSubmatch(was)
			return m[1] + text + m[2]
		})
	}
	if *update {
		if err := os.WriteFile(balancersPage, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if page != string(old) {
		t.Errorf("it is out of date; go test ./templates/export -run BalancersPage -update writes\n%s", page)
	}
	for _, p := range policies {
		if !strings.Contains(page, "| `"+p.name+"` |") {
			t.Errorf("it does not mention %s", p.name)
		}
	}
}

func targetsTable() string {
	var b strings.Builder
	b.WriteString("| target | program | what is written |\n|---|---|---|\n")
	for _, t := range Targets() {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", t.Name, t.Title, t.About)
	}
	return b.String()
}

func policiesTable() string {
	var b strings.Builder
	b.WriteString("| lbdev | nginx | HAProxy | Apache (`lbmethod`) | Caddy (`lb_policy`) | Traefik (`strategy`) |\n|---|---|---|---|---|---|\n")
	for _, p := range policies {
		fmt.Fprintf(&b, "| `%s` |", p.name)
		for i, w := range []word{p.nginx, p.haproxy, p.apache, p.caddy, p.traefik} {
			text := strings.TrimSuffix(w.Text, ";")
			switch {
			case text == "" && w.Lacks == "":
				text = "(no line)"
			case text == "":
				text = "nearest: one worker, the others `backup`"
			case w.Lacks != "":
				text = "nearest: `" + text + "`"
			default:
				text = "`" + text + "`"
			}
			if p.name == "first" && i == 2 {
				text = "`byrequests` with `lbset=0`, `1`, `2` …"
			}
			fmt.Fprintf(&b, " %s |", text)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// lacksLists says for each balancer what it lacks of each setting alone.
func lacksLists(t *testing.T) string {
	t.Helper()
	settings := []func(*Cluster){
		func(c *Cluster) { c.Sticky = "cookie" },
		func(c *Cluster) { c.Sticky = "route:JSESSIONID" },
		func(c *Cluster) { c.Workers[1].Weight = 3 },
		func(c *Cluster) { c.Workers[1].Backup = true },
		func(c *Cluster) { c.Hold = 30 * time.Second },
		func(c *Cluster) { c.SlowStart = 10 * time.Second },
		func(c *Cluster) { c.HealthPath = "/healthz" },
		func(c *Cluster) { c.RetryUnsafe = true },
		func(c *Cluster) { c.Workers[1].Socket = "/run/w2.sock" },
		func(c *Cluster) { c.Listen = []string{"unix:/run/shop.sock"} },
		func(c *Cluster) { c.TCP = true },
		func(c *Cluster) { c.H2C = true },
		func(c *Cluster) { c.Concurrency = 1 },
		func(c *Cluster) { c.ProxyHeader = true },
	}
	for _, p := range policies {
		settings = append(settings, func(c *Cluster) { c.Policy = strings.Replace(p.name, "NAME", "sid", 1) })
	}
	var b strings.Builder
	for _, target := range Targets() {
		fmt.Fprintf(&b, "%s:\n\n", target.Title)
		lines := 0
		for _, set := range settings {
			c := plain()
			c.Hold = 0
			set(&c)
			v, err := newView(target.Name, c, Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range v.Lacks {
				fmt.Fprintf(&b, "- not `%s`: %s", l.What, l.Why)
				if l.Instead != "" {
					fmt.Fprintf(&b, "; in its place %s", l.Instead)
				}
				b.WriteString("\n")
				lines++
			}
			for _, n := range v.Notes {
				fmt.Fprintf(&b, "- %s\n", n)
				lines++
			}
		}
		if lines == 0 {
			b.WriteString("- it has nothing to do with these\n")
		}
		b.WriteString("\n")
	}
	return b.String()
}
