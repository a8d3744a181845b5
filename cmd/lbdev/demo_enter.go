package main

import (
	"bufio"
	"io"
)

// An enter is the key that begins a step of the demo.
type enter struct {
	lines chan struct{} // one for each line; closed at the end of the input
}

func newEnter(in io.Reader) *enter {
	e := &enter{lines: make(chan struct{})}
	go e.read(in)
	return e
}

// read is the goroutine that reads lines. Nobody waits for its end: a read of a terminal cannot be called off, it ends with
// lbdev.
func (e *enter) read(in io.Reader) {
	defer close(e.lines)
	r := bufio.NewReader(in)
	for {
		_, err := r.ReadSlice('\n')
		if err != nil && err != bufio.ErrBufferFull {
			return
		}
		if err == nil {
			e.lines <- struct{}{}
		}
	}
}
