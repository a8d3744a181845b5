package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/proxy"
)

// scenes are the demo. Each takes another worker, as far as there are others.
func (d *demo) scenes() []scene {
	first, second, last := d.ports[0], d.ports[1], d.ports[len(d.ports)-1]
	n := len(d.ports)
	hand := " with a page in hand"
	if d.own {
		hand = " while it works"
	}
	watch := func(own, program string) string {
		if d.program != "" {
			return program
		}
		return own
	}
	return []scene{
		{
			"turn", "In turn",
			fmt.Sprintf("One address, %d workers: the balancer hands each request to the next one.", n),
			fmt.Sprintf("Watch the port at the end of each line go round: %s.", portRange(d.ports, d.text.ellipsis)),
			d.inTurn,
		}, {
			"kill", "Kill one",
			fmt.Sprintf("Processes die: a bug, no memory. %d gets kill -9%s.", second, hand),
			watch(fmt.Sprintf("Watch: others answer in its place, and %d is started again.", second),
				fmt.Sprintf("Watch: how %s finds that out, and what becomes of the page in hand.", d.program)),
			func(ctx context.Context) (sighting, error) { return d.killOne(ctx, second) },
		}, {
			"freeze", "Freeze one",
			fmt.Sprintf("A process can hang and still be there. %d is frozen%s.", last, hand),
			watch("Watch: what it has moves on after half a second; nobody waits for it.",
				fmt.Sprintf("Watch: lbdev takes it out of %s's list; what it has waits until it runs again.", d.program)),
			func(ctx context.Context) (sighting, error) { return d.freezeOne(ctx, last) },
		}, {
			"drain", "Drain one",
			fmt.Sprintf("To take a worker away without harm, give it nothing new: %d is drained.", first),
			"Watch: it finishes what it has and gets nothing new until it is let in.",
			func(ctx context.Context) (sighting, error) { return d.drainOne(ctx, first) },
		}, {
			"rolling", "Rolling restart",
			"New code needs new processes: drain, stop, start, ready, then the next one.",
			"Watch: all are replaced, one at a time, while the others answer.",
			d.rollingRestart,
		}, {
			"kill-all", "Kill all at once",
			fmt.Sprintf("The worst case: all %d get kill -9 with pages in hand. Nobody can answer.", n),
			watch("Watch: requests are held, not refused, and answered as soon as one is back.",
				fmt.Sprintf("Watch: whether %s waits for a worker, or gives up.", d.program)),
			d.killAll,
		},
	}
}

// normal lets some requests pass, so that people see what is usual.
func (d *demo) normal(ctx context.Context) error {
	return d.untilCount(ctx, "requests to be answered", min(len(d.ports)+1, 8), anyVisit)
}

// catch sends a request to each worker and returns when the one with this port has it, if that comes to be.
func (d *demo) catch(ctx context.Context, port int) error {
	d.trickle.pour(ctx, len(d.ports), d.busy)
	patience := catchPatience
	switch {
	case d.program != "": // which does not say who has what
		patience = max(catchPatience, d.busyFor/4)
	case d.busyFor > 0:
		patience = d.busyFor
	}
	enough := time.After(patience)
	tick := time.NewTicker(catchLook)
	defer tick.Stop()
	for d.worker(port).InFlight == 0 {
		select {
		case <-tick.C:
		case <-enough:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

func (d *demo) inTurn(ctx context.Context) (sighting, error) {
	n := len(d.ports)
	err := d.untilCount(ctx, "requests to be answered", max(min(3*n, 24), 9), anyVisit)
	return func(t tally) []string {
		turn := "not strictly in turn"
		if d.figures.inTurn(d.ports) {
			turn = "strictly in turn"
		}
		if n > 5 {
			return []string{fmt.Sprintf("%d of %d workers answered", len(t.byPort), n), turn}
		}
		var shares []string
		for i, port := range d.ports {
			shares = append(shares, d.text.worker(i+1, fmt.Sprint(port))+" "+fmt.Sprint(t.byPort[port]))
		}
		return []string{strings.Join(shares, ", "), turn}
	}, err
}

func (d *demo) killOne(ctx context.Context, port int) (sighting, error) {
	if err := d.normal(ctx); err != nil {
		return nil, err
	}
	before := d.worker(port).Incarnation
	if err := d.catch(ctx, port); err != nil {
		return nil, err
	}
	killed := time.Now()
	if err := d.cluster.Kill(port); err != nil {
		return nil, err
	}
	back, err := d.untilBack(ctx, map[int]uint64{port: before})
	if err != nil {
		return nil, err
	}
	err = d.untilCount(ctx, fmt.Sprintf("%d to answer again", port), 1, func(v *visit) bool { return v.port == port && v.incarnation > before })
	return func(t tally) []string {
		by := d.figures.count(func(v *visit) bool {
			return v.start.After(killed) && v.start.Before(back) && v.port != 0 && v.port != port
		})
		return []string{d.lostAt(port, before, t), fmt.Sprintf("%d passed it by", by), fmt.Sprintf("back after %s", short(back.Sub(killed)))}
	}, err
}

// lostAt says what became of the requests that a worker had when it died.
func (d *demo) lostAt(port int, incarnation uint64, t tally) string {
	if d.program != "" { // not every log says at whom a try failed
		return fmt.Sprintf("%d lost with %d, %d answered by another", t.failed, port, t.rescued)
	}
	switch lost, rescued := d.figures.lostAt(port, incarnation); {
	case lost == 0:
		return fmt.Sprintf("none was at %d when it died", port)
	case lost == rescued:
		return fmt.Sprintf("%d lost at %d, answered by another", lost, port)
	default:
		return fmt.Sprintf("%d lost at %d, %d of them answered by another", lost, port, rescued)
	}
}

func (d *demo) freezeOne(ctx context.Context, port int) (sighting, error) {
	if err := d.normal(ctx); err != nil {
		return nil, err
	}
	if err := d.catch(ctx, port); err != nil {
		return nil, err
	}
	asked := time.Now()
	if err := d.cluster.Pause(port); err != nil {
		return nil, err
	}
	err := d.until(ctx, fmt.Sprintf("%d to be frozen", port), d.patience, func() (bool, error) {
		switch w := d.worker(port); w.State {
		case cluster.Paused:
			return true, nil
		case cluster.Drained:
			return false, nil
		default:
			return false, cannotGoOn(&w)
		}
	})
	if err != nil {
		return nil, err
	}
	past := func(v *visit) bool { return v.start.After(asked) }
	if err := d.untilCount(ctx, "requests to pass it by", min(2*len(d.ports), 12), past); err != nil {
		return nil, err
	}
	if err := d.untilPoured(ctx); err != nil {
		return nil, err
	}
	resumed := time.Now()
	if err := d.cluster.Resume(port); err != nil {
		return nil, err
	}
	err = d.untilCount(ctx, fmt.Sprintf("%d to answer again", port), 1, func(v *visit) bool { return v.port == port && v.start.After(resumed) })
	return func(tally) []string {
		taken := d.figures.count(func(v *visit) bool {
			return len(v.met) > 0 && v.met[0].Port == port && v.met[0].Result == proxy.ResultPaused && v.port != 0
		})
		by := d.figures.count(func(v *visit) bool { return past(v) && v.start.Before(resumed) && v.port != 0 && v.port != port })
		met := fmt.Sprintf("nothing had to be taken back from %d", port)
		if d.program != "" {
			met = fmt.Sprintf("%s takes nothing back from %d", d.program, port)
		}
		if taken > 0 {
			met = fmt.Sprintf("%d taken back from %d, answered by another", taken, port)
		}
		return []string{met, fmt.Sprintf("%d passed it by in %s", by, short(resumed.Sub(asked)))}
	}, err
}

func (d *demo) drainOne(ctx context.Context, port int) (sighting, error) {
	if err := d.normal(ctx); err != nil {
		return nil, err
	}
	if err := d.catch(ctx, port); err != nil {
		return nil, err
	}
	if err := d.cluster.Drain(port); err != nil {
		return nil, err
	}
	if err := d.followed(ctx); err != nil {
		return nil, err
	}
	drained := time.Now()
	meanwhile := func(v *visit) bool { return v.start.After(drained) }
	err := d.untilCount(ctx, "requests to pass it by", min(2*len(d.ports), 12), meanwhile)
	if err == nil {
		err = d.untilPoured(ctx)
	}
	if err == nil {
		err = d.until(ctx, fmt.Sprintf("%d to finish what it has", port), d.patience, func() (bool, error) { return d.worker(port).InFlight == 0, nil })
	}
	if err != nil {
		return nil, err
	}
	undrained := time.Now()
	if err := d.cluster.Undrain(port); err != nil {
		return nil, err
	}
	err = d.untilCount(ctx, fmt.Sprintf("%d to answer again", port), 1, func(v *visit) bool { return v.port == port && v.start.After(undrained) })
	return func(tally) []string {
		had := d.figures.count(func(v *visit) bool {
			return v.port == port && v.start.Before(drained) && v.start.Add(v.total).After(drained)
		})
		came := d.figures.count(func(v *visit) bool { return meanwhile(v) && v.start.Before(undrained) })
		got := d.figures.count(func(v *visit) bool { return meanwhile(v) && v.start.Before(undrained) && v.port == port })
		met := fmt.Sprintf("%d had nothing in hand", port)
		if had > 0 {
			met = fmt.Sprintf("%d finished the %d it had", port, had)
		}
		return []string{met, fmt.Sprintf("of %d that came meanwhile it got %d", came, got)}
	}, err
}

func (d *demo) rollingRestart(ctx context.Context) (sighting, error) {
	if err := d.normal(ctx); err != nil {
		return nil, err
	}
	before := map[int]int{}
	for _, w := range d.cluster.Snapshot().Workers {
		before[w.Port] = w.PID
	}
	began := time.Now()
	err := d.cluster.RollingRestart(ctx, func(s cluster.Step) { d.rolling(ctx, s) })
	took := time.Since(began)
	if err != nil {
		return nil, err
	}
	replaced := 0
	for _, w := range d.cluster.Snapshot().Workers {
		if w.State == cluster.Ready && w.PID != before[w.Port] {
			replaced++
		}
	}
	err = d.normal(ctx)
	return func(tally) []string {
		return []string{fmt.Sprintf("%d of %d are new processes", replaced, len(before)), "all in " + short(took)}
	}, err
}

// rolling tells which worker has its turn in the rolling restart; that it is ready again is seen anyway.
func (d *demo) rolling(ctx context.Context, s cluster.Step) {
	if s.State == cluster.Stopping {
		d.progress(ctx, fmt.Sprintf("%d is restarted, %d of %d", s.Port, s.Done+1, s.Of))
	}
}

// killAll kills while requests are in hand: those are the first to be held.
func (d *demo) killAll(ctx context.Context) (sighting, error) {
	if err := d.normal(ctx); err != nil {
		return nil, err
	}
	before := d.incarnations()
	if err := d.catch(ctx, d.ports[0]); err != nil {
		return nil, err
	}
	killed := time.Now()
	if err := d.killEach(); err != nil {
		return nil, err
	}
	back, err := d.untilBack(ctx, before)
	if err == nil {
		err = d.normal(ctx)
	}
	return func(t tally) []string {
		held := "none came before a worker was back"
		switch {
		case d.program != "":
			held = fmt.Sprintf("%d got an error", t.failed)
		case t.held > 0:
			held = fmt.Sprintf("%d held, for %s at most", t.held, short(t.longest))
		}
		return []string{held, fmt.Sprintf("all %d back after %s", len(before), short(back.Sub(killed)))}
	}, err
}

// killEach kills all workers side by side.
func (d *demo) killEach() error {
	var kills sync.WaitGroup
	errs := make([]error, len(d.ports))
	for i, port := range d.ports {
		kills.Go(func() { errs[i] = d.cluster.Kill(port) })
	}
	kills.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
