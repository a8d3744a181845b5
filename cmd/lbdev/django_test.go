//go:build unix

package main

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/lbdev/lbdev/cluster"
)

// python is Debian's, to which Debian's Django belongs.
const python = "/usr/bin/python3"

// startDjango runs four copies of the Django project, each time in a fresh copy of its folder.
func startDjango(t *testing.T, command ...string) *upTest {
	t.Helper()
	u := startUpIn(t, djangoProject(t), append([]string{"-n", "4", "-e", "PYTHONDONTWRITEBYTECODE=1", "--"}, command...)...)
	u.awaitReady(4)
	return u
}

// djangoProject is a folder with the Django project and its database.
func djangoProject(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../testdata/apps/django")); err != nil {
		t.Fatal(err)
	}
	migrate := exec.Command(python, "manage.py", "migrate", "--verbosity", "0")
	migrate.Dir = dir
	if out, err := migrate.CombinedOutput(); err != nil {
		t.Fatalf("manage.py migrate: %v\n%s\n(make test installs python3-django)", err, out)
	}
	return dir
}

func TestDjangoAnswersInStrictOrder(t *testing.T) {
	u := startDjango(t, python, "manage.py", "runserver")
	for i := range 8 {
		want := u.base + i%4
		port, body := u.get("/port")
		if port != want || strings.TrimSpace(body) != strconv.Itoa(want) {
			t.Fatalf("request %d was answered by %d, which says %q; want %d", i+1, port, body, want)
		}
	}
}

// TestDjangoFormAndLogin posts the form and stays logged in although every request meets another worker.
func TestDjangoFormAndLogin(t *testing.T) {
	u := startDjango(t, python, "manage.py", "runserver", "{port}", "--noreload")
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, Timeout: patience}
	token := func() string {
		body := fetch(t, browser, u.front+"/")
		found := regexp.MustCompile(`name="csrfmiddlewaretoken" value="([^"]+)"`).FindStringSubmatch(body)
		if found == nil {
			t.Fatalf("the page has no form with a token:\n%s", body)
		}
		return found[1]
	}
	post := func(path string, form url.Values) {
		t.Helper()
		form.Set("csrfmiddlewaretoken", token())
		r, _ := http.NewRequest(http.MethodPost, u.front+path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", u.front)
		if err := ask(browser, r); err != nil {
			t.Fatalf("POST %s: %v", path, err)
		}
	}
	post("/login/", url.Values{"name": {"Ada"}})
	for i := range 8 {
		if state := fetch(t, browser, u.front+"/state"); !strings.Contains(state, `"name": "Ada"`) {
			t.Fatalf("request %d after the login: %s", i+1, state)
		}
	}
	post("/order/", url.Values{"key": {"k1"}, "item": {"tea"}})
	if got := fetch(t, browser, u.front+"/executions"); !strings.Contains(got, `"k1": 1`) {
		t.Errorf("the order was not run once: %s", got)
	}
}

func fetch(t *testing.T, client *http.Client, address string) string {
	t.Helper()
	resp, err := client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestDjangoHidesKills(t *testing.T) {
	u := startDjango(t, python, "manage.py", "runserver")
	killInTurn(u, 4, 8, "/port?ms=20", u.killTree)
}

// TestDjangoReloaderHidesKills kills the reloader, which leaves its child on the port; lbdev must end that one too.
func TestDjangoReloaderHidesKills(t *testing.T) {
	u := startDjango(t, python, "manage.py", "runserver", "{port}")
	killInTurn(u, 4, 8, "/port?ms=20", u.killLeader)
}

// TestDjangoInABrowser reloads the page in Chromium: its requests for a favicon must not take turns.
func TestDjangoInABrowser(t *testing.T) {
	u := startDjango(t, python, "manage.py", "runserver")
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	stop := time.AfterFunc(2*time.Minute, cancel) // a timeout of the first Run's context would end the browser
	defer stop.Stop()
	for i := range 8 {
		load := chromedp.Navigate(u.front + "/")
		if i > 0 {
			load = chromedp.Reload()
		}
		port, err := "", chromedp.Do(ctx, load)
		if err == nil {
			port, err = chromedp.Run(ctx, chromedp.Text("#port"))
		}
		if err != nil {
			t.Fatalf("page load %d: %v (make test installs chromium)", i+1, err)
		}
		if want := strconv.Itoa(u.base + i%4); strings.TrimSpace(port) != want {
			t.Fatalf("page load %d shows port %q, want %s", i+1, port, want)
		}
	}
}

// killLeader sends SIGKILL to the process that lbdev started, and to nothing else.
func (u *upTest) killLeader(worker int) (incarnation uint64) {
	u.Helper()
	events := u.seen(isState(cluster.Ready, worker))
	last := events[len(events)-1]
	leader, err := os.FindProcess(last.PID)
	if err == nil {
		err = leader.Kill()
	}
	if err != nil {
		u.Fatalf("cannot kill worker %d, pid %d: %v", worker, last.PID, err)
	}
	return last.Incarnation
}
