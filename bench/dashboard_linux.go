package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// boardRounds times the rounds of the other parts, each of boardTime: what is compared here differs by less than the machine does
	// from second to second, so many short rounds in changing order tell more than a few long ones.
	boardRounds = 8
	boardTime   = time.Second
)

// A gallery is how many look at the dashboard while the front is loaded.
type gallery struct {
	readers int
	rounds  []galleryRound
}

type galleryRound struct {
	perRequest time.Duration // CPU of lbdev, with what it does for the readers
	perSecond  float64
	reader     float64 // bytes a second that one of the readers got
}

// dashboard measures what open dashboards cost the front: CPU of lbdev per request while none, one and twenty read the stream.
func (b *bench) dashboard() error {
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
	board, err := b.board()
	if err != nil {
		return err
	}
	all := []*gallery{{readers: 0}, {readers: 1}, {readers: 20}}
	turns := slices.Clone(all)
	for range b.rounds*boardRounds + 1 {
		rand.Shuffle(len(turns), func(i, j int) { turns[i], turns[j] = turns[j], turns[i] })
		for _, g := range turns {
			r, err := g.round(b, c, board)
			if err != nil {
				return err
			}
			g.rounds = append(g.rounds, r)
		}
	}
	for _, g := range all {
		g.rounds = g.rounds[1:] // the first warmed up
	}
	b.printGalleries(all)
	return nil
}

func (b *bench) printGalleries(all []*gallery) {
	t := newTable(fmt.Sprintf("Dashboard: readers of its stream, %d keep-alive clients, %s, median of %d rounds of %v in changing order",
		tiny.clients, tiny.what, len(all[0].rounds), boardTime), "open dashboards", "CPU/request", "to none", "95 % between", "requests/s", "kB/s each")
	for _, g := range all {
		ratios := make([]float64, len(g.rounds))
		for i, r := range g.rounds {
			ratios[i] = float64(r.perRequest) / float64(all[0].rounds[i].perRequest)
		}
		low, high := spread(ratios)
		t.row(strconv.Itoa(g.readers),
			fmt.Sprintf("%.1f µs", float64(median(g.rounds, func(r galleryRound) time.Duration { return r.perRequest }))/1e3),
			fmt.Sprintf("%.3f", middle(ratios)), fmt.Sprintf("%.3f and %.3f", low, high),
			fmt.Sprintf("%.0f", median(g.rounds, func(r galleryRound) float64 { return r.perSecond })),
			fmt.Sprintf("%.0f", median(g.rounds, func(r galleryRound) float64 { return r.reader })/1e3))
	}
	t.note("A ratio is of two rounds that are neighbours in time; the interval is a bootstrap's of its median.")
	t.print()
}

// round loads the front while g looks.
func (g *gallery) round(b *bench, c *cluster, board board) (galleryRound, error) {
	var look *audience
	if g.readers > 0 {
		var err error
		if look, err = b.startAudience(board, g.readers); err != nil {
			return galleryRound{}, err
		}
		defer look.stop()
	}
	f := front{name: "lbdev", port: c.front, proc: c.process}
	before, began := look.bytes(), time.Now()
	r, err := f.round(b.ctx, tiny, boardTime)
	if err != nil {
		return galleryRound{}, err
	}
	took := time.Since(began)
	each := 0.0
	if look != nil {
		each = float64(look.bytes()-before) / took.Seconds() / float64(g.readers)
	}
	return galleryRound{r.perRequest, r.perSecond, each}, nil
}

func middle(all []float64) float64 { return median(all, func(f float64) float64 { return f }) }

// spread is where the median lies with a certainty of 95 %: that of samples drawn from all with replacement.
func spread(all []float64) (low, high float64) {
	medians := make([]float64, 2000)
	sample := make([]float64, len(all))
	for i := range medians {
		for j := range sample {
			sample[j] = all[rand.IntN(len(all))]
		}
		medians[i] = middle(sample)
	}
	slices.Sort(medians)
	return medians[len(medians)*25/1000], medians[len(medians)*975/1000]
}

// A board is where a dashboard is, and what lets in.
type board struct{ address, token string }

// board asks lbdev for it, as a user does.
func (b *bench) board() (board, error) {
	ctx, cancel := context.WithTimeout(b.ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, b.lbdev, "open", "--dashboard", "--print")
	cmd.Env = append(os.Environ(), b.runtimeDir())
	out, err := cmd.Output()
	address, token, ok := strings.Cut(strings.TrimSpace(string(out)), "/?token=")
	if err != nil || !ok {
		return board{}, fmt.Errorf("cannot find the dashboard: %w\n%s", err, out)
	}
	return board{address, token}, nil
}
