//go:build linux

package clients

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
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

// watchTiles lets the page note what happens to its tiles, in order: "2 starting" is a state, "served 2" the light. ink counts the
// pixels of a colour on a worker's lane.
const watchTiles = `
	window.seen = [...document.querySelectorAll(".tile")].map((t) => t.dataset.worker + " " + t.dataset.state)
	new MutationObserver((changes) => {
		for (const { target: t, attributeName: name } of changes) {
			const now = name === "data-state" ? t.dataset.worker + " " + t.dataset.state : "served " + t.dataset.worker
			if ((name === "data-state" || "last" in t.dataset) && now !== seen.at(-1)) seen.push(now)
		}
	}).observe(document.querySelector("#tiles"), { subtree: true, attributes: true, attributeFilter: ["data-state", "data-last"] })
	window.ink = (worker, colour) => {
		const c = document.querySelector("#lanes-canvas"), dpr = devicePixelRatio, n = document.querySelectorAll(".tile").length
		const lane = Math.floor((c.height - 18 * dpr) / (n + 1)), from = Math.ceil(66 * dpr)
		const hex = getComputedStyle(document.documentElement).getPropertyValue(colour).trim()
		const want = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16))
		const copy = new OffscreenCanvas(c.width - from, lane).getContext("2d", { willReadFrequently: true })
		copy.drawImage(c, -from, -(worker - 1) * lane)
		const { data } = copy.getImageData(0, 0, c.width - from, lane)
		let count = 0
		for (let i = 0; i < data.length; i += 4) {
			if (data[i + 3] > 200 && want.every((v, k) => Math.abs(data[i + k] - v) < 16)) count++
		}
		return count
	}`

// TestDashboard does in a browser what a class does: sends requests, kills workers by button and by key, changes policy and number,
// and looks at why a request went where it went.
func TestDashboard(t *testing.T) {
	f := up(t, []string{"-n", "4"}, app("moody"))
	b, host := f.openDashboard()
	for worker := 1; worker <= 4; worker++ {
		b.until(there(tile(worker, cluster.Ready)))
	}
	b.until("document.querySelector('#headline').textContent.startsWith('4 of 4 workers ready')")
	b.do(chromedp.Evaluate[chromedp.Void](watchTiles))
	b.sendInOrder(6)

	b.click("#send-10")
	b.until("document.querySelectorAll('#requests [data-seq]').length >= 16")
	b.until("Number(document.querySelector('canvas[data-marks]').dataset.marks) >= 16")
	if s := f.ps(); s.Requests.OK != 16 || s.Workers[0].Requests+s.Workers[3].Requests < 7 {
		t.Errorf("%+v", s)
	}
	b.until("/Last: GET .* → \\d+ in /.test(document.querySelector('#headline').textContent)")

	f.wantDownAndUp(b, 2, func() { b.click(tile(2, "") + " [data-act=kill]") })
	f.wantDownAndUp(b, 3, func() { b.do(chromedp.KeyEvent("3"), chromedp.KeyEvent("k")) })
	for worker, w := range f.ps().Workers {
		if want := map[int]int{1: 1, 2: 1}[worker]; w.Restarts != want {
			t.Errorf("worker %d: %d restarts, want %d", w.Worker, w.Restarts, want)
		}
	}
	b.do(chromedp.KeyEvent("1"), chromedp.KeyEvent("s"))
	b.until(there(tile(1, cluster.Stopped)))
	b.do(chromedp.KeyEvent("s"))
	b.until(there(tile(1, cluster.Ready)))
	f.changesAndLooks(b)
	f.wantNoFailure()
	b.wantPeace(host)
}

// sendInOrder sends requests one by one: each lights the tile of the next worker and leaves a mark on its lane.
func (b *browser) sendInOrder(n int) {
	b.Helper()
	const lit = "(document.querySelector('.tile[data-last]')?.dataset.worker ?? 0)"
	var order []string
	for range n {
		before := b.says(lit)
		b.do(chromedp.Evaluate[chromedp.Void]("window.inked = [1, 2, 3, 4].map((w) => ink(w, '--w' + w))"))
		b.click("#send-1")
		b.until(lit + " != " + before)
		worker := b.says(lit)
		order = append(order, worker)
		b.until("(g => Math.max(...g) > 5 && g.indexOf(Math.max(...g)) + 1 == " + worker + ")(inked.map((before, i) => ink(i + 1, '--w' + (i + 1)) - before))")
		if before != "0" && worker != fmt.Sprint(int(before[0]-'0')%4+1) {
			b.Errorf("the tiles light in the order %v", order)
		}
	}
	if seen := b.says("seen.filter((s) => s.startsWith('served')).join()"); seen != "served "+strings.Join(order, ",served ") {
		b.Errorf("the tiles say %q, want %v", seen, order)
	}
}

// wantDownAndUp checks that the page shows a worker that is killed first as down and then as ready, on its tile and on its lane.
func (f *front) wantDownAndUp(b *browser, worker int, kill func()) {
	b.Helper()
	f.mood(worker, waits)
	b.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf("seen = []; inked = ink(%d, '--bad')", worker)))
	kill()
	down := fmt.Sprintf(".tile[data-worker='%d']:not([data-state=ready])", worker)
	b.until(there(down) + " && document.querySelector('#headline').textContent.startsWith('3 of 4 workers ready')")
	b.until(fmt.Sprintf("ink(%d, '--bad') > inked + 10", worker)) // the line of its death
	f.mood(worker, well)
	b.until(there(tile(worker, cluster.Ready)) + "?.textContent.includes('SIGKILL')")
	b.until("document.querySelector('#headline').textContent.startsWith('4 of 4 workers ready')")
	seen := strings.Split(b.says("seen.filter((s) => !s.startsWith('served')).join()"), ",")
	for i, s := range seen {
		if up := fmt.Sprintf("%d ready", worker); len(seen) < 2 || !strings.HasPrefix(s, fmt.Sprint(worker, " ")) || (s == up) != (i == len(seen)-1) {
			b.Errorf("worker %d was killed, and its tile said %q", worker, seen)
			break
		}
	}
}

// changesAndLooks changes the policy and the number of workers, opens a request, sends it again, and switches to the presenter's view.
func (f *front) changesAndLooks(b *browser) {
	b.change("#policy", "least-conn")
	eventually(f.T, "the policy", func() bool { return f.ps().Policy == "least-conn" })
	b.change("#workers", "5")
	b.until(there(tile(5, cluster.Ready)))

	b.click("#requests [data-seq] button")
	b.until("document.querySelector('.detail .attempt') && document.querySelector('.detail .why').textContent.length > 5")
	if why := b.says("document.querySelector('.detail').textContent"); !strings.Contains(why, "round robin") {
		f.Errorf("the detail says %q", why)
	}
	before := f.ps().Requests.Total
	b.click(".detail [data-act=replay]")
	eventually(f.T, "the replay", func() bool { return f.ps().Requests.OK > before })
	b.click("#presenter")
	b.until("!document.querySelector('#requests').checkVisibility()")
}

// watchSilence lets the page note how long lbdev had been silent, in ms, when its state changes.
const watchSilence = `
	window.spoke = performance.now()
	new EventSource("v1/live").onmessage = () => (window.spoke = performance.now())
	new MutationObserver(() => (window.silence = Math.round(performance.now() - spoke)))
		.observe(document.body, { attributes: true, attributeFilter: ["data-connection"] })`

// TestDashboardAfterSleep: lbdev says nothing for a while and no connection breaks, as on a laptop that sleeps. The page says that what it
// shows is old, and later that it has lbdev again.
func TestDashboardAfterSleep(t *testing.T) {
	f := up(t, []string{"-n", "1"}, app("web"))
	b, _ := f.openDashboard()
	b.click("#send-1")
	b.until("document.querySelectorAll('#requests [data-seq]').length === 1")
	b.do(chromedp.Evaluate[chromedp.Void](watchSilence))
	t.Cleanup(func() { f.cmd.Process.Signal(syscall.SIGCONT) }) // or lbdev would not end
	f.cmd.Process.Signal(syscall.SIGSTOP)
	b.until("document.body.dataset.connection === 'stale'")
	if ms, err := strconv.Atoi(b.says("silence")); err != nil || ms < 3000 || ms > 15000 {
		t.Errorf("what is seen was called old after %d ms of silence, want more than 3 s: lbdev speaks once a second", ms)
	}
	if banner := b.says("document.querySelector('#banner').innerText"); !strings.Contains(banner, "No connection to lbdev since") {
		t.Errorf("the banner says %q", banner)
	}
	if look := b.says("getComputedStyle(document.querySelector('main')).filter"); look != "grayscale(1)" {
		t.Errorf("what is old looks like what is new: %s", look)
	}
	b.wantUsable("stale")
	f.cmd.Process.Signal(syscall.SIGCONT)
	b.until("document.body.dataset.connection === 'live' && document.querySelector('#banner').innerText.startsWith('Connected to lbdev again')")
	b.click("#send-1")
	b.until("document.querySelectorAll('#requests [data-seq]').length === 2")
	b.until("!document.querySelector('#banner').checkVisibility()")
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
