//go:build linux

package clients

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// wantBadge waits until the page shows the port of a worker in its lower right corner, styled and above all else, and returns it.
func (b *browser) wantBadge() (port string) {
	b.Helper()
	b.until(`(e => {
		if (!e) return false
		const r = e.getBoundingClientRect(), s = getComputedStyle(e)
		return s.position === "fixed" && s.borderLeftWidth === "12px" && r.width > 30 && r.height > 15 &&
			r.right > innerWidth - 40 && r.bottom > innerHeight - 40 && r.bottom <= innerHeight
	})(document.querySelector("lbdev-badge"))`)
	return b.says("document.querySelector('lbdev-badge').innerText")
}

// TestBadgeInBrowser: the sample app's page shows which port served it, a new one with each reload, and what its scripts fetch does not.
func TestBadgeInBrowser(t *testing.T) {
	f := up(t, []string{"-n", "3", "--sample", "--badge"}, nil)
	b := openBrowser(t)
	seen := map[string]bool{}
	for range 3 {
		b.do(chromedp.Navigate(f.url))
		port := b.wantBadge()
		if page := b.says("document.querySelector('#port').innerText"); page != port {
			t.Errorf("the label says %s, the page %s", port, page)
		}
		seen[port] = true
	}
	if len(seen) != 3 {
		t.Errorf("three pages from %v", seen)
	}
	if text := b.awaits(`fetch("/", {headers: {Accept: "text/html"}}).then(r => r.text())`); strings.Contains(text, "lbdev-badge") || !strings.Contains(text, "served this page") {
		t.Errorf("a script gets %s", text)
	}
	b.wantPeace(f.host)
}

// django runs copies of the Django project.
func django(t *testing.T, flags ...string) *front {
	t.Helper()
	project := t.TempDir()
	if err := os.CopyFS(project, os.DirFS("../testdata/apps/django")); err != nil {
		t.Fatal(err)
	}
	run(t, project, "/usr/bin/python3", "manage.py", "migrate", "-v0")
	return up(t, append([]string{"-n", "2", "-e", "PYTHONDONTWRITEBYTECODE=1"}, flags...),
		[]string{"/usr/bin/python3", filepath.Join(project, "manage.py"), "runserver", "127.0.0.1:{port}", "--noreload"})
}

// TestBadgeOfPackedDjango: the same with Django that packs its pages, and with a form. It is turned on on the dashboard; turned off, bodies
// are byte by byte what Django sends.
func TestBadgeOfPackedDjango(t *testing.T) {
	f := django(t, "-e", "SHOP_GZIP=1")
	d, host := f.openDashboard()
	const page = "/ticks?n=100&every=0"
	plain := f.browseAt(f.url, page)
	if direct := f.browseAt(fmt.Sprintf("http://127.0.0.1:%d", f.base), page); plain != direct || !strings.HasSuffix(plain, "tick 99\n") {
		t.Errorf("without the badge: %q, past lbdev %q", plain, direct)
	}
	d.awaits(`fetch("/dashboard/v1/badge", {method: "PUT", body: '{"badge":true}'}).then(r => r.text())`)
	if got := f.browseAt(f.url, page); !strings.Contains(got, "<lbdev-badge ") || !strings.HasSuffix(got, "</lbdev-badge>"+plain) {
		t.Errorf("with the badge: %q", got)
	}
	b := openBrowser(t)
	b.do(chromedp.Navigate(f.url))
	b.wantBadge()
	b.click("form button")
	b.until("document.readyState === 'complete' && document.body.innerText.includes('taken by port')")
	b.wantBadge()
	d.awaits(`fetch("/dashboard/v1/badge", {method: "PUT", body: '{"badge":false}'}).then(r => r.text())`)
	if got := f.browseAt(f.url, page); got != plain {
		t.Errorf("turned off again: %q", got)
	}
	d.wantPeace(host)
}

// TestBadgeOfStreamingDjango: a page that is still being sent has its label, although its policy forbids all styles.
func TestBadgeOfStreamingDjango(t *testing.T) {
	f := django(t, "--badge")
	b := openBrowser(t)
	b.do(chromedp.Navigate(f.url + "/port"))
	b.do(chromedp.Evaluate[chromedp.Void]("void setTimeout(() => location.assign('/ticks?n=1000'))")) // Navigate would wait for its end
	b.until("location.pathname === '/ticks' && document.body?.innerText.includes('tick 1')")
	if b.wantBadge(); b.says("document.readyState") != "loading" {
		t.Error("the label came when the page was over")
	}
	b.do(chromedp.Navigate(f.url + "/port"))
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, fault := range b.faults {
		if !strings.Contains(fault, "404") { // it has no icon
			t.Errorf("the console says %s", fault)
		}
	}
}

// browseAt asks for a page as a browser does that takes gzip, and returns it unpacked.
func (f *front) browseAt(url, path string) string {
	f.Helper()
	r, err := http.NewRequestWithContext(f.Context(), http.MethodGet, url+path, nil)
	if err != nil {
		f.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Dest", "document")
	r.Header.Set("Accept-Encoding", "gzip, br")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		f.Fatal(err)
	}
	defer resp.Body.Close()
	body := io.Reader(resp.Body)
	if resp.Header.Get("Content-Encoding") == "gzip" {
		if body, err = gzip.NewReader(body); err != nil {
			f.Fatal(err)
		}
	}
	text, err := io.ReadAll(body)
	if err != nil {
		f.Fatal(err)
	}
	return string(text)
}
