//go:build linux

package clients

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// A browser is Chromium with one page.
type browser struct {
	*testing.T
	ctx  context.Context
	stop *time.Timer // ends a browser that hangs

	mu     sync.Mutex
	faults []string // what its console has complained of
	hosts  map[string]bool
}

// openBrowser starts Chromium; the test's end closes it. What the page writes to the console as an error is one of the test. The folder with
// its data is chromedp's: some of its processes outlive the first one and write there, and chromedp ends them before it removes it.
func openBrowser(t *testing.T) *browser {
	t.Helper()
	temp, err := os.MkdirTemp("", "chromium") // what it leaves when it is killed; the path of a socket in there must be short
	if err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1280, 720), chromedp.Env("TMPDIR="+temp),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))
	ctx, cancelAll := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(ctx)
	stop := time.AfterFunc(stepPatience, cancel) // a timeout of the first Run's context would end the browser
	t.Cleanup(func() {
		stop.Stop()
		cancel()
		cancelAll()
		os.RemoveAll(temp)
	})
	b := &browser{T: t, ctx: ctx, stop: stop, hosts: map[string]bool{}}
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			if m.IsException() || m.Type == "error" || m.Type == "warning" {
				b.mu.Lock()
				b.faults = append(b.faults, m.String())
				b.mu.Unlock()
			}
		}
	}()
	requests := chromedp.Events(ctx, network.RequestWillBeSent)
	go func() {
		for e, err := range requests {
			if err != nil {
				return
			}
			b.mu.Lock()
			scheme, rest, _ := strings.Cut(e.Request.URL, ":")
			if host, _, _ := strings.Cut(strings.TrimPrefix(rest, "//"), "/"); scheme != "data" && scheme != "about" {
				b.hosts[host] = true
			}
			b.mu.Unlock()
		}
	}()
	b.do(chromedp.EmulateViewport(1280, 720)) // a window of that size shows less of a page
	return b
}

// stepPatience is how long a browser may take for one step of a test.
const stepPatience = 2 * time.Minute

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	b.stop.Reset(stepPatience)
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.Fatalf("%v (make test installs chromium)", err)
	}
}

// says evaluates an expression that gives a string.
func (b *browser) says(expression string) string {
	b.Helper()
	text, err := b.evaluate(expression)
	if err != nil {
		b.Fatalf("%s: %v", expression, err)
	}
	return text
}

func (b *browser) evaluate(expression string) (string, error) {
	b.stop.Reset(stepPatience)
	return chromedp.Run(b.ctx, chromedp.Evaluate[string]("String("+expression+")"))
}

// until waits until an expression is true. One page may go and another one come meanwhile.
func (b *browser) until(expression string) {
	b.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		text, err := b.evaluate("Boolean(" + expression + ")")
		switch {
		case text == "true":
			return
		case err != nil && !hasMovedOn(err):
			b.Fatalf("%s: %v", expression, err)
		case time.Now().After(end):
			b.Fatalf("the page does not come to %s; it shows:\n%s", expression, b.says("document.body.innerText"))
		}
	}
}

// hasMovedOn says that a page went away while it was asked something.
func hasMovedOn(err error) bool {
	e, ok := errors.AsType[*cdproto.Error](err)
	return ok && (strings.Contains(e.Message, "target navigated or closed") || strings.Contains(e.Message, "context was destroyed"))
}

// click clicks on an element as soon as a pointer would meet it: what is scrolled to is there a frame later. Both are one step, as a
// page that lives moves.
func (b *browser) click(selector string) {
	b.Helper()
	b.until(fmt.Sprintf(`(e => {
		e?.scrollIntoView({block: "nearest"})
		const r = e?.getBoundingClientRect()
		if (!r || !e.contains(document.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2))) return false
		e.click()
		return true
	})(document.querySelector(%q))`, selector))
}

// change gives a field a value, in one step: a page that lives sets its fields itself.
func (b *browser) change(selector, value string) {
	b.Helper()
	b.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`(e => {
		e.value = %q
		for (const kind of ["input", "change"]) e.dispatchEvent(new Event(kind, {bubbles: true}))
	})(document.querySelector(%q))`, value, selector)))
}

// wantPeace checks that the console has had no reason to complain, and that nobody was asked for anything but host.
func (b *browser) wantPeace(host string) {
	b.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, fault := range b.faults {
		b.Errorf("the console says %s", fault)
	}
	for h := range b.hosts {
		if h != host {
			b.Errorf("the page has asked %q for something", h)
		}
	}
	if !b.hosts[host] {
		b.Errorf("the page has asked nobody of %q for anything: is that looked at?", host)
	}
}
