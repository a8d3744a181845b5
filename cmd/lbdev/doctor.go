package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

const (
	// checkPatience is how long a check may take: a file system that is gone must hold nobody up for long. Else the slowest takes some
	// tenths of a second, a second where a cluster does not answer, and several where workers that start leave it no processor.
	checkPatience = 10 * time.Second
	// stockPatience is how long a check waits for what there is of lbdevs; after that it says what it knows without.
	stockPatience = 8 * time.Second
)

// usualPorts are those that up takes if it is not told otherwise.
var usualPorts = []int{8000, 8001, 8002, 8003, 8080, 8090}

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name:  "doctor",
		Usage: "check this machine, and say what to do where something is wrong",
		UsageText: `lbdev doctor [flags]

lbdev doctor                        the ports that up takes by default, and all else
lbdev doctor --port 9000 -p 9080    other ports
lbdev doctor --json                 for scripts`,
		Description: `A problem keeps lbdev, or a cluster that runs, from working: leftover processes, a runtime folder or an address
that can't be used, too few open files, no terminals, a cluster that doesn't answer. A note is something to know that
lbdev copes with: a port that another program has, a proxy in the environment, a file that was left behind.
Exit codes: 0 no problem, 1 there is one.`,
		HideHelpCommand: true,
		OnUsageError:    usageError,
		Flags: []cli.Flag{
			&cli.IntSliceFlag{Name: "port", Aliases: []string{"p"}, Usage: "check port `N` instead of the usual ones (several times)"},
			&cli.BoolFlag{Name: "json", Usage: "print JSON"},
		},
		Action: doctor,
	}
}

// A verdict is how something was found.
type verdict string

const (
	fine    verdict = "ok"
	notable verdict = "note"    // to know; lbdev copes with it
	problem verdict = "problem" // it keeps lbdev from working
)

// A finding is a line of doctor.
type finding struct {
	Check  string  `json:"check"`
	Status verdict `json:"status"`
	Text   string  `json:"text"`
	Hint   string  `json:"hint,omitempty"` // what to do
}

// A check finds out one thing, or some of a kind.
type check struct {
	name string
	find func(*examination, context.Context) []finding
}

// checks are all, in the order in which they are shown.
var checks = []check{
	{"lbdev", checkVersion},
	{"port", checkPorts},
	{"leftovers", checkLeftovers},
	{"clusters", checkClusters},
	{"runtime folder", checkFolder},
	{"addresses", checkAddresses},
	{"localhost", checkLocalhost},
	{"proxies", checkProxies},
	{"clock", checkClock},
	{"open files", checkOpenFiles},
	{"file watches", checkWatches},
	{"terminals", checkTerminals},
	{"browser", checkBrowser},
	{"https", checkTrust},
}

// An examination is one run of doctor.
type examination struct {
	ports  []int
	taken  chan struct{} // closed when stock, or why there is none, is there
	stock  *stock
	stockE error
}

func doctor(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	ports := c.IntSlice("port")
	if len(ports) == 0 {
		ports = usualPorts
	}
	for _, port := range ports {
		if port < 1 || port > 65535 {
			return &commandError{code: exitUsage, err: fmt.Errorf("cannot check port %d: it must be 1 to 65535", port), hint: "lbdev doctor --port 9000"}
		}
	}
	ctx, cancel := context.WithTimeout(c.Context, checkPatience)
	defer cancel()
	findings := examine(ctx, ports, checks)
	if err := showFindings(c, findings); err != nil {
		return err
	}
	if slices.ContainsFunc(findings, func(f finding) bool { return f.Status == problem }) {
		return &commandError{code: exitFailed}
	}
	return nil
}

// examine does all checks side by side. One that is not done when ctx is over is given up, as it may hang in a system call
// that nothing ends but the end of the program.
func examine(ctx context.Context, ports []int, checks []check) []finding {
	e := &examination{ports: ports, taken: make(chan struct{})}
	go e.takeStock(ctx)
	answers := make([]chan []finding, len(checks))
	for i, check := range checks {
		answers[i] = make(chan []finding, 1)
		go check.run(e, ctx, answers[i])
	}
	var all []finding
	for i, check := range checks {
		select {
		case found := <-answers[i]:
			all = append(all, found...)
		case <-ctx.Done():
			select {
			case found := <-answers[i]:
				all = append(all, found...)
			default:
				all = append(all, check.late())
			}
		}
	}
	return all
}

const slowHint = "is a file system gone (NFS), or the machine very busy?"

func (c check) late() finding {
	return finding{c.name, problem, fmt.Sprintf("could not be checked in %v", checkPatience), slowHint}
}

func (c check) run(e *examination, ctx context.Context, answer chan<- []finding) {
	answer <- c.find(e, ctx)
}

func (e *examination) takeStock(ctx context.Context) {
	e.stock, e.stockE = takeStock(ctx)
	close(e.taken)
}

// awaitStock returns what there is of lbdevs. It is not ok if that is not known in time, or can't be.
func (e *examination) awaitStock(ctx context.Context) (s *stock, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, stockPatience)
	defer cancel()
	select {
	case <-e.taken:
		return e.stock, e.stockE == nil
	case <-ctx.Done():
		return nil, false
	}
}

func showFindings(c *cli.Context, findings []finding) error {
	if c.Bool("json") {
		return printJSON(c, findings)
	}
	_, err := c.App.Writer.Write(lookOf(fileOf(c.App.Writer)).findings(findings))
	return err
}

// findings shows each as a line, and what to do below it, once for several in a row. Free ports share a line.
func (l look) findings(all []finding) []byte {
	var b bytes.Buffer
	all = joinFree(all)
	names := 0
	for _, f := range all {
		names = max(names, len(f.Check))
	}
	room := 0
	if l.width > 0 {
		room = max(l.width-names-4, 20)
	}
	indent := strings.Repeat(" ", names+4)
	for i, f := range all {
		lines := rows(f.Text, room)
		fmt.Fprintf(&b, "%s %-*s  %s\n", l.verdict(f.Status), names, f.Check, strings.Join(lines, "\n"+indent))
		if f.Hint != "" && (i+1 == len(all) || all[i+1].Hint != f.Hint) {
			fmt.Fprintf(&b, "%s%s %s\n", indent, l.arrow, strings.Join(rows(f.Hint, max(room-3, 0)), "\n"+indent+"  "))
		}
	}
	fmt.Fprintln(&b, l.diagnosis(all))
	if l.unicode() {
		return b.Bytes()
	}
	return []byte(strings.NewReplacer("…", asciiSigns.ellipsis, "·", asciiSigns.dot).Replace(b.String()))
}

// verdict is a sign that can be told from the others without its colour.
func (l look) verdict(v verdict) string {
	switch v {
	case fine:
		return l.good(l.up)
	case notable:
		return l.status(400, l.stopped)
	}
	return l.bad(l.down)
}

// diagnosis is the last line.
func (l look) diagnosis(all []finding) string {
	count := map[verdict]int{}
	for _, f := range all {
		count[f.Status]++
	}
	notes := fmt.Sprintf("%d to know", count[notable])
	switch {
	case count[problem] == 1:
		return l.bad("1 problem") + ", " + notes
	case count[problem] > 1:
		return l.bad(fmt.Sprintf("%d problems", count[problem])) + ", " + notes
	case count[notable] > 0:
		return "no problem, " + notes
	}
	return "all is well"
}

// joinFree puts the ports that are free on one line.
func joinFree(all []finding) []finding {
	var free []string
	rest := slices.DeleteFunc(slices.Clone(all), func(f finding) bool {
		port, ok := strings.CutPrefix(f.Check, "port ")
		if ok && f.Text == portFree {
			free = append(free, port)
			return true
		}
		return false
	})
	if len(free) == 0 {
		return rest
	}
	at := max(slices.IndexFunc(rest, func(f finding) bool { return f.Check == "lbdev" })+1, 0)
	return slices.Insert(rest, at, finding{"ports", fine, strings.Join(free, " ") + " " + portFree, ""})
}

// rows breaks text between words into rows of at most width characters; 0 = any.
func rows(text string, width int) []string {
	if width <= 0 {
		return []string{text}
	}
	return strings.Split(wrap(text, width, 0), "\n")
}
