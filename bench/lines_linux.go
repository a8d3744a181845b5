package main

import (
	"bytes"
	"fmt"
	"sync"
	"time"
)

// lineCheck reads an output and checks the workers' lines in it: none missing, each worker's in order.
type lineCheck struct {
	mu      sync.Mutex
	rest    []byte // of a line whose end has not come
	next    [workers + 1]int
	total   int
	faults  int       // lines that were not the next of their worker, or not whole
	last    time.Time // when the last byte came
	ready   time.Time // when lbdev said that all workers are ready
	readyIs []byte
}

func newLineCheck(n int) *lineCheck {
	return &lineCheck{readyIs: fmt.Appendf(nil, "%d of %d ready", n, n)}
}

// Write takes the next piece of the output.
func (c *lineCheck) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(b)
	c.last = time.Now()
	for {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			c.rest = append(c.rest, b...)
			return n, nil
		}
		if len(c.rest) > 0 {
			c.rest = append(c.rest, b[:i]...)
			c.line(c.rest)
			c.rest = c.rest[:0]
		} else {
			c.line(b[:i])
		}
		b = b[i+1:]
	}
}

func (c *lineCheck) line(b []byte) {
	mark := bytes.IndexByte(b, '~')
	if mark < 0 {
		if c.ready.IsZero() && bytes.Contains(b, c.readyIs) {
			c.ready = c.last
		}
		return
	}
	worker, seq, ok := parseLine(b[mark:])
	if !ok || seq != c.next[worker] {
		c.faults++
	}
	if ok {
		c.next[worker] = seq + 1
		c.total++
	}
}

// parseLine reads what linePrefix wrote. The line must be whole.
func parseLine(b []byte) (worker, seq int, ok bool) {
	const digits = 7
	if len(b) != lineSize-1 || b[2] != ' ' || b[1] < '1' || b[1] > '0'+workers {
		return 0, 0, false
	}
	for _, d := range b[3 : 3+digits] {
		if d < '0' || d > '9' {
			return 0, 0, false
		}
		seq = seq*10 + int(d-'0')
	}
	return int(b[1] - '0'), seq, true
}

func (c *lineCheck) allReady() bool { return !c.readyAt().IsZero() }

func (c *lineCheck) readyAt() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ready
}

// state says how many of the workers' lines have come, how many were wrong, and when the last byte came.
func (c *lineCheck) state() (total, faults int, last time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.total, c.faults, c.last
}
