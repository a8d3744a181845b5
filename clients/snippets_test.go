//go:build linux

package clients

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A snippetUse is what the comments of a snippet say to do with it.
type snippetUse struct {
	name string // of the snippet, and of the project that it goes into
	file string // where it is saved
	path string // what is opened then
	// In this file, this is added behind that text; or before it, where the text is to stand last.
	into, add, behind string
	before            bool
	noSocket          bool // the framework does not tell the socket's port
}

var snippetUses = []snippetUse{
	{name: "django", file: "shop/served_by.py", path: "/served-by/", into: "shop/urls.py",
		add: "\nfrom .served_by import served_by\nurlpatterns += [path(\"served-by/\", served_by)]\n"},
	{name: "flask", file: "served_by.py", path: "/served-by", into: "app.py",
		add: "\nfrom served_by import served_by\napp.add_url_rule(\"/served-by\", view_func=served_by)\n"},
	{name: "fastapi", file: "served_by.py", path: "/served-by", into: "main.py", add: "\nfrom served_by import router\napp.include_router(router)\n"},
	{name: "express", file: "servedBy.js", path: "/served-by", into: "app.js", add: "app.get(\"/served-by\", require(\"./servedBy\"));\n", behind: "app.listen", before: true},
	{name: "rails", file: "app/controllers/served_by_controller.rb", path: "/served-by", into: "config/routes.rb",
		add: "\n  get \"served-by\", to: \"served_by#show\"\n", behind: "Rails.application.routes.draw do", noSocket: true},
	{name: "go", file: "servedby.go", path: "/served-by", into: "main.go", add: "\thttp.HandleFunc(\"/served-by\", servedBy)\n", behind: "func main() {\n"},
	{name: "php", file: "public/served-by.php", path: "/served-by.php"},
}

// snippet is what lbdev snippet prints.
func snippet(t *testing.T, name string) string {
	t.Helper()
	text, err := exec.Command(program, "snippet", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var servedOn = regexp.MustCompile(`<h1>Served on port (\d+)</h1>`)

// TestSnippets: in a fresh project of its framework each snippet, put where it says, shows the port that served it, whatever the
// Host field says. Once lbdev tells the app its port, and once only the socket does.
func TestSnippets(t *testing.T) {
	for _, use := range snippetUses {
		t.Run(use.name, func(t *testing.T) {
			t.Parallel()
			i := slices.IndexFunc(projects, func(p project) bool { return p.name == use.name })
			dir := projects[i].fresh(t)
			use.apply(t, dir, snippet(t, use.name))
			t.Run("told", func(t *testing.T) { use.check(t, upIn(t, dir, "-n", "3")) })
			if !use.noSocket {
				t.Run("by the socket", func(t *testing.T) { use.check(t, upIn(t, dir, "-n", "3", "-e", "LBDEV_PORT=")) })
			}
		})
	}
}

// apply saves the snippet and makes the app know it. What is added must stand in its comments.
func (u snippetUse) apply(t *testing.T, dir, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, u.file), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, filepath.Base(u.file)) || !strings.Contains(text, u.path) {
		t.Errorf("the snippet does not say that it goes into %s, or what is opened then:\n%s", u.file, text)
	}
	for line := range strings.Lines(u.add) {
		if line = strings.TrimSpace(line); !strings.Contains(text, line) {
			t.Errorf("the snippet does not say %q:\n%s", line, text)
		}
	}
	if u.into == "" {
		return
	}
	app, err := os.ReadFile(filepath.Join(dir, u.into))
	if err != nil {
		t.Fatal(err)
	}
	at := len(app)
	if u.behind != "" {
		if at = strings.Index(string(app), u.behind); at < 0 {
			t.Fatalf("there is no %q in %s", u.behind, u.into)
		}
		if !u.before {
			at += len(u.behind)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, u.into), []byte(string(app[:at])+u.add+string(app[at:])), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (u snippetUse) check(t *testing.T, f *front) {
	t.Helper()
	seen := map[int]bool{}
	for range 3 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+u.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "localhost:4711" // which Django and Rails allow in development
		resp, err := http.DefaultClient.Do(r)
		if err == nil && resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("a reload may not ask again: Cache-Control is %q", resp.Header.Get("Cache-Control"))
		}
		status, text, port, err := answer(resp, err)
		if m := servedOn.FindStringSubmatch(text); err != nil || status != http.StatusOK || m == nil || m[1] != fmt.Sprint(port) {
			t.Fatalf("port %d answers %d %v\n%s", port, status, err, text)
		}
		seen[port] = true
	}
	if len(seen) != 3 {
		t.Errorf("three requests came from %v", seen)
	}
}

// TestSpringSnippet: it compiles with Spring's own classes.
func TestSpringSnippet(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ServedByController.java"), []byte(snippet(t, "spring")), 0o600); err != nil {
		t.Fatal(err)
	}
	jars := []string{}
	for _, name := range []string{"spring-web", "spring3-web", "spring-core", "spring3-core", "spring-context", "tomcat10-servlet-api"} {
		if path := filepath.Join("/usr/share/java", name+".jar"); exists(path) {
			jars = append(jars, path)
		}
	}
	out, err := exec.Command("javac", "-Xlint:all,-classfile,-processing", "-d", dir, "-cp", strings.Join(jars, ":"), filepath.Join(dir, "ServedByController.java")).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
