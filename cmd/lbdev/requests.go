package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster/control"
	"github.com/lbdev/lbdev/proxy"
	"github.com/lbdev/lbdev/proxy/fault"
)

func requestsCommand() *cli.Command {
	return &cli.Command{
		Name:  "requests",
		Usage: "show the last requests: who answered, how long it took, who was asked before, and why",
		UsageText: `lbdev requests [flags]

lbdev requests                       the last 20
lbdev requests -f                    and what comes
lbdev requests --why -n 1            where the time of the last one went, and why that worker
lbdev requests --failed              those that failed, were cut, or got 500 or above
lbdev requests --slow 100ms -w 2     those that took longer, of worker 2
lbdev requests --json -n 1000        all that are remembered, one JSON object a line`,
		HideHelpCommand: true,
		OnUsageError:    usageError,
		Flags: remoteFlags(
			&cli.IntFlag{Name: "tail", Aliases: []string{"n"}, Value: 20, Usage: "of those that are over, the last `N`"},
			&cli.BoolFlag{Name: "failed", Usage: "only those that failed, were cut, or got a status from 500 up"},
			&cli.DurationFlag{Name: "slow", Usage: "only those that took `TIME` or more"},
			&cli.StringFlag{Name: "worker", Aliases: []string{"w"}, Usage: "only those for which `WORKER` was asked (number or port, several with commas)"},
			&cli.BoolFlag{Name: "why", Aliases: []string{"v"}, Usage: "show each attempt: its times, and why that worker"},
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on with what comes, until Ctrl-C or the cluster's end"},
		),
		Action: showRequests,
	}
}

func showRequests(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	query := control.RequestQuery{Limit: c.Int("tail"), Failed: c.Bool("failed"), Slow: c.Duration("slow"), Workers: c.String("worker")}
	switch {
	case query.Limit == 0 && c.Bool("follow"):
		query.Limit = -1 // none
	case query.Limit < 1:
		return &commandError{code: exitUsage, err: fmt.Errorf("cannot show %d requests: the number must be 1 or more", query.Limit), hint: "lbdev requests -n 20"}
	case query.Slow < 0:
		return &commandError{code: exitUsage, err: errors.New("cannot look for requests that took less than no time"), hint: "lbdev requests --slow 100ms"}
	}
	r, err := attach(c)
	if err != nil {
		return err
	}
	defer r.Close()
	if c.Bool("follow") {
		return r.followRequests(c, r.FollowRequests(r.ctx, query))
	}
	list, err := r.Requests(r.ctx, query)
	if err != nil {
		return remoteError(err)
	}
	slices.Reverse(list) // the newest is where people look: at the end
	var b bytes.Buffer
	switch {
	case c.Bool("json"):
		for i := range list {
			b.Write(appendJSON(nil, list[i]))
		}
	case len(list) == 0:
		io.WriteString(c.App.ErrWriter, "there are no such requests\n")
	case c.Bool("why"):
		for i := range list {
			b.Write(r.out.requestWhy(nil, &list[i]))
		}
	default:
		b.Write(r.out.requestTable(list))
	}
	_, err = b.WriteTo(c.App.Writer)
	return err
}

// followRequests shows each request as it comes, in the form of up.
func (r *remote) followRequests(c *cli.Context, stream iter.Seq2[control.Request, error]) error {
	var buf []byte
	for request, err := range stream {
		if err := r.streamError(c, err); err != nil {
			return err
		}
		switch {
		case err != nil:
			continue
		case c.Bool("json"):
			buf = appendJSON(buf[:0], request)
		case c.Bool("why"):
			buf = r.out.requestWhy(buf[:0], &request)
		default:
			buf = r.out.requestLine(buf[:0], &request)
		}
		if _, err := c.App.Writer.Write(buf); err != nil {
			return err
		}
	}
	return nil
}

// requestLine is a line of up, with the time before it.
func (l look) requestLine(buf []byte, r *control.Request) []byte {
	a := proxy.Access{
		Method: r.Method, Path: r.Path, Status: r.Status, Outcome: proxy.Outcome(r.Outcome), Reason: r.Reason,
		Total: millis(r.TotalMS), Held: millis(r.HeldMS),
	}
	for _, at := range r.Attempts {
		a.Attempts = append(a.Attempts, proxy.Attempt{Worker: at.Worker, Port: at.Port, Result: at.Result, Fault: fault.Kind(at.Fault)})
	}
	time := clock(r.Time) + "  "
	if l.width > 0 {
		l.width = max(l.width-len(time), 1)
	}
	return newTextPrinter(l, nil).request(append(buf, time...), &a)
}

// requestsDropped are the columns that go first where a terminal is too narrow.
var requestsDropped = []string{"HELD", "ATTEMPTS", "TIME", "METHOD"}

// The room that columns take with the gaps behind them: what is never dropped beside the path, then TIME and METHOD, then HELD.
const (
	besidePath  = 8 + 7 + 7 + 2
	timeAndVerb = 14 + 8
	heldColumn  = 7
	leastPath   = 12
)

// requestTable is requests as people see them. A long path is cut rather than that a column goes, as long as it says something.
func (l look) requestTable(list []control.Request) []byte {
	pathRoom, attemptsRoom := 0, 0 // 0 = any
	if l.width > 0 {
		for i := range list {
			attemptsRoom = max(attemptsRoom, utf8.RuneCountInString(attemptsOf(&list[i])))
		}
		attemptsRoom = min(max(attemptsRoom, len("ATTEMPTS")), l.width/4)
		pathRoom = l.width - besidePath - timeAndVerb - heldColumn - attemptsRoom - 2
		if pathRoom < leastPath {
			pathRoom = l.width - besidePath - timeAndVerb
		}
		if pathRoom < leastPath {
			pathRoom = max(l.width-besidePath, 1)
		}
	}
	rows := [][]cell{head("TIME", "METHOD", "PATH", "STATUS", "PORT", "TOTAL", "HELD", "ATTEMPTS")}
	for i := range list {
		rows = append(rows, l.requestRow(&list[i], pathRoom, attemptsRoom))
	}
	var b bytes.Buffer
	for _, line := range align(rows, l.width, requestsDropped...) {
		b.WriteString(line + "\n")
	}
	return b.Bytes()
}

// cut shortens a text to some characters; 0 = any number of them.
func (l look) cut(text string, room int) string {
	if runes := []rune(text); room > 0 && len(runes) > room {
		return string(runes[:room-1]) + l.ellipsis
	}
	return text
}

func (l look) requestRow(r *control.Request, pathRoom, attemptsRoom int) []cell {
	status, port, held := "---", "", ""
	if r.Outcome != string(proxy.Canceled) {
		status = strconv.Itoa(r.Status)
	}
	if r.Port != 0 {
		port = strconv.Itoa(r.Port)
	}
	if r.HeldMS > 0 {
		held = short(millis(r.HeldMS))
	}
	return []cell{
		{plain: clock(r.Time)}, {plain: printable(r.Method)}, {plain: l.cut(printable(r.Path), pathRoom)}, {plain: status, shown: l.status(r.Status, status)},
		{plain: port, shown: l.worker(r.Worker, port)}, {plain: short(millis(r.TotalMS))}, {plain: held}, {plain: l.cut(attemptsOf(r), attemptsRoom)},
	}
}

// attemptsOf is how many workers were asked, and what that did not say already: "2: 8000 refused, 8001 200", or what went wrong.
func attemptsOf(r *control.Request) string {
	text := strconv.Itoa(len(r.Attempts))
	if r.Outcome != string(proxy.OK) && r.Outcome != string(proxy.Rescued) {
		return text + ": " + r.Outcome + ", " + printable(r.Reason)
	}
	if r.Reason != "" {
		return text + ": " + printable(r.Reason)
	}
	if len(r.Attempts) > 1 {
		asked := make([]string, len(r.Attempts))
		for i, a := range r.Attempts {
			asked[i] = strconv.Itoa(a.Port) + " " + a.Result
		}
		text += ": " + strings.Join(asked, ", ")
	}
	return text
}

// requestWhy is a request with everything that is known of it:
//
//	12:00:01.250  GET  /cart          200    14 ms → 8000 ✗ refused → 8001
//	              from 127.0.0.1 by HTTP/1.1, for shop.test
//	              8000 refused   total 0.1 ms
//	                             round robin: next after 8003
//	              8001 200       after 0.2 ms · connect 0.1 ms · first byte 13.1 ms · total 13.8 ms
//	                             round robin: next after 8000
func (l look) requestWhy(buf []byte, r *control.Request) []byte {
	buf = l.requestLine(buf, r)
	line := func(format string, args ...any) {
		buf = fmt.Appendf(buf, "              "+format+"\n", args...)
	}
	line("%s", l.sender(r))
	if r.HeldMS > 0 {
		line("waited %s for a worker", tenths(r.HeldMS))
	}
	for _, a := range r.Attempts {
		line("%s %-9s %s", l.worker(a.Worker, strconv.Itoa(a.Port)), a.Result, l.timesOf(a))
		if a.Why != "" {
			line("               %s", printable(a.Why))
		}
	}
	return buf
}

// sender says who asked for what.
func (l look) sender(r *control.Request) string {
	text := "from " + printable(r.Client)
	if r.User != "" {
		text += " as " + printable(r.User)
	}
	if r.Proto != "" {
		text += " by " + printable(r.Proto)
	}
	if r.Host != "" { // connections of mode tcp have none, nor what was refused before it was read
		text += ", for " + printable(r.Host)
	}
	if r.UserAgent != "" {
		text += " " + l.dot + " " + printable(r.UserAgent)
	}
	return text
}

// timesOf says where the time of an attempt went.
func (l look) timesOf(a control.Attempt) string {
	var parts []string
	if a.Fault != "" {
		parts = append(parts, faultSign+" fault: "+a.Fault)
	}
	if a.StartMS > 0 {
		parts = append(parts, "after "+tenths(a.StartMS))
	}
	switch {
	case a.Reused:
		parts = append(parts, "kept connection")
	case a.ConnectMS > 0:
		parts = append(parts, "connect "+tenths(a.ConnectMS))
	}
	if a.FirstByteMS > 0 {
		parts = append(parts, "first byte "+tenths(a.FirstByteMS))
	}
	return strings.Join(append(parts, "total "+tenths(a.TotalMS)), " "+l.dot+" ")
}

// tenths is a time in as many digits as help to see where it went.
func tenths(ms float64) string {
	if ms < 100 {
		return fmt.Sprintf("%.1f ms", ms)
	}
	return short(time.Duration(ms * float64(time.Millisecond)))
}
