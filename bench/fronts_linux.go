package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

const (
	clients    = 64
	bigClients = 8
	roundTime  = 3 * time.Second
)

// A target is what the clients of one table ask for.
type target struct {
	what    string
	path    string
	clients int
}

var (
	tiny = target{"tiny GETs", "/", clients}
	big  = target{"bodies of 1 MiB", "/big", bigClients}
)

// front is one of those compared.
type front struct {
	name   string
	port   int
	proc   *process
	rounds []roundResult
}

type roundResult struct {
	perRequest time.Duration // CPU of the front
	perSecond  float64
	p50, p99   time.Duration
	errors     int
}

// fronts measures lbdev and nginx over lbdev's workers, in turns, so that what else the machine does hits all alike.
func (b *bench) fronts() error {
	backend, env, err := b.startBackend()
	if err != nil {
		return err
	}
	defer backend.stop()
	c, err := b.up(env)
	if err != nil {
		return err
	}
	defer c.stop()
	defer backend.stop() // before lbdev's stop, which waits until the ports are free
	keepAlive, err := b.startNginx(c.base, true)
	if err != nil {
		return err
	}
	defer keepAlive.stop()
	tutorial, err := b.startNginx(c.base, false)
	if err != nil {
		return err
	}
	defer tutorial.stop()
	all := []*front{
		{name: "nginx, upstream keep-alive", port: keepAlive.port, proc: keepAlive.process},
		{name: "lbdev", port: c.front, proc: c.process},
		{name: "nginx, the tutorial's config", port: tutorial.port, proc: tutorial.process},
	}
	for _, what := range []target{tiny, big} {
		if err := b.compare(all, what); err != nil {
			return err
		}
		b.printFronts(all, what)
	}
	return nil
}

// compare loads each front in turn, several times.
func (b *bench) compare(all []*front, what target) error {
	for _, f := range all { // warm up: connections, caches, the first garbage collections
		f.rounds = nil
		if _, err := f.round(b.ctx, what, time.Second); err != nil {
			return err
		}
	}
	for range b.rounds {
		for _, f := range all {
			r, err := f.round(b.ctx, what, roundTime)
			if err != nil {
				return err
			}
			f.rounds = append(f.rounds, r)
		}
	}
	return nil
}

func (b *bench) printFronts(all []*front, what target) {
	t := newTable(fmt.Sprintf("Fronts: %d keep-alive clients, %s, the same %d ports of one backend, median of %d rounds of %v",
		what.clients, what.what, workers, b.rounds, roundTime), "", "CPU/request", "to nginx", "requests/s", "p50", "p99", "to nginx", "errors")
	base, slowest := all[0].cpu(), all[0].p99()
	for _, f := range all {
		cpu := f.cpu()
		errors := 0
		for _, r := range f.rounds {
			errors += r.errors
		}
		t.row(f.name, fmt.Sprintf("%.1f µs", float64(cpu)/1e3), ratio(cpu, base),
			fmt.Sprintf("%.0f", median(f.rounds, func(r roundResult) float64 { return r.perSecond })),
			millis(median(f.rounds, func(r roundResult) time.Duration { return r.p50 })),
			millis(f.p99()), ratio(f.p99(), slowest), fmt.Sprint(errors))
	}
	t.note("nginx writes no access log here, lbdev its line a second. Latency includes the load generator on the same CPUs.")
	t.print()
}

func (f *front) cpu() time.Duration {
	return median(f.rounds, func(r roundResult) time.Duration { return r.perRequest })
}

func (f *front) p99() time.Duration {
	return median(f.rounds, func(r roundResult) time.Duration { return r.p99 })
}

// round loads the front once with wrk.
func (f *front) round(ctx context.Context, what target, d time.Duration) (roundResult, error) {
	ctx, cancel := context.WithTimeout(ctx, d+10*time.Second)
	defer cancel()
	before := f.proc.cpu()
	wrk := exec.CommandContext(ctx, "wrk", "-t1", "-c"+strconv.Itoa(what.clients), "-d"+d.String(), "--latency", "http://"+address(f.port)+what.path)
	out, err := wrk.CombinedOutput()
	if err != nil {
		return roundResult{}, fmt.Errorf("cannot load %s with wrk: %w\n%s", f.name, err, out)
	}
	used := f.proc.cpu() - before
	r, requests, err := parseWrk(string(out))
	if err != nil || requests == 0 {
		return r, fmt.Errorf("cannot read what wrk says: %w\n%s", err, out)
	}
	r.perRequest = used / time.Duration(requests)
	return r, nil
}

var (
	wrkRequests  = regexp.MustCompile(`(?m)^\s+(\d+) requests in `)
	wrkPerSecond = regexp.MustCompile(`(?m)^Requests/sec:\s+([\d.]+)`)
	wrkP50       = regexp.MustCompile(`(?m)^\s+50%\s+([\d.]+[a-z]+)`)
	wrkP99       = regexp.MustCompile(`(?m)^\s+99%\s+([\d.]+[a-z]+)`)
	wrkStatus    = regexp.MustCompile(`Non-2xx or 3xx responses: (\d+)`)
	wrkSockets   = regexp.MustCompile(`Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)`)
)

// parseWrk reads wrk's report. Lines about errors are there only if there were some.
func parseWrk(out string) (r roundResult, requests int, err error) {
	for _, re := range []*regexp.Regexp{wrkRequests, wrkPerSecond, wrkP50, wrkP99} {
		if re.FindStringSubmatch(out) == nil {
			return r, 0, fmt.Errorf("no match for %s", re)
		}
	}
	requests, _ = strconv.Atoi(wrkRequests.FindStringSubmatch(out)[1]) // the pattern has checked the numbers
	r.perSecond, _ = strconv.ParseFloat(wrkPerSecond.FindStringSubmatch(out)[1], 64)
	r.p50, _ = time.ParseDuration(wrkP50.FindStringSubmatch(out)[1]) // wrk writes us, ms and s as Go does
	r.p99, _ = time.ParseDuration(wrkP99.FindStringSubmatch(out)[1])
	for _, re := range []*regexp.Regexp{wrkStatus, wrkSockets} {
		for i, text := range re.FindStringSubmatch(out) {
			if i > 0 {
				n, _ := strconv.Atoi(text)
				r.errors += n
			}
		}
	}
	return r, requests, nil
}
