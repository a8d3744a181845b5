//go:build linux

package clients

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A project is a fresh one, as its framework's own tool makes it or as people write the first one by hand.
type project struct {
	name       string
	make       func(t *testing.T, dir string) // what there is besides the files in testdata/projects; nil = nothing
	recognised string                         // what lbdev has to call it
	says       string                         // what each page says, where it does not show its port
	flags      []string
}

var projects = []project{
	{name: "django", make: func(t *testing.T, dir string) {
		venv(t, dir)
		run(t, dir, python, "-m", "django", "startproject", "shop", ".")
	}, recognised: "Django", says: "The install worked successfully"},
	{name: "flask", make: venv, recognised: "Flask"},
	{name: "fastapi", make: venv, recognised: "FastAPI"},
	{name: "rails", make: rails, recognised: "Rails", says: "<title>Ruby on Rails</title>"},
	{name: "rack", recognised: "Rack"},
	{name: "node", recognised: "Node"},
	{name: "express", make: modules, recognised: "Node"},
	{name: "next", make: modules, recognised: "Next"},
	{name: "vite", make: modules, recognised: "Vite", says: "the same file from every copy"},
	{name: "bun", recognised: "Bun"},
	{name: "deno", recognised: "Deno"},
	{name: "jar", make: jar, recognised: "Java"},
	{name: "go", recognised: "Go"},
	{name: "php", recognised: "PHP"},
	{name: "static", recognised: "static", says: "the same file from every copy"},
	{name: "procfile", recognised: "Procfile"},
	{name: "tomcat", recognised: "Tomcat"},
}

// TestProjects: in each of them, lbdev up without a command starts three copies, and three requests come from three ports.
func TestProjects(t *testing.T) {
	for _, p := range projects {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			dir := p.fresh(t)
			f := upIn(t, dir, append([]string{"-n", "3"}, p.flags...)...)
			if said := f.stdout.String(); !strings.Contains(said, p.recognised) {
				t.Errorf("it does not say that this is %s:\n%s", p.recognised, said)
			}
			var ports []int
			for range 3 {
				status, text, port, err := answer(http.Get(f.url + "/"))
				if status != http.StatusOK || err != nil {
					t.Fatalf("%d %v\n%s", status, err, text)
				}
				if shown, ok := shownPort(text); ok && shown != port {
					t.Errorf("port %d answered with a page of %d", port, shown)
				} else if p.says == "" && !ok || !strings.Contains(text, p.says) {
					t.Errorf("the page of port %d is\n%s", port, text)
				}
				ports = append(ports, port)
			}
			slices.Sort(ports)
			if want := []int{f.base, f.base + 1, f.base + 2}; !slices.Equal(ports, want) {
				t.Errorf("the ports are %v, want %v", ports, want)
			}
			f.wantNoFailure()
			p.wantUntouched(t, dir)
		})
	}
}

// wantUntouched: what people have written is as it was.
func (p project) wantUntouched(t *testing.T, dir string) {
	source := os.DirFS(filepath.Join("testdata", "projects", p.name))
	err := fs.WalkDir(source, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		want, err := fs.ReadFile(source, name)
		if err != nil {
			return err
		}
		if got, err := os.ReadFile(filepath.Join(dir, name)); !bytes.Equal(got, want) {
			t.Errorf("%s was changed (%v):\n%s", name, err, got)
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // some have nothing but what their tool made
		t.Error(err)
	}
}

var portOnPage = regexp.MustCompile(`id="port">(\d+)<`)

// shownPort is the port that a page shows.
func shownPort(page string) (port int, ok bool) {
	m := portOnPage.FindStringSubmatch(page)
	if m == nil {
		return 0, false
	}
	port, err := strconv.Atoi(m[1])
	return port, err == nil
}

// fresh makes the project in a folder of its own.
func (p project) fresh(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), p.name+"-project") // Rails makes no app that is called Rails
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	source := filepath.Join("testdata", "projects", p.name)
	if _, err := os.Stat(source); err == nil {
		if err := os.CopyFS(dir, os.DirFS(source)); err != nil {
			t.Fatal(err)
		}
	}
	if p.make != nil {
		p.make(t, dir)
	}
	return dir
}

// upIn runs lbdev up in a folder, without a command, and returns when a page comes.
func upIn(t *testing.T, dir string, flags ...string) *front {
	t.Helper()
	base := freePorts(t, mostWorkers+1)
	f := &front{T: t, dir: dir, base: base, host: fmt.Sprintf("127.0.0.1:%d", base+mostWorkers)}
	f.url = "http://" + f.host
	f.env = append(os.Environ(), "XDG_RUNTIME_DIR="+t.TempDir(), "PYTHONDONTWRITEBYTECODE=1", "NEXT_TELEMETRY_DISABLED=1", "DENO_NO_UPDATE_CHECK=1",
		"PATH="+tools(t)+":"+os.Getenv("PATH"))
	f.start(append([]string{"--dashboard", "off", "--ready-timeout", buildPatience.String()}, flags...)...)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("lbdev said:\n%s", &f.stdout)
		}
	})
	within(t, buildPatience, "all are ready", func() bool {
		select {
		case <-f.exited:
			t.Fatalf("lbdev ended:\n%s\n%s", &f.stdout, &f.stderr)
		default:
		}
		return strings.Contains(f.stdout.String(), " ready in ")
	})
	return f
}

// venv makes a virtual environment in which Debian's packages are seen.
func venv(t *testing.T, dir string) {
	t.Helper()
	run(t, dir, python, "-m", "venv", "--without-pip", "--system-site-packages", ".venv")
}

// rails has the tool of Debian's Rails make a project, with gems that are Debian's packages.
func rails(t *testing.T, dir string) {
	t.Helper()
	run(t, dir, "rails", "new", ".", "--minimal", "--skip-bundle", "--skip-git", "--skip-listen", "--skip-bootsnap")
	gems := "gem \"rails\"\ngem \"sqlite3\"\ngem \"puma\"\n"
	if err := os.WriteFile(filepath.Join(dir, "Gemfile"), []byte(gems), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "bundle", "install", "--local", "--quiet")
}

// jar packs a program with the Java that is here.
func jar(t *testing.T, dir string) {
	t.Helper()
	classes := t.TempDir()
	run(t, dir, "javac", "-d", classes, filepath.Join("src", "Main.java"))
	run(t, dir, "jar", "--create", "--file", "page.jar", "--main-class", "Main", "-C", classes, ".")
}

// installed is the folder in which scripts/tools has installed what a lock file of npm's lists.
func installed(t *testing.T, lock string) string {
	t.Helper()
	text, err := os.ReadFile(lock)
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "lbdev-tests", fmt.Sprintf("%s-%.6x", filepath.Base(filepath.Dir(lock)), sha256.Sum256(text)))
	if _, err := os.Stat(dir); err != nil {
		t.Fatalf("%v (make tools installs it)", err)
	}
	return dir
}

// tools are the programs that npm has, as entries of PATH.
func tools(t *testing.T) string {
	t.Helper()
	modules := func(name string) string {
		return filepath.Join(installed(t, filepath.Join("testdata", "tools", name, "package-lock.json")), "node_modules")
	}
	bun, err := filepath.Glob(filepath.Join(modules("bun"), "@oven", "*", "bin")) // the one in .bin comes with a script that is not run
	if err != nil || len(bun) == 0 {
		t.Fatalf("bun is not there: %v", err)
	}
	return strings.Join(append(bun, filepath.Join(modules("deno"), ".bin")), ":")
}

// modules links what a project of npm's depends on. Links of files and not of the folder, because bundlers look where a file really is.
func modules(t *testing.T, dir string) {
	t.Helper()
	name := strings.TrimSuffix(filepath.Base(dir), "-project")
	from := installed(t, filepath.Join("testdata", "projects", name, "package-lock.json"))
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := filepath.Join(dir, strings.TrimPrefix(path, from))
		switch {
		case d.IsDir():
			return os.MkdirAll(to, 0o700)
		case d.Type() == fs.ModeSymlink:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(target, to)
		case strings.Contains(path, "node_modules"):
			return link(path, to)
		}
		return nil // package.json and its lock
	})
	if err != nil {
		t.Fatalf("cannot take over the packages (make tools installs them): %v", err)
	}
}

// link makes a hard link, or a copy where the folders lie on different disks.
func link(from, to string) error {
	if os.Link(from, to) == nil {
		return nil
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, info.Mode().Perm())
}
