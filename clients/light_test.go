//go:build linux

package clients

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	pagedomain "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// weighPage has a page note from its beginning how many elements it adds to a list between two turns of its event loop, and how often it
// asks for a frame of the screen.
const weighPage = `
	window.most = {}
	window.frames = 0
	const ask = window.requestAnimationFrame
	window.requestAnimationFrame = (f) => (window.frames++, ask.call(window, f))
	document.addEventListener("DOMContentLoaded", () => {
		for (const id of ["requests-list", "logs-lines", "tiles"]) {
			most[id] = 0
			new MutationObserver((changes) => {
				const added = changes.filter((c) => c.target.id === id).reduce((n, c) => n + c.addedNodes.length, 0)
				most[id] = Math.max(most[id], added)
			}).observe(document.getElementById(id), { childList: true })
		}
	})`

// TestDashboardStaysLight: what comes at once comes up in pieces, lists have an end, and between drawings the page rests. These are what
// keeps a page usable that shows a busy cluster; how long they take is measured by make bench.
func TestDashboardStaysLight(t *testing.T) {
	f := up(t, []string{"-n", "20", "--sample"}, nil)
	f.ask(400)
	const rows = "document.querySelectorAll('#requests-list > li').length"
	b := openBrowser(t)
	prepare := func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, pagedomain.AddScriptToEvaluateOnNewDocument, pagedomain.AddScriptToEvaluateOnNewDocumentParams{Source: weighPage})
		return chromedp.Void{}, err
	}
	b.do(prepare, chromedp.Navigate(strings.TrimSpace(f.lbdev("open", "--dashboard", "--print"))))
	b.until(rows + " === 200")
	b.until("document.querySelectorAll('#logs-lines > .line').length >= 300")
	b.until("document.querySelectorAll('.tile').length === 20")
	eventually(t, "a full list", func() bool { f.ask(50); return b.says(rows) == "300" })
	newest := b.says("document.querySelector('#requests-list > li').dataset.seq")
	f.ask(50)
	b.until("document.querySelector('#requests-list > li').dataset.seq > " + newest)
	for id, limit := range map[string]int{"requests-list": 40, "logs-lines": 60, "tiles": 8} {
		if got := b.says(fmt.Sprintf("most[%q] > 0 && most[%q] <= %d", id, id, limit)); got != "true" {
			t.Errorf("%s elements were added to %s at once, want at most %d", b.says(fmt.Sprintf("most[%q]", id)), id, limit)
		}
	}
	if got := b.says(rows); got != "300" {
		t.Errorf("the full list of requests has %s rows", got)
	}
	const restful = `new Promise((done) => {
		const from = performance.now(), before = frames
		setTimeout(() => done(Math.round((frames - before) * 1000 / (performance.now() - from))), 2000)
	})`
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	rate, err := chromedp.Run(ctx, chromedp.Evaluate[int](restful, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	if rate > 30 {
		t.Errorf("the page asks for %d frames a second while nothing happens", rate)
	}
}

// ask sends requests to the front, one after the other.
func (f *front) ask(n int) {
	f.Helper()
	for range n {
		resp, err := http.Get(f.url + "/")
		if err != nil {
			f.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
}
