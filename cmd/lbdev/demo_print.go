package main

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/procs"
	"github.com/lbdev/lbdev/proxy"
)

const (
	// demoIndent is what the demo's own lines begin with, below the heading of their scene.
	demoIndent = "     "
	// demoWidth is how wide they are where no terminal says how wide they may be.
	demoWidth = 80
	// requestIndent is where the workers stand in a request's line, and so what is left over of it.
	requestIndent = 32
)

// A demoRecord is what the demo says to programs, as one line of --json.
type demoRecord struct {
	Event  string    `json:"event"` // scene, enter, progress, seen
	Time   time.Time `json:"time"`
	Step   int       `json:"step"`
	Of     int       `json:"of"`
	Name   string    `json:"name"`
	Title  string    `json:"title,omitempty"`
	Why    string    `json:"why,omitempty"`
	Watch  string    `json:"watch,omitempty"`
	Text   string    `json:"text,omitempty"`
	Counts *demoSeen `json:"counts,omitempty"`
}

// A demoSeen is what one scene's requests add up to.
type demoSeen struct {
	Requests      int         `json:"requests"`
	Failed        int         `json:"failed"`
	AppErrors     int         `json:"app_errors"`
	Rescued       int         `json:"rescued"`
	Held          int         `json:"held"`
	LongestHeldMS int64       `json:"longest_held_ms"`
	SlowestMS     int64       `json:"slowest_ms"`
	ByPort        map[int]int `json:"by_port"`
}

// say shows text to people, or the record to programs.
func (d *demo) say(ctx context.Context, text string, r demoRecord) {
	r.Time, r.Step, r.Of, r.Name = time.Now(), d.number, d.of, ""
	if d.scene != nil {
		r.Name = d.scene.name
	}
	d.s.remark(ctx, func(buf []byte) []byte {
		if d.json {
			return appendJSON(buf, r)
		}
		for line := range strings.SplitSeq(text, "\n") {
			buf = append(buf, wrap(line, d.width(), len(demoIndent))...)
			buf = append(buf, '\n')
		}
		return buf
	})
}

func (d *demo) width() int {
	if d.text.width > 0 {
		return d.text.width
	}
	return demoWidth
}

// announce says what comes next and what to watch for.
//
//	──── 2/6  Kill one
//	     Processes die: a bug, no memory. 8001 gets kill -9 with a page in hand.
//	     Watch: others answer in its place, and 8001 is started again.
func (d *demo) announce(ctx context.Context) {
	s := d.scene
	heading := d.text.bold(fmt.Sprintf("%s %d/%d  %s", d.text.line, d.number, d.of, s.title))
	d.say(ctx, "\n"+heading+"\n"+demoIndent+s.why+"\n"+demoIndent+s.watch, demoRecord{Event: "scene", Title: s.title, Why: s.why, Watch: s.watch})
}

// ask says that Enter is waited for.
func (d *demo) ask(ctx context.Context) {
	d.say(ctx, demoIndent+d.text.bold("Enter begins, Ctrl-C ends."), demoRecord{Event: "enter"})
}

func (d *demo) progress(ctx context.Context, text string) {
	d.say(ctx, demoIndent+text, demoRecord{Event: "progress", Text: text})
}

// report says what was seen:
//
//	✓    17 requests · 0 failed · slowest 1.5 s, the page itself 1.0 s
//	     1 taken back from 8002, answered by another · 6 passed it by in 1.5 s
func (d *demo) report(ctx context.Context, t tally, seen []string) {
	gap := " " + d.text.dot + " "
	sign, failed := d.text.good(d.check()), d.text.bold(fmt.Sprintf("%d failed", t.failed))
	if t.failed+t.appErrors > 0 {
		sign = d.text.bad(d.text.down)
	}
	if t.failed > 0 {
		failed = d.text.bad(failed)
	}
	counts := []string{d.text.bold(count(t.requests, "request")), failed}
	if t.appErrors > 0 {
		counts = append(counts, d.text.bad(fmt.Sprintf("%d answered with an error by the app", t.appErrors)))
	}
	counts = append(counts, d.slowest(t))
	first, second := strings.Join(counts, gap), strings.Join(seen, gap)
	pad := demoIndent[utf8.RuneCount(procs.AppendPlain(nil, sign)):]
	d.say(ctx, sign+pad+first+"\n"+demoIndent+second, demoRecord{
		Event: "seen", Text: string(procs.AppendPlain(nil, first+gap+second)),
		Counts: &demoSeen{
			Requests: t.requests, Failed: t.failed, AppErrors: t.appErrors, Rescued: t.rescued, Held: t.held,
			LongestHeldMS: t.longest.Milliseconds(), SlowestMS: t.slowest.Milliseconds(), ByPort: t.byPort,
		},
	})
}

// slowest is how long the slowest request took, and how much of that its page takes anyway.
func (d *demo) slowest(t tally) string {
	text := "slowest " + short(t.slowest)
	if d.busyFor > 0 && t.slowPath == d.busy {
		text += ", the page itself " + short(d.busyFor)
	}
	return text
}

// check is the sign of a scene in which nothing failed.
func (d *demo) check() string {
	if d.text.signs == unicodeSigns {
		return "✓"
	}
	return "ok"
}

// A demoPrinter shows a cluster's life as up does, with nothing that the terminal would break in the middle of a word.
type demoPrinter struct {
	*textPrinter
	demo *demo
}

func (d *demo) dress(t *textPrinter) printer { return demoPrinter{t, d} }

// logs are shown if they were asked for: most servers write a line for each request, which would be there twice.
func (p demoPrinter) logs(buf []byte, lines []cluster.LogLine) []byte {
	if p.demo.logs {
		buf = p.textPrinter.logs(buf, lines)
	}
	return buf
}

func (p demoPrinter) request(buf []byte, a *proxy.Access) []byte {
	return p.fold(buf, p.textPrinter.request(nil, a), requestIndent)
}

func (p demoPrinter) summary(buf []byte, s *second, now time.Time) []byte {
	return p.fold(buf, p.textPrinter.summary(nil, s, now), len(demoIndent))
}

// note sets the end off from the scenes.
func (p demoPrinter) note(buf []byte, n note) []byte {
	if n.kind == "stopping" {
		buf = append(buf, '\n')
	}
	return p.fold(buf, p.textPrinter.note(nil, n), 0)
}

// event sets the cluster's own notices in, as the demo's own lines are.
func (p demoPrinter) event(buf []byte, e cluster.Event) []byte {
	if e.Kind == cluster.KindFront && e.Text == "" {
		return buf
	}
	if e.Worker == 0 {
		return p.fold(buf, []byte(demoIndent+e.Text+"\n"), len(demoIndent))
	}
	return p.fold(buf, p.textPrinter.event(nil, e), prefixWidth)
}

// done adds what the words of the tally mean, and what to type next, if the demo was played to its end.
func (p demoPrinter) done(buf []byte, r cluster.Report) []byte {
	buf = p.fold(buf, p.textPrinter.done(nil, r), 0)
	if !p.demo.played.Load() {
		return buf
	}
	c := p.cluster.Snapshot().Requests
	if d := p.demo; d.program != "" {
		asked := count(int(d.asked.Load()), "request")
		text := fmt.Sprintf("  %s lost none of %s, as lbdev's own front:  lbdev demo\n", d.program, asked)
		if n := d.missed.Load(); n > 0 {
			text = fmt.Sprintf("  %s lost %d of %s; lbdev's own front loses none in these steps: compare with  lbdev demo\n", d.program, n, asked)
		}
		buf = p.fold(buf, []byte(text), 2)
	}
	if c.Rescued > 0 {
		buf = p.fold(buf, []byte("  rescued: another worker answered in place of one that was lost\n"), 2)
	}
	if c.Held > 0 {
		buf = p.fold(buf, []byte("  held: waited, since no worker was ready\n"), 2)
	}
	return p.fold(buf, []byte("\nNext, with your own app:  "+p.bold(p.demo.next)+"\n"), 2)
}

// fold appends whole lines, each folded to the terminal's width.
func (p demoPrinter) fold(buf, lines []byte, indent int) []byte {
	if p.width == 0 {
		return append(buf, lines...)
	}
	for line := range strings.SplitAfterSeq(string(lines), "\n") {
		if line == "" {
			continue
		}
		buf = append(buf, wrap(strings.TrimSuffix(line, "\n"), p.width, indent)...)
		buf = append(buf, '\n')
	}
	return buf
}
