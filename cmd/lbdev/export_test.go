package main

import (
	"os"
	"strings"
	"testing"

	"github.com/lbdev/lbdev/proxy/balance"
	"github.com/lbdev/lbdev/templates/export"
)

// TestExportKnowsEveryPolicy: none can be added to package balance and be forgotten in the exports, or on their page.
func TestExportKnowsEveryPolicy(t *testing.T) {
	page, err := os.ReadFile("../../docs/balancers.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range balance.Rules() {
		policy := strings.Replace(rule.Name, "NAME", "sid", 1)
		for _, target := range export.Targets() {
			c := export.Cluster{Name: "shop", Listen: []string{"127.0.0.1:8080"}, Policy: policy, Workers: []export.Worker{{Number: 1, Port: 8000, Weight: 1}}}
			files, err := export.Render(target.Name, c, export.Options{})
			if err != nil || len(files) == 0 {
				t.Errorf("%s, %s: %v", target.Name, policy, err)
			}
		}
		if !strings.Contains(string(page), "| `"+rule.Name+"` |") {
			t.Errorf("docs/balancers.md does not mention %s", rule.Name)
		}
	}
	for _, target := range export.Targets() {
		if !strings.Contains(string(page), "| `"+target.Name+"` |") {
			t.Errorf("docs/balancers.md does not mention %s", target.Name)
		}
	}
}

func TestDevServer(t *testing.T) {
	for command, want := range map[string]string{
		"python manage.py runserver {port}":        "Django's runserver",
		".venv/bin/flask --app x run":              "flask run",
		"php -S 127.0.0.1:{port}":                  "php -S",
		"npx next dev -p {port}":                   "next dev",
		"npx vite preview --port {port}":           "vite preview",
		"npx vite":                                 "vite is",
		"python3 -m http.server":                   "Python's http.server",
		"uvicorn main:app --reload":                "uvicorn --reload",
		"go run .":                                 "go run",
		`C:\Python\python.exe manage.py runserver`: "Django's runserver",
		"uvicorn main:app":                         "",
		"gunicorn app:app":                         "",
		"node server.js":                           "",
		"npx next start -p {port}":                 "",
		"./server run":                             "",
		"":                                         "",
	} {
		got := devServer(strings.Fields(command))
		if want == "" && got != "" || !strings.HasPrefix(got, want) {
			t.Errorf("%q: %q, want %q", command, got, want)
		}
	}
}

func TestCompleteExport(t *testing.T) {
	app := testApp()
	for _, tt := range []struct{ line, want string }{
		{"export ", "nginx haproxy apache caddy traefik compose kubernetes systemd procfile"},
		{"export k", "kubernetes"},
		{"export nginx ", ""},
		{"export nginx --frag", "--fragment"},
		{"export nginx --dash", ""}, // of up, and no matter here
		{"export nginx --name ", "shop one"},
		{"export nginx -o ", "<folders>"},
		{"export nginx -n 3 -- ", "<command 5>"},
		{"export nginx -n 3 -- python ", "<command 5>"},
		{"snippet ", "django flask fastapi express rails spring go php"},
		{"snippet f", "flask fastapi"},
		{"snippet go ", ""},
	} {
		if got := values(complete(app, tt.line)); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.line, got, tt.want)
		}
	}
}

func TestCommandLineOn(t *testing.T) {
	argv := []string{`C:\Program Files\a.exe`, `C:\x`, "", "it's", `say "hi"`, "{port}", "a&b"}
	for system, want := range map[string]string{
		"windows": `"C:\Program Files\a.exe" C:\x "" "it's" "say \"hi\"" {port} "a&b"`,
		"linux":   `'C:\Program Files\a.exe' 'C:\x' '' 'it'\''s' 'say "hi"' {port} 'a&b'`,
	} {
		if got := commandLineOn(system, argv); got != want {
			t.Errorf("%s:\n%s, want\n%s", system, got, want)
		}
	}
}
