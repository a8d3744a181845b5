package main

import (
	"fmt"
	"time"
)

// start measures from lbdev's start until it says that all workers are ready, and how long the same workers take when
// nothing stands between.
func (b *bench) start() error {
	var alone, under []time.Duration
	for range b.rounds + 2 { // it takes so little that two more rounds are free
		d, err := b.startAlone()
		if err != nil {
			return err
		}
		alone = append(alone, d)
		c, err := b.up()
		if err != nil {
			return err
		}
		under = append(under, c.lines.readyAt().Sub(c.began))
		c.stop()
	}
	same := func(d time.Duration) time.Duration { return d }
	a, u := median(alone, same), median(under, same)
	t := newTable(fmt.Sprintf("Start: %d workers until all answer, median of %d", workers, len(alone)), "", "time", "over alone")
	t.row("the workers alone, all at once", millis(a), "")
	t.row("lbdev up, until it says ready", millis(u), millis(u-a))
	t.print()
	return nil
}

func (b *bench) startAlone() (time.Duration, error) {
	base, err := freeBlock(workers)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	started, err := b.startWorkers(base, nil)
	took := time.Since(began)
	stopAll(started)
	return took, err
}

// memory is lbdev's with idle workers. Its helpers, if it has some, are counted.
func (b *bench) memory() error {
	c, err := b.up()
	if err != nil {
		return err
	}
	defer c.stop()
	t := newTable(fmt.Sprintf("Memory: lbdev with %d idle workers", workers), "", "PSS", "RSS", "peak RSS", "processes")
	t.row("lbdev", megabytes(c.process.memory("smaps_rollup", "Pss")), megabytes(c.process.memory("status", "VmRSS")), megabytes(c.process.memory("status", "VmHWM")), fmt.Sprint(len(c.own())))
	t.note("PSS shares out the pages that the processes have in common; RSS counts them for each.")
	t.print()
	return nil
}
