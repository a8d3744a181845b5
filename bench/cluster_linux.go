package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"time"
)

// cluster is a running `lbdev up` over this program's workers.
type cluster struct {
	*process
	front int
	base  int // the first worker's port
	lines *lineCheck
	began time.Time
	read  chan struct{} // closed when its output has ended
}

// up starts lbdev and waits until it says that all workers are ready. They inherit env.
func (b *bench) up(env ...string) (*cluster, error) { return b.upN(workers, env...) }

func (b *bench) upN(n int, env ...string) (*cluster, error) {
	base, err := freeBlock(n + 1)
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("cannot make a pipe: %w", err)
	}
	c := &cluster{front: base + n, base: base, lines: newLineCheck(n), read: make(chan struct{})}
	c.began = time.Now()
	c.process, err = launch(w, append(env, b.runtimeDir()), b.lbdev, "up", "-n", strconv.Itoa(n), "--base-port", strconv.Itoa(base),
		"-l", address(c.front), "--", b.self, workerWord)
	w.Close()
	if err != nil {
		r.Close()
		return nil, err
	}
	go c.copyLines(r)
	if err := c.until(b.ctx, 30*time.Second, "waiting for lbdev's workers", c.lines.allReady); err != nil {
		c.stop()
		return nil, err
	}
	return c, nil
}

// copyLines is the reader of lbdev's output; it ends with it, and stop waits for that.
func (c *cluster) copyLines(r *os.File) {
	defer close(c.read)
	defer r.Close()
	io.CopyBuffer(onlyWriter{c.lines}, r, make([]byte, 256<<10)) // ends with the pipe
}

// onlyWriter hides other methods from io.Copy, so that it uses the buffer it is given.
type onlyWriter struct{ io.Writer }

func (c *cluster) stop() {
	c.process.stop()
	<-c.read
}
