package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"
)

const (
	logTime  = 40 * time.Second // then what has not come counts as lost
	logQuiet = 3 * time.Second  // so it does after such a silence
)

type logResult struct {
	took         time.Duration
	lost, faults int
	peak         int64 // bytes; 0 for cat
}

// logs sends the lines of four workers through lbdev and through cat, in turns.
func (b *bench) logs() error {
	t := newTable(fmt.Sprintf("Logs: %s lines of %d bytes from %d workers to a pipe, median of %d rounds", thousands(b.lines), lineSize, workers, b.rounds),
		"", "time", "to cat", "lines/s", "lost", "out of order", "peak memory")
	for _, block := range []bool{false, true} {
		var cat, lbdev []logResult
		for range b.rounds {
			r, err := b.logsThroughCat(block)
			if err != nil {
				return fmt.Errorf("through cat: %w", err)
			}
			cat = append(cat, r)
			if r, err = b.logsThroughLbdev(block); err != nil {
				return fmt.Errorf("through lbdev: %w", err)
			}
			lbdev = append(lbdev, r)
		}
		how := "a write per line"
		if block {
			how = "writes of 4 KiB"
		}
		base := b.printLogs(t, "cat,   "+how, cat, 0)
		b.printLogs(t, "lbdev, "+how, lbdev, base)
	}
	t.print()
	return nil
}

// printLogs adds a row and returns the median time. Faults and memory are the worst of all rounds.
func (b *bench) printLogs(t *table, name string, rounds []logResult, base time.Duration) time.Duration {
	took := median(rounds, func(r logResult) time.Duration { return r.took })
	var worst logResult
	for _, r := range rounds {
		worst.lost, worst.faults, worst.peak = max(worst.lost, r.lost), max(worst.faults, r.faults), max(worst.peak, r.peak)
	}
	peak := "–"
	if worst.peak > 0 {
		peak = megabytes(worst.peak)
	}
	if base == 0 {
		base = took
	}
	t.row(name, seconds(took), ratio(took, base), thousands(int(float64(b.lines)/took.Seconds())), thousands(worst.lost), thousands(worst.faults), peak)
	return took
}

func (b *bench) logsThroughLbdev(block bool) (logResult, error) {
	c, err := b.up()
	if err != nil {
		return logResult{}, err
	}
	defer c.stop()
	r, err := b.writeLines(c.base, c.lines, block)
	r.peak = c.memory("status", "VmHWM")
	return r, err
}

// logsThroughCat lets four workers of our own write into one pipe that cat copies to another.
func (b *bench) logsThroughCat(block bool) (r logResult, err error) {
	base, err := freeBlock(workers)
	if err != nil {
		return r, err
	}
	fromWorkers, toCat, err := os.Pipe()
	if err != nil {
		return r, fmt.Errorf("cannot make a pipe: %w", err)
	}
	fromCat, toBench, err := os.Pipe()
	if err != nil {
		return r, fmt.Errorf("cannot make a pipe: %w", errors.Join(err, fromWorkers.Close(), toCat.Close()))
	}
	lines, read := newLineCheck(workers), make(chan struct{})
	go readLines(fromCat, lines, read)
	defer func() { <-read }()
	cat, err := launchCopy(fromWorkers, toBench, "cat")
	fromWorkers.Close()
	toBench.Close()
	if err != nil {
		toCat.Close()
		return r, err
	}
	defer cat.stop()
	started, err := b.startWorkers(base, toCat)
	toCat.Close()
	defer stopAll(started)
	if err != nil {
		return r, err
	}
	return b.writeLines(base, lines, block)
}

// readLines is the reader behind cat; it ends with cat's output.
func readLines(from *os.File, to *lineCheck, done chan<- struct{}) {
	defer close(done)
	defer from.Close()
	io.CopyBuffer(onlyWriter{to}, from, make([]byte, 256<<10))
}

// startWorkers starts the workers without lbdev and waits until each answers.
func (b *bench) startWorkers(base int, out *os.File, env ...string) (started []*process, err error) {
	for i := range workers {
		p, err := launch(out, append(env, "PORT="+strconv.Itoa(base+i), "LBDEV_WORKER="+strconv.Itoa(i+1)), b.self, workerWord)
		if err != nil {
			return started, err
		}
		started = append(started, p)
	}
	for i, p := range started {
		answers := func() bool { _, err := get(b.ctx, base+i, "/"); return err == nil }
		if err := p.until(b.ctx, 10*time.Second, "waiting for a worker", answers); err != nil {
			return started, err
		}
	}
	return started, nil
}

// writeLines tells all workers to write their share and waits until the lines have come through, or will not.
func (b *bench) writeLines(base int, lines *lineCheck, block bool) (logResult, error) {
	path := fmt.Sprintf("/write?lines=%d", b.lines/workers)
	if block {
		path += "&block=1"
	}
	ctx, cancel := context.WithTimeout(b.ctx, logTime)
	defer cancel()
	began := time.Now()
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() { _, errs[i] = get(ctx, base+i, path) })
	}
	waitForLines(ctx, lines, b.lines)
	cancelled := ctx.Err() != nil
	wg.Wait()
	total, faults, last := lines.state()
	if b.ctx.Err() != nil {
		return logResult{}, context.Cause(b.ctx)
	}
	if err := errors.Join(errs...); err != nil && !cancelled {
		return logResult{}, err
	}
	return logResult{took: last.Sub(began), lost: b.lines - total, faults: faults}, nil
}

// waitForLines returns when all lines have come, when none has come for logQuiet, or when ctx ends.
func waitForLines(ctx context.Context, lines *lineCheck, all int) {
	began := time.Now()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		total, _, last := lines.state()
		if total >= all || time.Since(last) > logQuiet && time.Since(began) > logQuiet {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
