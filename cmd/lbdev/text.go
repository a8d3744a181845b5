package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/procs"
	"github.com/lbdev/lbdev/proxy"
)

const (
	// prefixWidth is what stands before a worker's line: "8001 │ ".
	prefixWidth = 7
	// pathWidth is the column of a request's path; longer ones push the rest to the right.
	pathWidth = 14
)

// A textPrinter shows what happens to people.
type textPrinter struct {
	look
	cluster  *cluster.Cluster
	prefixes map[int]string // by port, ready to print
	ready    map[int]bool   // workers that have been ready
	opened   time.Time
	keys     bool     // keys can be pressed
	started  bool     // all workers have been ready
	ending   bool     // the cluster is: that its workers stop goes without saying
	lastTail []string // of the worker that failed last
}

func newTextPrinter(l look, c *cluster.Cluster) *textPrinter {
	return &textPrinter{look: l, cluster: c, prefixes: map[int]string{}, ready: map[int]bool{}, opened: time.Now()}
}

func (t *textPrinter) logs(buf []byte, lines []cluster.LogLine) []byte {
	for i := range lines {
		line := &lines[i]
		prefix, ok := t.prefixes[line.Port]
		if !ok {
			prefix = t.worker(line.Worker, fmt.Sprintf("%4d %s", line.Port, t.bar)) + " "
			if line.From != "" {
				prefix = fmt.Sprintf("%4s %s ", line.From, t.bar)
			}
			t.prefixes[line.Port] = prefix
		}
		buf = append(buf, prefix...)
		if t.colour {
			buf = append(buf, line.Text...)
		} else {
			buf = procs.AppendPlain(buf, line.Text)
		}
		buf = append(buf, '\n')
	}
	return buf
}

func (t *textPrinter) lost(buf []byte, what string, n uint64) []byte {
	return fmt.Appendf(buf, "%s %s %s not shown: the terminal is too slow\n", t.line, thousands(n), what)
}

func (t *textPrinter) note(buf []byte, n note) []byte {
	switch n.kind {
	case "clear":
		return append(buf, n.text...)
	case "stopping":
		t.ending = true
	}
	return append(append(buf, n.text...), '\n')
}

// done tells how it ended and what became of the requests. Whoever had to be killed was an event already.
func (t *textPrinter) done(buf []byte, r cluster.Report) []byte {
	for _, w := range r.Left {
		buf = fmt.Appendf(buf, "%s %s could not be ended: pid %s\n", t.worker(w.Worker, strconv.Itoa(w.Port)), t.bad(t.down), joinInts(w.PIDs))
	}
	if n := r.Stopped + len(r.Killed); n > 0 {
		buf = fmt.Appendf(buf, "%d stopped in %s\n", n, short(r.Took))
	}
	return append(append(buf, t.tally(t.cluster.Snapshot().Requests)...), '\n')
}

// tally is the last line: 1,204 requests · 1 failed · 3 rescued · 2 held · longest wait 0.9 s. That none failed is said;
// what else did not happen is not.
func (t *textPrinter) tally(c cluster.RequestCounts) string {
	parts := []string{count(int(c.Total), "request"), thousands(c.Failed) + " failed"}
	for _, p := range []struct {
		n    uint64
		what string
	}{{c.Rescued, "rescued"}, {c.Held, "held"}, {c.Cut, "cut"}, {c.Canceled, "canceled by the client"}} {
		if p.n > 0 {
			parts = append(parts, thousands(p.n)+" "+p.what)
		}
	}
	if c.Held > 0 {
		parts = append(parts, "longest wait "+short(time.Duration(c.LongestWaitMS)*time.Millisecond))
	}
	return strings.Join(parts, " "+t.dot+" ")
}

// event shows what people want to know of a worker's life; starting and stopping go without saying.
func (t *textPrinter) event(buf []byte, e cluster.Event) []byte {
	if e.Kind == cluster.KindFront && e.Text == "" {
		return buf
	}
	if e.Worker == 0 {
		return fmt.Appendf(buf, "%s %s\n", t.line, e.Text)
	}
	port := t.worker(e.Worker, fmt.Sprintf("%4d", e.Port))
	switch e.Kind {
	case cluster.KindNotice:
		return fmt.Appendf(buf, "%s %s\n", port, e.Text)
	case cluster.KindFault:
		return fmt.Appendf(buf, "%s %s\n", port, t.faultSet(e.Text))
	case cluster.KindWrongPort:
		return t.wrongPort(buf, port, e)
	}
	switch e.State {
	case cluster.Ready:
		if e.Reason != "" {
			return fmt.Appendf(buf, "%s %s: %s\n", port, t.state(e.State), e.Reason)
		}
		if e.Took == 0 { // it was drained or paused
			return fmt.Appendf(buf, "%s %s\n", port, t.state(e.State))
		}
		buf = fmt.Appendf(buf, "%s %s  %s\n", port, t.state(e.State), short(e.Took))
		return t.allReady(buf, e)
	case cluster.Unresponsive:
		return fmt.Appendf(buf, "%s %s: %s\n", port, t.state(e.State), e.Reason)
	case cluster.Drained, cluster.Paused:
		return fmt.Appendf(buf, "%s %s\n", port, t.state(e.State))
	case cluster.Backoff:
		return t.backoff(buf, port, e)
	case cluster.Failed:
		return t.fail(buf, port, e)
	case cluster.Stopped:
		return t.stopped(buf, port, e)
	case cluster.Stopping:
		if e.Reason != "" {
			return fmt.Appendf(buf, "%s %s %s\n", port, t.bad(t.down), e.Reason)
		}
	}
	return buf
}

// allReady says once that the start is over.
func (t *textPrinter) allReady(buf []byte, e cluster.Event) []byte {
	n := len(t.cluster.Ports())
	t.ready[e.Worker] = true
	if t.started || len(t.ready) < n {
		return buf
	}
	t.started = true
	took := short(e.Time.Sub(t.opened))
	hint := " " + t.dot + " Ctrl-C to stop"
	if t.keys {
		hint = " " + t.dot + " h for keys" + hint
	}
	return fmt.Appendf(buf, "%s%s\n", t.bold(fmt.Sprintf("%d of %d ready in %s", n, n, took)), hint)
}

func (t *textPrinter) backoff(buf []byte, port string, e cluster.Event) []byte {
	if e.Restarts == 0 { // someone has its port
		return fmt.Appendf(buf, "%s %s %s %s waiting for it\n", port, t.bad(t.down), e.Reason, t.dot)
	}
	when := "now"
	if e.Delay > 0 {
		when = "in " + short(e.Delay)
	}
	what := e.Reason
	if e.Exit != nil {
		what = cmp.Or(what, e.Exit.String()) + " after " + short(e.Exit.Ran)
	}
	return fmt.Appendf(buf, "%s %s %s %s restart %d %s\n", port, t.bad(t.down), what, t.dot, e.Restarts, when)
}

func (t *textPrinter) stopped(buf []byte, port string, e cluster.Event) []byte {
	switch {
	case e.Killed > 0:
		return fmt.Appendf(buf, "%s %s did not end in time, killed\n", port, t.bad(t.down))
	case e.Reason != "" && e.Exit != nil:
		return fmt.Appendf(buf, "%s %s %s after %s %s %s\n", port, t.bad(t.down), e.Exit, short(e.Exit.Ran), t.dot, e.Reason)
	case !t.ending:
		return fmt.Appendf(buf, "%s %s\n", port, t.state(e.State))
	}
	return buf
}

// fail shows why a worker was given up: its last words, unless another worker has just said the same.
func (t *textPrinter) fail(buf []byte, port string, e cluster.Event) []byte {
	buf = fmt.Appendf(buf, "%s %s %s; giving up on this worker%s\n", port, t.bad(t.down), e.Reason, t.others())
	tail := withoutPort(e.Lines, e.Port)
	if len(tail) > 0 && slices.Equal(tail, t.lastTail) {
		return fmt.Appendf(buf, "       %s the same output as the worker before\n", t.bar)
	}
	t.lastTail = tail
	for _, line := range e.Lines {
		buf = fmt.Appendf(buf, "       %s ", t.bar)
		buf = append(procs.AppendPlain(buf, line), '\n')
	}
	if e.Exit != nil && e.Exit.Code == 0 {
		return fmt.Appendf(buf, "lbdev: hint: it ended by itself; a server must stay in the foreground, without & or a daemon option\n")
	}
	return fmt.Appendf(buf, "lbdev: hint: run it alone to see more:  %s\n", alone(e.Port, e.Argv))
}

// others says that the cluster goes on, if it does.
func (t *textPrinter) others() string {
	for _, w := range t.cluster.Snapshot().Workers {
		if w.State == cluster.Ready {
			return ", the others serve on"
		}
	}
	return ""
}

func withoutPort(lines []string, port int) []string {
	var out []string
	for _, line := range lines {
		out = append(out, strings.ReplaceAll(line, strconv.Itoa(port), "{port}"))
	}
	return out
}

func (t *textPrinter) wrongPort(buf []byte, port string, e cluster.Event) []byte {
	buf = fmt.Appendf(buf, "%s %s listens on port %s, not on %d that it was given\n", port, t.bad(t.down), joinInts(e.Ports), e.Port)
	return fmt.Appendf(buf, "lbdev: hint: tell it the port: write {port} where the command takes it, or let the app read $PORT\n")
}

// request shows one request and every worker that was asked:
//
//	GET  /              200    14 ms → 8002 ✗ refused → 8003
func (t *textPrinter) request(buf []byte, a *proxy.Access) []byte {
	status := fmt.Sprintf("%3d", a.Status)
	switch {
	case a.Outcome == proxy.Canceled:
		status = "---"
	case a.Status == 0 && a.Outcome == proxy.Cut: // in mode tcp, as in the next two
		status = "cut"
	case a.Status == 0 && a.Outcome == proxy.Failed:
		status = "---"
	case a.Status == 0:
		status = " ok"
	}
	buf = fmt.Appendf(buf, "%-4s %-*s %s %8s", printable(a.Method), pathWidth, t.fit(printable(proxy.Redact(a.Path))), t.status(a.Status, status), short(a.Total))
	for i := range a.Attempts {
		at := &a.Attempts[i]
		buf = fmt.Appendf(buf, " %s %s", t.arrow, t.worker(at.Worker, strconv.Itoa(at.Port)))
		switch last := i == len(a.Attempts)-1; {
		case last && a.Outcome == proxy.Failed:
			reason := strings.TrimPrefix(a.Reason, fmt.Sprintf("worker %d ", at.Port))
			return fmt.Appendf(buf, "%s %s %s\n", faultOf(at), t.bad(t.down), printable(reason))
		case !last:
			buf = fmt.Appendf(buf, "%s %s %s", faultOf(at), t.bad(t.down), at.Result)
		default:
			buf = append(buf, faultOf(at)...)
		}
	}
	if a.Held > 0 {
		buf = fmt.Appendf(buf, " %s held %s", t.dot, short(a.Held))
	}
	switch a.Outcome {
	case proxy.Failed, proxy.Cut:
		buf = fmt.Appendf(buf, " %s %s", t.bad(string(a.Outcome)+":"), printable(a.Reason))
	case proxy.Canceled:
		buf = fmt.Appendf(buf, " %s the client went away", t.dot)
	case proxy.OK:
		if a.Reason != "" { // mostly that of a request which was refused
			buf = fmt.Appendf(buf, " %s %s", t.dot, printable(a.Reason))
		}
	}
	return append(buf, '\n')
}

// fit shortens a path that would break the line on a terminal.
func (t *textPrinter) fit(path string) string {
	room := max(t.width-40, pathWidth)
	if runes := []rune(path); t.width > 0 && len(runes) > room {
		return string(runes[:room-1]) + t.ellipsis
	}
	return path
}

// printable keeps what a client sent from writing to the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if strconv.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
}

// summary shows a second that had too many requests to show, closer together where the terminal is narrow:
//
//	──── 812 req/s   8000 25%  8001 25%  8002 25%  8003 25%   p50 3 ms  p99 11 ms   failed 0
//	──── 812/s  8000 25% 8001 25% 8002 25% 8003 25%  p50 3 ms p99 11 ms  failed 0
func (t *textPrinter) summary(buf []byte, s *second, now time.Time) []byte {
	line := t.summaryLine(s, now, " req/s", "  ")
	if t.width > 0 && utf8.RuneCount(procs.AppendPlain(nil, line)) > t.width {
		line = t.summaryLine(s, now, "/s", " ")
	}
	return append(append(buf, line...), '\n')
}

func (t *textPrinter) summaryLine(s *second, now time.Time, unit, gap string) string {
	quantile := func(q float64) string {
		return short(time.Duration(s.times.ValueAtQuantile(q)) * time.Microsecond)
	}
	failed := "failed " + thousands(uint64(s.failed))
	if s.failed > 0 {
		failed = t.bad(failed)
	}
	return strings.Join([]string{
		t.line + " " + thousands(uint64(s.rate(now)+0.5)) + unit,
		strings.Join(t.shares(s), gap),
		"p50 " + quantile(50) + gap + "p99 " + quantile(99),
		failed,
	}, " "+gap)
}

// shares are what part of the second's requests each worker answered; of many workers only the extremes.
func (t *textPrinter) shares(s *second) []string {
	const most = 8
	ports := t.cluster.Ports()
	if len(ports) > most {
		low, high := extremes(s)
		return []string{fmt.Sprintf("%d workers, %.1f%% to %.1f%% each", len(s.byPort), low, high)}
	}
	var shares []string
	for i, port := range ports {
		shares = append(shares, fmt.Sprintf("%s %.0f%%", t.worker(i+1, strconv.Itoa(port)), 100*float64(s.byPort[port])/float64(s.count)))
	}
	return shares
}

// extremes are the smallest and the largest share of a worker, in percent.
func extremes(s *second) (least, most float64) {
	least = 100
	for _, n := range s.byPort {
		share := 100 * float64(n) / float64(s.count)
		least, most = min(least, share), max(most, share)
	}
	return least, most
}
