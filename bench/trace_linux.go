package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/io"
	"github.com/chromedp/cdproto/tracing"
	"github.com/chromedp/chromedp"
	"golang.org/x/sys/unix"
)

// traceTime is how long the browser may take to hand its trace over.
const traceTime = time.Minute

// A span is a time on the clock that Chromium's traces have, CLOCK_MONOTONIC, in microseconds.
type span struct{ from, to float64 }

func monotonic() float64 {
	var t unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) // it is always there
	return float64(t.Nano()) / 1e3
}

// A traced is an event of a trace, as far as it is looked at: a task that a thread has run, or the name of a thread.
type traced struct {
	Name     string
	PID, TID int
	TS, Dur  float64 // microseconds
	TDur     float64 // of CPU
	Args     struct{ Name string }
}

// trace has the browser note each task of its threads from now on, with the CPU time that it took.
func (b *browser) trace(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
	_, err := cdp.Call(ctx, t, tracing.Start, tracing.StartParams{TransferMode: tracing.StartTransferModeReturnAsStream, TraceConfig: &tracing.TraceConfig{
		RecordMode: "recordUntilFull", IncludedCategories: []string{"toplevel"}, ExcludedCategories: []string{"*"},
	}})
	return chromedp.Void{}, err
}

// mostCPU ends the trace and says how much CPU time a task of the page's main thread took at most.
func (b *browser) mostCPU() (time.Duration, error) {
	text, err := chromedp.Run(b.ctx, endTrace)
	if err != nil {
		return 0, fmt.Errorf("cannot get the browser's trace: %w", err)
	}
	var trace struct{ TraceEvents []traced }
	if err := json.Unmarshal(text, &trace); err != nil {
		return 0, fmt.Errorf("cannot read the browser's trace: %w", err)
	}
	return mostCPU(trace.TraceEvents, b.own), nil
}

func endTrace(ctx context.Context, t *chromedp.Target) (text []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, traceTime)
	defer cancel()
	complete := cdp.Events(ctx, t, tracing.TracingComplete)
	if _, err := cdp.Call(ctx, t, tracing.End, cdp.Empty{}); err != nil {
		return nil, err
	}
	for e, err := range complete {
		if err != nil {
			return nil, err
		}
		for {
			part, err := cdp.Call(ctx, t, io.Read, io.ReadParams{Handle: e.Stream, Size: 1 << 20})
			if err != nil {
				return nil, err
			}
			if text = append(text, part.Data...); part.EOF {
				return text, nil
			}
		}
	}
	return nil, errors.New("it has no end")
}

// mostCPU is the most that a task took, without those that ran within one of the spans. The main thread that has worked most is the
// page's: others are those of pages that the browser keeps in reserve.
func mostCPU(events []traced, without []span) time.Duration {
	type thread struct{ process, thread int }
	type work struct{ all, most float64 }
	works := map[thread]*work{}
	for _, e := range events {
		if e.Name == "thread_name" && e.Args.Name == "CrRendererMain" {
			works[thread{e.PID, e.TID}] = new(work)
		}
	}
	for _, e := range events {
		w := works[thread{e.PID, e.TID}]
		inside := func(s span) bool { return e.TS < s.to && e.TS+e.Dur > s.from }
		if w == nil || e.TDur == 0 || slices.ContainsFunc(without, inside) {
			continue
		}
		w.all += e.TDur
		w.most = max(w.most, e.TDur)
	}
	var page work
	for _, w := range works {
		if w.all > page.all {
			page = *w
		}
	}
	return time.Duration(page.most * 1e3)
}
