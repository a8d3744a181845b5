//go:build linux

package clients

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/lbdev/lbdev/cluster"
)

// openDashboard shows the dashboard in a browser, as somebody does who clicks on the URL that was printed.
func (f *front) openDashboard() (b *browser, host string) {
	f.Helper()
	url := strings.TrimSpace(f.lbdev("open", "--dashboard", "--print"))
	b = openBrowser(f.T)
	b.do(chromedp.Navigate(url))
	b.until("document.body.dataset.connection === 'live' && document.querySelector('#load')")
	host, _, _ = strings.Cut(strings.TrimPrefix(url, "http://"), "/")
	if got := b.says("location.href"); got != "http://"+host+"/dashboard/" {
		f.Errorf("the address bar shows %s", got)
	}
	return b, host
}

// tile is a selector of a worker's tile in a state; empty = any.
func tile(worker int, state cluster.State) string {
	if state == "" {
		return fmt.Sprintf(".tile[data-worker='%d']", worker)
	}
	return fmt.Sprintf(".tile[data-worker='%d'][data-state='%s']", worker, state)
}

func there(selector string) string { return fmt.Sprintf("document.querySelector(%q)", selector) }

// TestDashboard does in a browser what a class does: sends requests, kills workers by button and by key, changes policy and number,
// and looks at why a request went where it went.
func TestDashboard(t *testing.T) {
	f := up(t, []string{"-n", "4"}, app("web"))
	b, host := f.openDashboard()
	for worker := 1; worker <= 4; worker++ {
		b.until(there(tile(worker, cluster.Ready)))
	}
	b.until("document.querySelector('#headline').textContent.startsWith('4 of 4 workers ready')")

	b.click("#send-10")
	b.until("document.querySelectorAll('#requests [data-seq]').length >= 10")
	b.until("Number(document.querySelector('canvas[data-marks]').dataset.marks) >= 10")
	if s := f.ps(); s.Requests.OK != 10 || s.Workers[0].Requests+s.Workers[3].Requests < 4 {
		t.Errorf("%+v", s)
	}
	b.until("/Last: GET .* → \\d+ in /.test(document.querySelector('#headline').textContent)")

	b.click(tile(2, "") + " [data-act=kill]")
	b.until(there(tile(2, cluster.Ready)) + "?.textContent.includes('SIGKILL')")
	b.do(chromedp.KeyEvent("3"), chromedp.KeyEvent("k"))
	b.until(there(tile(3, cluster.Ready)) + "?.textContent.includes('SIGKILL')")
	for worker, w := range f.ps().Workers {
		if want := map[int]int{1: 1, 2: 1}[worker]; w.Restarts != want {
			t.Errorf("worker %d: %d restarts, want %d", w.Worker, w.Restarts, want)
		}
	}
	b.do(chromedp.KeyEvent("1"), chromedp.KeyEvent("s"))
	b.until(there(tile(1, cluster.Stopped)))
	b.do(chromedp.KeyEvent("s"))
	b.until(there(tile(1, cluster.Ready)))

	b.change("#policy", "least-conn")
	eventually(t, "the policy", func() bool { return f.ps().Policy == "least-conn" })
	b.change("#workers", "5")
	b.until(there(tile(5, cluster.Ready)))

	b.click("#requests [data-seq] button")
	b.until("document.querySelector('.detail .attempt') && document.querySelector('.detail .why').textContent.length > 5")
	if why := b.says("document.querySelector('.detail').textContent"); !strings.Contains(why, "round robin") {
		t.Errorf("the detail says %q", why)
	}
	before := f.ps().Requests.Total
	b.click(".detail [data-act=replay]")
	eventually(t, "the replay", func() bool { return f.ps().Requests.OK > before })
	b.click("#presenter")
	b.until("!document.querySelector('#requests').checkVisibility()")
	f.wantNoFailure()
	b.wantPeace(host)
}

// TestDashboardComesBack: when lbdev ends the page says so and shows that what is seen is old; when it is started again the page finds
// it by itself.
func TestDashboardComesBack(t *testing.T) {
	base := freePorts(t, 1)
	flags := []string{"-n", "1", "--dashboard", fmt.Sprint(base)}
	f := up(t, flags, app("web"))
	b, _ := f.openDashboard()
	f.down()
	b.until("['ended', 'stale'].includes(document.body.dataset.connection) && document.querySelector('#banner').innerText.length > 10")
	f.again(flags, app("web"))
	b.until("document.body.dataset.connection === 'live'")
	b.click("#send-1")
	b.until("document.querySelectorAll('#requests [data-seq]').length >= 1")
}

// TestDashboardBalances uses the levers that say how workers are chosen. What lbdev refuses is shown, and the lever moves back.
func TestDashboardBalances(t *testing.T) {
	f := up(t, []string{"-n", "2", "--sticky", "route:JSESSIONID"}, app("web"))
	b, host := f.openDashboard()
	shown := func() string { return b.says("document.querySelector('#policy-name').checkVisibility()") }
	if shown() != "false" || b.says("document.querySelector('#sticky').checked") != "true" {
		t.Error("a name is asked for that round robin has not, or clients seem not to be kept at a worker")
	}
	b.change("#policy", "header-hash")
	if shown() != "true" || f.ps().Policy != "round-robin" {
		t.Error("a policy without its name was set, or its name is not asked for")
	}
	b.change("#policy-name", "x-user")
	eventually(t, "the policy", func() bool { return f.ps().Policy == "header-hash:X-User" })
	b.do(chromedp.Reload())
	b.until("document.querySelector('#policy')?.value === 'header-hash' && document.querySelector('#policy-name').value === 'X-User'")

	b.click("#sticky")
	eventually(t, "the end of stickiness", func() bool { return f.ps().Sticky == "" })
	f.lbdev("policy", "--sticky", "cookie", "round-robin")
	b.until("document.querySelector('#policy').value === 'round-robin' && document.querySelector('#sticky-says').value === 'by cookie'")
	if shown() != "false" {
		t.Error("a name is asked for that round robin has not")
	}
	b.click("#sticky")
	b.until("document.querySelector('#sticky-says').value === ''")
	b.click("#sticky")
	eventually(t, "stickiness", func() bool { return f.ps().Sticky == "cookie" })
	b.click(tile(2, "") + " [data-act=more]")
	b.until(there(tile(2, "")+" .weights span") + ".textContent === '2'")
	if w := f.ps().Workers[1]; w.Weight != 2 {
		t.Errorf("%+v", w)
	}
	b.wantPeace(host)

	b.change("#policy", "cookie-hash")
	b.change("#policy-name", "no cookie")
	b.until(there(".toast.bad") + "?.textContent.includes('no cookie')")
	b.until("document.querySelector('#policy').value === 'round-robin'")
}
