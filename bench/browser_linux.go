package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/memory"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// A browser is Chromium with one page.
type browser struct {
	ctx   context.Context
	close func()
	own   []span // in which the measuring itself kept the page busy
}

// watchTasks has a page note how long its main thread was kept busy at a time. The browser tells of 50 ms and more.
const watchTasks = `window.benchTasks = { tasks: [], frames: [], own: [] };
new PerformanceObserver(list => benchTasks.tasks.push(...list.getEntries()))
	.observe({ type: "longtask", buffered: true });
new PerformanceObserver(list => benchTasks.frames.push(...list.getEntries()))
	.observe({ type: "long-animation-frame", buffered: true });`

// openBrowser shows a page. Whoever opened the browser closes it.
func openBrowser(ctx context.Context, url string) (*browser, error) {
	dir, err := os.MkdirTemp("", "lbdev-bench-browser-")
	if err != nil {
		return nil, fmt.Errorf("cannot make a temporary folder: %w", err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(dir), chromedp.WindowSize(1280, 1000),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true))
	ctx, cancelAll := chromedp.NewExecAllocator(ctx, options...)
	ctx, cancel := chromedp.NewContext(ctx)
	b := &browser{ctx: ctx, close: func() { cancel(); cancelAll(); os.RemoveAll(dir) }}
	watch := func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: watchTasks})
		return chromedp.Void{}, err
	}
	if err := chromedp.Do(ctx, watch, b.trace, chromedp.Navigate(url)); err != nil {
		b.close()
		return nil, fmt.Errorf("cannot open a page in Chromium: %w", err)
	}
	return b, nil
}

// until waits until an expression is true in the page.
func (b *browser) until(d time.Duration, expression string) error {
	for end := time.Now().Add(d); ; {
		ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		if err != nil || ok {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("the page does not come to %s within %v", expression, d)
		}
		if err := pause(b.ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// busy is how long the page's main thread was kept busy at a time, in milliseconds, in tasks and in frames of 50 ms and more.
func (b *browser) busy() (tasks, frames []float64, err error) {
	type noted struct{ Tasks, Frames []float64 }
	const outside = `Object.fromEntries(["tasks", "frames"].map(kind => [kind, benchTasks[kind]
		.filter(e => !benchTasks.own.some(([from, to]) => e.startTime < to && e.startTime + e.duration > from)).map(e => e.duration)]))`
	n, err := chromedp.Run(b.ctx, chromedp.Evaluate[noted](outside))
	return n.Tasks, n.Frames, err
}

// A weight is what a page holds after a garbage collection.
type weight struct{ heap, nodes int64 }

// weigh asks for a garbage collection, which is left out of what keeps the page busy.
func (b *browser) weigh() (weight, error) {
	own := span{from: monotonic()}
	from, fault1 := chromedp.Run(b.ctx, chromedp.Evaluate[float64]("performance.now()"))
	w, fault2 := chromedp.Run(b.ctx, collectGarbage)
	_, fault3 := chromedp.Run(b.ctx, chromedp.Evaluate[chromedp.Void](fmt.Sprintf("void benchTasks.own.push([%f, performance.now()])", from)))
	own.to = monotonic()
	b.own = append(b.own, own)
	return w, errors.Join(fault1, fault2, fault3)
}

func collectGarbage(ctx context.Context, t *chromedp.Target) (weight, error) {
	_, fault1 := cdp.Call(ctx, t, heapprofiler.CollectGarbage, cdp.Empty{})
	usage, fault2 := cdp.Call(ctx, t, runtime.GetHeapUsage, cdp.Empty{})
	counters, fault3 := cdp.Call(ctx, t, memory.GetDOMCounters, cdp.Empty{})
	return weight{int64(usage.UsedSize), counters.Nodes}, errors.Join(fault1, fault2, fault3)
}
