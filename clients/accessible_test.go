//go:build linux

package clients

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/lbdev/lbdev/cluster"
)

// tooSmall lists the controls that are smaller than a finger, 24 px each way. Links within a sentence may be.
const tooSmall = `[...document.querySelectorAll("button, input, select, textarea, [tabindex='0']")].filter((e) => {
	const r = e.getBoundingClientRect()
	return e.checkVisibility() && (r.width < 24 || r.height < 24)
}).map((e) => e.outerHTML.slice(0, 80)).join("\n")`

// sticksOut lists what is wider than its tile, or holds a text that is.
const sticksOut = `[...document.querySelectorAll(".tile *")].filter((e) => e.checkVisibility() && (e.scrollWidth > e.offsetWidth + 1 ||
	e.getBoundingClientRect().right > e.closest(".tile").getBoundingClientRect().right + 0.5)).map((e) => e.outerHTML.slice(0, 80)).join("\n")`

// wantUsable checks a view by axe's rules and by what axe has no rule for: nothing to scroll sideways, and nothing too small to hit.
func (b *browser) wantUsable(view string) {
	b.Helper()
	if faults := b.faultsOfAccess(); faults != "" {
		b.Errorf("%s:\n%s", view, faults)
	}
	if over := b.says("document.documentElement.scrollWidth - innerWidth"); strings.Trim(over, "-0123456789") != "" || over[0] != '-' && over != "0" {
		b.Errorf("%s: the page is %s px wider than the window", view, over)
	}
	if out := b.says(sticksOut); out != "" {
		b.Errorf("%s: sticks out of its tile:\n%s", view, out)
	}
	if small := b.says(tooSmall); small != "" {
		b.Errorf("%s: smaller than 24 px:\n%s", view, small)
	}
}

// show scrolls to an element: axe takes what is scrolled out of sight in part for something that is covered.
func (b *browser) show(selector string) {
	b.Helper()
	b.do(chromedp.Evaluate[chromedp.Void](there(selector) + `.scrollIntoView({block: "center"})`))
}

// prefer sets what the user's system says of how somebody likes to see things.
func (b *browser) prefer(feature, value string) {
	b.Helper()
	features := []*emulation.MediaFeature{{Name: feature, Value: value}}
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}); err != nil {
		b.Fatal(err)
	}
}

// TestDashboardIsAccessible looks at each view of the dashboard, light and dark, with the eyes of axe-core.
func TestDashboardIsAccessible(t *testing.T) {
	f := up(t, []string{"-n", "4"}, app("moody"))
	b, host := f.openDashboard()
	b.wantUsable("before any request")
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("h1").style.color = "#bbb"`))
	if faults := b.faultsOfAccess(); !strings.Contains(faults, "color-contrast at #standing") {
		t.Errorf("axe-core does not see that the headline is pale: %q", faults)
	}
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("h1").style.color = ""`))
	b.change("#path", "/some/path")
	b.click("#send-10")
	b.until("document.querySelectorAll('#requests [data-seq]').length >= 10")
	b.click("#requests [data-seq] button")
	b.until("document.querySelector('.detail .attempt')")
	b.click(tile(2, "") + " .port")
	b.change("#policy", "header-hash") // which asks for a name
	sizes := []struct {
		name          string
		width, height int64
	}{{"laptop", 1280, 720}, {"200 % zoom", 640, 360}, {"phone", 390, 844}}
	for _, scheme := range []string{"light", "dark"} {
		b.prefer("prefers-color-scheme", scheme)
		for _, size := range sizes {
			b.do(chromedp.EmulateViewport(size.width, size.height))
			b.show(".detail .acts")
			b.wantUsable(fmt.Sprintf("a request is open, %s, %s", scheme, size.name))
			b.click("#presenter")
			b.wantUsable(fmt.Sprintf("presenter, %s, %s", scheme, size.name))
			b.click("#presenter")
			b.click("#help")
			b.wantUsable(fmt.Sprintf("help, %s, %s", scheme, size.name))
			b.click("#help-dialog form button")
		}
	}
	for _, dialog := range []string{"sure", "copy"} {
		b.do(chromedp.Evaluate[chromedp.Void](there("#"+dialog) + ".showModal()"))
		b.wantUsable("the dialog " + dialog)
		b.do(chromedp.Evaluate[chromedp.Void](there("#"+dialog) + ".close()"))
	}
	b.click("#freeze")
	b.wantUsable("the display is paused")
	b.click("#freeze")
	b.wantPeace(host)
}

// TestDashboardIsAccessibleInTrouble looks at workers in every state, at many workers, and at a page that lbdev has left.
func TestDashboardIsAccessibleInTrouble(t *testing.T) {
	f := up(t, []string{"-n", "8"}, app("moody"))
	b, host := f.openDashboard()
	f.trouble(b)
	for _, scheme := range []string{"light", "dark"} {
		b.prefer("prefers-color-scheme", scheme)
		b.wantUsable("trouble, " + scheme)
		b.click("#presenter")
		b.wantUsable("trouble, presenter, " + scheme)
		b.click("#presenter")
	}
	f.lbdev("stop", "2", "7", "8")
	b.wantPeace(host)
	b.click(tile(3, "") + " [data-act=pause]") // lbdev refuses: it is stopped
	b.until(there(".toast.bad"))
	b.wantUsable("a toast")
	for _, n := range []int{12, 24, 26} { // tiles of the two smaller sizes
		f.lbdev("scale", fmt.Sprint(n))
		b.until(fmt.Sprintf("document.querySelectorAll('.tile').length === %d", n))
		b.click(tile(1, "") + " .port")
		b.wantUsable(fmt.Sprintf("%d workers", n))
		b.click("#presenter")
		b.wantUsable(fmt.Sprintf("%d workers, presenter", n))
		b.click("#presenter")
	}
	f.down()
	b.until("document.body.dataset.connection === 'ended'")
	for _, scheme := range []string{"light", "dark"} {
		b.prefer("prefers-color-scheme", scheme)
		b.wantUsable("lbdev has ended, " + scheme)
	}
}

// trouble brings workers 2 to 8 into a trouble each, and shows them.
func (f *front) trouble(b *browser) {
	f.Helper()
	f.mood(2, fails)
	f.mood(7, dies)
	f.mood(8, waits)
	f.lbdev("kill", "2", "7", "8")
	f.lbdev("stop", "3")
	f.lbdev("pause", "4")
	f.lbdev("drain", "5")
	f.lbdev("fault", "6", "latency=300ms")
	for worker, state := range map[int]cluster.State{
		2: cluster.Failed, 3: cluster.Stopped, 4: cluster.Paused, 5: cluster.Drained, 6: cluster.Ready, 8: cluster.Starting,
	} {
		b.until(there(tile(worker, state)))
	}
	b.until(there(tile(6, "") + "[data-fault]"))
	b.until(there(tile(7, "")) + ".textContent.includes('code 1')")
}

// TestDashboardReadOnlyIsAccessible looks at the page that students get: it has no levers.
func TestDashboardReadOnlyIsAccessible(t *testing.T) {
	f := up(t, []string{"-n", "2", "--dashboard", fmt.Sprintf("0.0.0.0:%d", freePorts(t, 1))}, app("web"))
	var link []string
	eventually(t, "a link for readers", func() bool {
		link = regexp.MustCompile(`give them http://[^/]+:(\d+)/\?token=(\w+)`).FindStringSubmatch(f.stdout.String())
		return link != nil
	})
	b := openBrowser(t)
	host := "127.0.0.1:" + link[1]
	b.do(chromedp.Navigate("http://" + host + "/?token=" + link[2]))
	b.until("document.body.dataset.connection === 'live' && document.querySelector('.tile')")
	if b.says("document.querySelector('#read-only').checkVisibility()") != "true" || b.says("document.querySelector('.tile button, #levers')") != "null" {
		t.Error("the page lets a reader do something, or does not say that it doesn't")
	}
	b.wantUsable("read only")
	b.wantPeace(host)
}

// TestDashboardByKeyboard walks through the page with the Tab key: each control is reached, and is seen when it is.
func TestDashboardByKeyboard(t *testing.T) {
	f := up(t, []string{"-n", "2"}, app("web"))
	b, _ := f.openDashboard()
	b.click("#send-1")
	b.until("document.querySelectorAll('#requests [data-seq]').length >= 1")
	b.click("#requests [data-seq] button")
	b.until("document.querySelector('.detail .attempt')")
	b.do(chromedp.Evaluate[chromedp.Void](`
		window.unreached = new Set([...document.querySelectorAll("a[href], button, input, select, textarea, [tabindex='0']")]
			.filter((e) => e.checkVisibility() && !e.disabled))
		window.unseen = []
		document.activeElement.blur()
		scrollTo(0, 0)`))
	n := 2 * len(strings.Fields(b.says("'x '.repeat(unreached.size)")))
	for range n {
		b.do(chromedp.KeyEvent("\t"), chromedp.Evaluate[chromedp.Void](`{
			const e = document.activeElement, style = getComputedStyle(e), r = e.getBoundingClientRect()
			const top = document.elementFromPoint(r.x + r.width / 2, r.y + Math.min(r.height / 2, innerHeight / 2))
			if (e !== document.body && unreached.delete(e)) {
				if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) unseen.push("no outline: " + e.outerHTML.slice(0, 80))
				if (!e.contains(top) && !top?.contains(e)) unseen.push("covered: " + e.outerHTML.slice(0, 80))
			}
		}`))
		if b.says("unreached.size") == "0" {
			break
		}
	}
	if left := b.says(`[...unreached].map((e) => e.outerHTML.slice(0, 80)).join("\n")`); left != "" {
		t.Errorf("Tab does not come to:\n%s", left)
	}
	if unseen := b.says(`unseen.join("\n")`); unseen != "" {
		t.Errorf("the focus is not seen:\n%s", unseen)
	}
}

// TestDashboardStandsStill: for those who ask their system for less motion nothing slides and nothing fades; the lanes move on once a second.
func TestDashboardStandsStill(t *testing.T) {
	f := up(t, []string{"-n", "2"}, app("web"))
	b, _ := f.openDashboard()
	b.prefer("prefers-reduced-motion", "reduce")
	b.change("#load", "5")
	b.until("document.querySelectorAll('#requests [data-seq]').length >= 5")
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	const watch = 3 * time.Second
	seen, err := chromedp.Run(ctx, chromedp.Evaluate[[2]int](fmt.Sprintf(`new Promise((done) => {
		const canvas = document.querySelector("#lanes-canvas"), pictures = new Set(), end = performance.now() + %d
		let animations = 0
		const look = () => {
			animations = Math.max(animations, document.getAnimations().length)
			pictures.add(canvas.toDataURL())
			if (performance.now() < end) requestAnimationFrame(look)
			else done([animations, pictures.size])
		}
		look()
	})`, watch.Milliseconds()), chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	if animations, pictures := seen[0], seen[1]; animations > 0 || pictures > 5 {
		t.Errorf("%d animations, and the lanes moved %d times in %v", animations, pictures-1, watch)
	}
}
